//! Everything that a VM is put together from, made and at hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

use crate::build::{self, Programs};
use crate::driver::MODULE;
use crate::process::output;
use crate::progress::Progress;
use crate::scratch;
use crate::setup::busybox::busybox_for;
use crate::setup::kernel::Kernel;
use crate::setup::probe::static_busybox;
use crate::setup::stock::StockKernel;
use crate::setup::{Needs, Setup};
use crate::vm::builder::Builder;
use crate::vm::{Accelerator, Initramfs, Machine, accelerator};

/// Choosing the accelerator, or finding a kernel.
const FURTHER_STEPS: usize = 1;

/// Debian's series of kernels that another kind of machine boots.
const NEWEST: &str = "7.3";

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
        let forced = accelerator::forced(setup.accel)?;
        let progress = setup.ensure(Needs::ALL, build::STEPS + FURTHER_STEPS + further)?;
        if setup.arch.is_foreign() {
            let lab = Self::of_another_machine(setup, &progress)?;
            return Ok((lab, progress));
        }
        let built = build_all(&setup, &progress)?;
        scratch::prepare(&setup.workspace)?;
        let kernel = Kernel::image(&setup.kernel.built_tree()?);
        let busybox = static_busybox().context("there is no static busybox")?;
        let mut lab = Lab {
            initramfs: initramfs(&built.programs, &busybox)?,
            machine: Machine::new(forced.unwrap_or(Accelerator::Tcg), setup.kernel.flavour),
            programs: built.programs,
            setup,
            kernel,
            one_thread: AtomicBool::new(false),
        };
        let step = progress.step("accelerator of the VM");
        if forced.is_none() {
            let empty = || lab.vm("accelerator");
            let chosen = accelerator::choose(&lab.setup.cache, &lab.kernel, &step, empty)?;
            lab.machine = Machine::new(chosen, lab.setup.kernel.flavour);
        }
        step.done();
        let module = MODULE.trim_start_matches('/');
        lab.initramfs.file(module, &built.module);
        Ok((lab, progress))
    }

    /// The same for another kind of machine, which boots Debian's newest kernel unless a test wants
    /// another: the test driver is not built for it.
    fn of_another_machine(setup: Setup, progress: &Progress) -> Result<Self> {
        let arch = setup.arch;
        let programs = build_programs(&setup, progress)?;
        scratch::prepare(&setup.workspace)?;
        let step = progress.step(&format!("kernel and tools for {arch}"));
        let busybox = busybox_for(arch, &setup.cache, &step)?;
        let kernel = StockKernel::of(arch.stock_flavours()[0], NEWEST, &setup.cache, &step)?;
        step.done();
        Ok(Lab {
            initramfs: initramfs(&programs, &busybox)?,
            machine: Machine::foreign(arch),
            programs,
            setup,
            kernel: kernel.image,
            one_thread: AtomicBool::new(false),
        })
    }

    /// Whether machines from now on are emulated by one thread: see
    /// [`crate::vm::StaleInstruction`].
    pub(crate) fn emulate_on_one_thread(&self, one_thread: bool) {
        self.one_thread.store(one_thread, Ordering::Relaxed);
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
