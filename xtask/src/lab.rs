//! Everything that a VM is put together from, made and at hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::arch::Arch;
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

/// The eBPF object, and the programs.
pub(crate) const PROGRAM_STEPS: usize = 2;
const SHELL_STEPS: usize = 1;
const ACCELERATOR_STEPS: usize = 1;

/// The laboratory: boots VMs that hold what this checkout is.
pub(crate) struct Lab {
    pub(crate) setup: Setup,
    pub(crate) programs: Programs,
    /// The program for this machine, which reads what the VM's has recorded.
    pub(crate) reader: PathBuf,
    initramfs: Initramfs,
    /// Ours, if it was asked for.
    kernel: Option<PathBuf>,
    machine: Machine,
    one_thread: AtomicBool,
}

impl Lab {
    /// Does all set-up and builds everything. `further` steps of the caller's come after it.
    pub(crate) fn open(setup: Setup, further: usize) -> Result<(Self, Progress)> {
        // What cannot execute it is said before anything is built.
        let forced = match setup.arch.is_foreign() {
            true => Some(Accelerator::Tcg),
            false => accelerator::forced(setup.accel)?,
        };
        let steps = build::STEPS + SHELL_STEPS + ACCELERATOR_STEPS + further;
        let progress = setup.ensure(Needs::ALL, steps + own_steps(&setup))?;
        let Built { programs, module } = build_all(&setup, &progress)?;
        let kernel = setup.kernel.image(&setup.kernel.built_tree()?);
        let mut lab = Self::equip(setup, &progress, programs)?;
        lab.initramfs.file(MODULE.trim_start_matches('/'), &module);
        lab.kernel = Some(kernel.clone());
        let step = progress.step("accelerator of the VM");
        lab.machine.accelerator = match forced {
            Some(forced) => forced,
            None => {
                let empty = || lab.vm("accelerator");
                accelerator::choose(&lab.setup.cache, &kernel, &step, empty)?
            }
        };
        step.done();
        Ok((lab, progress))
    }

    /// The same where only kernels of others are booted: ours is not built, nor the driver for it.
    pub(crate) fn without_kernel(setup: Setup) -> Result<Self> {
        let needs = Needs {
            kernel: false,
            ..Needs::ALL
        };
        let steps = PROGRAM_STEPS + SHELL_STEPS + own_steps(&setup);
        let progress = setup.ensure(needs, steps)?;
        let programs = build_programs(&setup, setup.arch, &progress)?;
        Self::equip(setup, &progress, programs)
    }

    /// What the guest has with any kernel.
    fn equip(setup: Setup, progress: &Progress, programs: Programs) -> Result<Self> {
        let reader = build_own(&setup, &programs, progress)?;
        scratch::prepare(&setup.workspace)?;
        let step = progress.step("shell of the VM");
        let initramfs = initramfs(&programs, &busybox(&setup, &step)?)?;
        step.done();
        Ok(Lab {
            kernel: None,
            initramfs,
            machine: Machine::new(setup.arch, Accelerator::Tcg, setup.kernel.flavour),
            programs,
            reader,
            setup,
            one_thread: AtomicBool::new(false),
        })
    }

    /// Whether machines from now on are emulated by one thread: see
    /// [`crate::vm::StaleInstruction`].
    pub(crate) fn emulate_on_one_thread(&self, one_thread: bool) {
        self.one_thread.store(one_thread, Ordering::Relaxed);
    }

    /// A boot of another kernel, of which KVM has not been seen to run it: it is emulated unless
    /// the user says otherwise.
    pub(crate) fn vm_of(&self, name: &str, kernel: PathBuf) -> Builder {
        let vm = self.boot(name, kernel.clone()).foreign_kernel(kernel);
        match self.setup.accel {
            Some(_) => vm,
            None => vm.machine(|machine| Machine {
                accelerator: Accelerator::Tcg,
                ..machine
            }),
        }
    }

    /// A boot of our kernel; its failure leaves its logs in a folder of this name.
    ///
    /// # Panics
    ///
    /// Without our kernel.
    pub(crate) fn vm(&self, name: &str) -> Builder {
        let kernel = self.kernel.clone().expect("opened with our kernel");
        self.boot(name, kernel)
    }

    fn boot(&self, name: &str, kernel: PathBuf) -> Builder {
        Builder::new(
            kernel,
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
    let programs = build_programs(setup, setup.arch, progress)?;
    let module = build_module(setup, progress)?;
    Ok(Built { programs, module })
}

fn build_module(setup: &Setup, progress: &Progress) -> Result<PathBuf> {
    let step = progress.step("test driver");
    let module = build::module(setup, &step).context("build the test driver")?;
    step.done();
    Ok(module)
}

/// What another machine's programs need besides: one for this machine.
pub(crate) fn own_steps(setup: &Setup) -> usize {
    match setup.arch.is_foreign() {
        true => PROGRAM_STEPS,
        false => 0,
    }
}

/// Builds the eBPF object and the programs of such a machine.
pub(crate) fn build_programs(setup: &Setup, arch: Arch, progress: &Progress) -> Result<Programs> {
    let of = if arch == setup.arch {
        ""
    } else {
        " of this machine"
    };
    let step = progress.step(&format!("eBPF object{of}"));
    let ebpf = build::ebpf(setup, arch, &step).context("build the eBPF object")?;
    step.done();
    let step = progress.step(&format!("migscope and what runs beside it in the VM{of}"));
    let programs = build::programs(setup, arch, &ebpf, &step).context("build the programs")?;
    step.done();
    Ok(programs)
}

/// The migscope that runs here: the same, or where the VM is another machine one more.
pub(crate) fn build_own(setup: &Setup, built: &Programs, progress: &Progress) -> Result<PathBuf> {
    Ok(match setup.arch.is_foreign() {
        true => build_programs(setup, Arch::HOST, progress)?.migscope,
        false => built.migscope.clone(),
    })
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
