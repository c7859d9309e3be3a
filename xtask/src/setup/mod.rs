//! Set-up: everything that must be on the machine before the project can be built and run.
//!
//! Each part knows whether it is there and makes itself if not. A run makes what is missing, in
//! order; what is there costs nothing.

pub(crate) mod apt;
pub(crate) mod busybox;
pub(crate) mod debian_version;
pub(crate) mod kernel;
pub(crate) mod packages;
pub(crate) mod probe;
pub(crate) mod programs;
pub(crate) mod python;
pub(crate) mod rust_source;
pub(crate) mod stock;
pub(crate) mod tools;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::cache::Cache;
use crate::options::Options;
use crate::progress::{Progress, Step};
use crate::vm::Accelerator;
use crate::workspace::Workspace;
use kernel::{Flavour, Kernel};
use packages::{Need, Packages};
use python::{Environment, READERS, SCHEMAS};
use rust_source::RustSource;
use tools::Tool;

/// One thing that must be there.
pub(crate) trait Part {
    /// What the progress line calls it.
    fn title(&self) -> String;
    /// Whether there is nothing to do.
    fn is_there(&self) -> Result<bool>;
    /// Makes it.
    fn make(&self, step: &Step) -> Result<()>;
}

/// What a command needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// The test VM's kernel, and with it what builds modules.
    pub(crate) kernel: bool,
    /// What compiles eBPF.
    pub(crate) ebpf: bool,
    /// QEMU and what goes into the guest.
    pub(crate) vm: bool,
    /// The terminal that the dashboard is tested in.
    pub(crate) terminal: bool,
    /// What builds programs for the machine that is asked for, if that is another.
    pub(crate) programs: bool,
}

impl Needs {
    /// Everything that the VM needs.
    pub(crate) const ALL: Needs = Needs {
        kernel: true,
        ebpf: true,
        vm: true,
        terminal: false,
        programs: true,
    };
}

/// The machine's state, and how to reach each part.
pub(crate) struct Setup {
    pub(crate) cache: Cache,
    pub(crate) workspace: Workspace,
    /// For which machine.
    pub(crate) arch: Arch,
    /// What is to execute VMs, if that is said.
    pub(crate) accel: Option<Accelerator>,
    pub(crate) rust_source: RustSource,
    pub(crate) bindgen: Tool,
    pub(crate) bpf_linker: Tool,
    pub(crate) kernel: Kernel,
    pub(crate) readers: Environment,
    pub(crate) schemas: Environment,
}

impl Setup {
    /// Looks at the machine; changes nothing.
    pub(crate) fn new(options: Options, flavour: Flavour) -> Result<Self> {
        let pages = options.page_size()?;
        let Options {
            kernel_src,
            accel,
            arch,
            page_size: _,
        } = options;
        let cache = Cache::open()?;
        let workspace = Workspace::find()?;
        let rust_source = RustSource::new(&cache, &workspace);
        let bindgen = Tool::bindgen(&cache, &workspace);
        let bpf_linker = Tool::bpf_linker(&cache, &workspace);
        let kernel = Kernel::new(
            &cache,
            &workspace,
            &rust_source,
            &bindgen,
            kernel_src,
            flavour,
            (arch, pages),
        )?;
        Ok(Setup {
            readers: Environment::new(&cache, READERS),
            schemas: Environment::new(&cache, SCHEMAS),
            cache,
            workspace,
            arch,
            accel,
            rust_source,
            bindgen,
            bpf_linker,
            kernel,
        })
    }

    /// Makes what is missing of what is needed; `further` steps of the caller's come after it.
    /// Returns the progress to go on with.
    pub(crate) fn ensure(&self, needs: Needs, further: usize) -> Result<Progress> {
        let packages = Packages::new(&self.package_needs(needs)?);
        let stages = self.kernel.stages();
        let mut parts: Vec<&dyn Part> = vec![&packages];
        if needs.kernel || needs.ebpf || self.arch.is_foreign() {
            parts.push(&self.rust_source);
        }
        if needs.ebpf {
            parts.push(&self.bpf_linker);
        }
        if needs.kernel {
            parts.push(&self.bindgen);
            parts.extend(stages.iter().map(|stage| stage as &dyn Part));
        }
        let mut missing = Vec::new();
        for part in parts {
            if !part.is_there()? {
                missing.push(part);
            }
        }
        let progress = Progress::new(missing.len() + further);
        for part in missing {
            let step = progress.step(&part.title());
            part.make(&step).with_context(|| part.title())?;
            step.done();
        }
        Ok(progress)
    }

    fn package_needs(&self, needs: Needs) -> Result<Vec<Need>> {
        let mut packages = Vec::new();
        if needs.kernel {
            packages.extend(self.kernel.flavour.needs());
            if self.kernel.tree()?.is_none() {
                packages.push(Need::Kernel);
            }
        }
        if needs.vm {
            packages.push(match self.arch {
                Arch::X86_64 => Need::Vm,
                Arch::Aarch64 => Need::VmOfArm,
            });
        }
        if needs.programs && self.arch.is_foreign() {
            packages.push(Need::ProgramsForArm);
        }
        if needs.terminal {
            packages.push(Need::Terminal);
        }
        Ok(packages)
    }
}
