//! `cargo xtask vm`: one command in the VM.

use std::io::{stderr, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::{Options, Vm};
use crate::driver;
use crate::errors::{Status, unsupported};
use crate::lab::Lab;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;
use crate::vm::builder::{Output, Task};
use crate::vm::{Accelerator, Machine};

const TASK: &str = "command";

/// Boots, runs, and passes on what comes.
pub(crate) fn run(arguments: Vm, options: Options) -> Result<()> {
    let files = arguments.add.iter().chain(&arguments.kernel);
    files.map(AsRef::as_ref).try_for_each(must_be_a_file)?;
    let setup = Setup::new(options.kernel_src, Flavour::new(arguments.debug))?;
    let (lab, _) = Lab::open(setup, options.accel, 0)?;
    let task = Task::new(TASK, arguments.argv);
    let task = task
        .stdout(Output::Host(Box::new(stdout())))
        .stderr(Output::Host(Box::new(stderr())));
    let mut vm = lab
        .vm("vm")
        .task(task)
        .limit(Duration::from_secs(arguments.limit.into()));
    if arguments.module {
        vm = driver::load(vm);
    }
    for file in arguments.add {
        vm = vm.add(file)?;
    }
    if let Some(kernel) = arguments.kernel {
        vm = vm.foreign_kernel(kernel);
        if options.accel.is_none() {
            // Whether KVM runs it has not been seen.
            vm = vm.machine(|machine| Machine {
                accelerator: Accelerator::Tcg,
                ..machine
            });
        }
    }
    if arguments.icount {
        vm = vm.machine(Machine::counting_instructions);
    }
    match vm.run()?.end(TASK)?.status() {
        0 => Ok(()),
        status => bail!(Status(status)),
    }
}

fn must_be_a_file(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    Err(unsupported(format!("{} is no file", path.display())))
}
