//! Everything that a VM is put together from, made and at hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::build::{self, Programs};
use crate::driver::MODULE;
use crate::process::output;
use crate::progress::{Progress, Step};
use crate::scratch;
use crate::setup::busybox::busybox_for;
use crate::setup::probe::static_busybox;
use crate::setup::{Needs, Setup};
use crate::vm::builder::Builder;
use crate::vm::{Accelerator, Initramfs, Machine, accelerator};

/// The shell, and choosing the accelerator.
const FURTHER_STEPS: usize = 1;

/// The laboratory: boots VMs that hold what this checkout is.
pub(crate) struct Lab {
    pub(crate) setup: Setup,
    pub(crate) programs: Programs,
    initramfs: Initramfs,
    kernel: PathBuf,
    machine: Machine,
    one_thread: AtomicBool,
}

impl Lab {
    /// Does all set-up and builds everything. `further` steps of the caller's come after it.
    pub(crate) fn open(setup: Setup, further: usize) -> Result<(Self, Progress)> {
        let forced = match setup.arch.is_foreign() {
            true => Some(Accelerator::Tcg),
            false => accelerator::forced(setup.accel)?,
        };
        let progress = setup.ensure(Needs::ALL, build::STEPS + FURTHER_STEPS + further)?;
        let built = build_all(&setup, &progress)?;
        scratch::prepare(&setup.workspace)?;
        let step = progress.step("shell and accelerator of the VM");
        let mut initramfs = initramfs(&built.programs, &busybox(&setup, &step)?)?;
        initramfs.file(MODULE.trim_start_matches('/'), &built.module);
        let machine = Machine::new(
            setup.arch,
            forced.unwrap_or(Accelerator::Tcg),
            setup.kernel.flavour,
        );
        let mut lab = Lab {
            kernel: setup.kernel.image(&setup.kernel.built_tree()?),
            initramfs,
            machine,
            programs: built.programs,
            setup,
            one_thread: AtomicBool::new(false),
        };
        if forced.is_none() {
            let empty = || lab.vm("accelerator");
            let cache = &lab.setup.cache;
            lab.machine.accelerator = accelerator::choose(cache, &lab.kernel, &step, empty)?;
        }
        step.done();
        Ok((lab, progress))
    }

    /// Whether machines from now on are emulated by one thread: see
    /// [`crate::vm::StaleInstruction`].
    pub(crate) fn emulate_on_one_thread(&self, one_thread: bool) {
        self.one_thread.store(one_thread, Ordering::Relaxed);
    }

    /// A boot of another kernel, of which KVM has not been seen to run it: it is emulated unless
    /// the user says otherwise.
    pub(crate) fn vm_of(&self, name: &str, kernel: PathBuf) -> Builder {
        let vm = self.vm(name).foreign_kernel(kernel);
        match self.setup.accel {
            Some(_) => vm,
            None => vm.machine(|machine| Machine {
                accelerator: Accelerator::Tcg,
                ..machine
            }),
        }
    }

    /// A boot of our kernel; its failure leaves its logs in a folder of this name.
    pub(crate) fn vm(&self, name: &str) -> Builder {
        Builder::new(
            self.kernel.clone(),
            Machine {
                one_thread: self.one_thread.load(Ordering::Relaxed),
                ..self.machine
            },
            self.initramfs.clone(),
            scratch::path(&self.setup.workspace, name),
        )
    }
}

/// Everything that [`build_all`] made.
pub(crate) struct Built {
    pub(crate) programs: Programs,
    pub(crate) module: PathBuf,
}

/// Builds the eBPF object, the programs and the module.
pub(crate) fn build_all(setup: &Setup, progress: &Progress) -> Result<Built> {
    let programs = build_programs(setup, progress)?;
    let step = progress.step("test driver");
    let module = build::module(setup, &step).context("build the test driver")?;
    step.done();
    Ok(Built { programs, module })
}

/// Builds the eBPF object and the programs.
pub(crate) fn build_programs(setup: &Setup, progress: &Progress) -> Result<Programs> {
    let step = progress.step("eBPF object");
    let ebpf = build::ebpf(setup, &step).context("build the eBPF object")?;
    step.done();
    let step = progress.step("migscope and what runs beside it in the VM");
    let programs = build::programs(setup, &ebpf, &step).context("build the programs")?;
    step.done();
    Ok(programs)
}

/// The guest's shell and tools.
fn busybox(setup: &Setup, step: &Step) -> Result<PathBuf> {
    if setup.arch.is_foreign() {
        return busybox_for(setup.arch, &setup.cache, step);
    }
    static_busybox().context("there is no static busybox")
}

/// A guest with the programs and busybox.
fn initramfs(programs: &Programs, busybox: &Path) -> Result<Initramfs> {
    let applets = output(
        Command::new(static_busybox().context("there is no static busybox")?).arg("--list"),
    )?;
    let mut initramfs = Initramfs::default();
    initramfs
        .file("init", &programs.init)
        .file("bin/migscope", &programs.migscope)
        .file("bin/workload", &programs.workload)
        .file("bin/busybox", busybox);
    for applet in applets.lines().filter(|applet| *applet != "busybox") {
        initramfs.link(format!("bin/{applet}"), "busybox");
    }
    initramfs
        .bytes("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        .bytes("etc/group", "root:x:0:\n");
    Ok(initramfs)
}
