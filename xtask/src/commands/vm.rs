//! `cargo xtask vm`: one command in the VM.

use std::io::{stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::driver;
use crate::errors::{Status, unsupported};
use crate::lab::Lab;
use crate::options::Options;
use crate::setup::Setup;
use crate::setup::kernel::Flavour;
use crate::vm::Machine;
use crate::vm::builder::{Output, Task};

const TASK: &str = "command";

/// The command to run.
#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// Boot this kernel image instead; its byte streams go over serial lines, which are slow, and
    /// the driver is not for it
    #[arg(long, value_name = "VMLINUZ", conflicts_with = "module")]
    pub(crate) kernel: Option<PathBuf>,
    /// Add a file to the folder that the command runs in
    #[arg(long, value_name = "FILE")]
    pub(crate) add: Vec<PathBuf>,
    /// Let time count instructions, on one emulated processor: the same nanoseconds in every run
    #[arg(long)]
    pub(crate) icount: bool,
    /// Load the test driver first
    #[arg(long)]
    pub(crate) module: bool,
    /// Boot the kernel that looks for bugs, with the driver built for it; everything takes several
    /// times as long
    #[arg(long, conflicts_with = "kernel")]
    pub(crate) debug: bool,
    /// End it as a failure after so many seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) limit: u32,
    /// Program and arguments; the program is looked up in the guest's PATH
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) argv: Vec<String>,
}

/// Boots, runs, and passes on what comes.
pub(crate) fn run(arguments: Vm, options: Options) -> Result<()> {
    let files = arguments.add.iter().chain(&arguments.kernel);
    files.map(AsRef::as_ref).try_for_each(must_be_a_file)?;
    let setup = Setup::new(options, Flavour::new(arguments.debug))?;
    let (lab, _) = Lab::open(setup, 0)?;
    let task = Task::new(TASK, arguments.argv);
    let task = task
        .stdout(Output::Host(Box::new(stdout())))
        .stderr(Output::Host(Box::new(stderr())));
    let mut vm = match arguments.kernel {
        Some(kernel) => lab.vm_of("vm", kernel),
        None => lab.vm("vm"),
    }
    .task(task)
    .limit(Duration::from_secs(arguments.limit.into()));
    if arguments.module {
        vm = driver::load(vm);
    }
    for file in arguments.add {
        vm = vm.add(file)?;
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
