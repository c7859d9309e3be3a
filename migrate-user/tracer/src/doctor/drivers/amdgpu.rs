//! AMD's driver: which of its GPUs migrate memory, and when?
//!
//! After `kgd2kfd_init_zone_device`, `amdgpu_gmc_noretry_set` and `kfd_process_xnack_mode` of Linux
//! 7.2: memory moves when the device faults only in a process with XNACK, and whether there can be
//! one depends on the GPU.

use super::{Check, Root, State, Symbols, has, parameter};

const MODULE: &str = "amdgpu";
const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";
/// `HSA_CAP_SVMAPI_SUPPORTED`.
const SVM: u64 = 0x0800_0000;

pub(super) fn checks(root: &Root, symbols: Option<&Symbols>) -> Vec<Check> {
    if !has(root, MODULE) {
        return Vec::new();
    }
    let noretry = Noretry::of(root);
    let gpus = gpus(root);
    let mut checks = vec![built(symbols), noretry.check()];
    checks.extend(gpus.iter().map(|gpu| gpu.check(noretry, &gpus)));
    checks
}

fn built(symbols: Option<&Symbols>) -> Check {
    let check = |found: &str| Check::new("drivers", "amdgpu SVM", found);
    match symbols.map(|symbols| symbols.has("svm_range_restore_pages")) {
        Some(true) => check("built in"),
        Some(false) => check("not built in").judged(
            State::Limited,
            "The kernel was built without CONFIG_HSA_AMD_SVM: nothing will be migrated by this driver",
        ),
        None => check("unknown").unknown("/proc/kallsyms cannot be read"),
    }
}

/// `amdgpu.noretry`: are faults of the device given up at once?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noretry {
    /// As is usual for the GPU.
    Auto,
    Off,
    On,
    Unknown,
}

impl Noretry {
    fn of(root: &Root) -> Self {
        match parameter(root, MODULE, "noretry").as_deref() {
            Some("-1") => Self::Auto,
            Some("0") => Self::Off,
            Some(_) => Self::On,
            None => Self::Unknown,
        }
    }

    /// What it means depends on the GPU, and is told there.
    fn check(self) -> Check {
        let check = |found: &str| Check::new("drivers", "amdgpu.noretry", found);
        match self {
            Self::Auto => check("-1: as is usual for each GPU"),
            Self::Off => check("0: page faults of devices are retried"),
            Self::On => check(
                "1: page faults of devices are not retried, but on GPUs where each process decides",
            ),
            Self::Unknown => check("unknown").unknown("The module's parameters cannot be read"),
        }
    }
}

/// A node of the topology that has a processor for programs.
struct Gpu {
    node: String,
    /// 90010 is gfx90a: major times 10,000, minor times 100, stepping.
    target: u64,
    has_svm: bool,
}

/// When a GPU's faults can migrate memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Faults {
    /// In every process that asks for it.
    PerProcess,
    /// As the parameter says; and what it is unless it is set.
    ByParameter {
        usual: Option<bool>,
    },
    Never,
}

impl Gpu {
    fn name(&self) -> String {
        let Self { target, .. } = self;
        format!(
            "gfx{}{:x}{:x}",
            target / 10_000,
            target / 100 % 100,
            target % 100
        )
    }

    /// `KFD_SUPPORT_XNACK_PER_PROCESS`, and the versions in `amdgpu_gmc_noretry_set`.
    fn faults(&self) -> Faults {
        match self.target {
            90_010 | 90_402 | 90_500 => Faults::PerProcess,
            90_000 | 90_006 | 90_008 => Faults::ByParameter { usual: Some(false) },
            90_001..100_000 => Faults::ByParameter { usual: Some(true) },
            120_500.. => Faults::ByParameter { usual: None },
            _ => Faults::Never,
        }
    }

    fn check(&self, noretry: Noretry, all: &[Self]) -> Check {
        let check = |found: &str| {
            let found = format!("{}: {found}", self.name());
            Check::new("drivers", format!("amdgpu node {}", self.node), found)
        };
        if !self.has_svm {
            return check("no shared virtual memory").judged(
                State::Limited,
                "The driver did not register its memory (see `dmesg`), as it does for Vega and later: nothing is migrated to it",
            );
        }
        let can = match (self.faults(), noretry) {
            (Faults::Never, _) => Some(false),
            (Faults::PerProcess, _) | (Faults::ByParameter { .. }, Noretry::Off) => Some(true),
            (Faults::ByParameter { .. }, Noretry::On) => Some(false),
            (Faults::ByParameter { usual }, Noretry::Auto) => usual,
            (Faults::ByParameter { .. }, Noretry::Unknown) => None,
        };
        let other = all
            .iter()
            .find(|gpu| gpu.has_svm && gpu.faults() == Faults::Never);
        match (can, other) {
            (Some(true), None) => check("faults migrate memory in processes with XNACK (HSA_XNACK=1)"),
            (Some(true), Some(other)) => check("it could fault in processes with XNACK").judged(
                State::Limited,
                format!(
                    "A process has XNACK on all of its GPUs or on none, and node {} ({}) has none: memory moves by itself \
                     only in processes that may not use that node",
                    other.node,
                    other.name()
                ),
            ),
            (Some(false), _) => check("without page faults").judged(State::Limited, self.why_not()),
            (None, _) => check("page faults are unknown").unknown(
                "With amdgpu.noretry=0 its faults migrate memory in processes with XNACK (HSA_XNACK=1)",
            ),
        }
    }

    fn why_not(&self) -> &'static str {
        match self.faults() {
            Faults::ByParameter { .. } => {
                "With amdgpu.noretry=0 (a file of /etc/modprobe.d, or the kernel's command line) its faults migrate memory \
                 in processes with HSA_XNACK=1; until then only what programs ask to be moved is"
            }
            Faults::Never | Faults::PerProcess => {
                "The driver has none for this generation: memory goes to it only where a program asks for that (prefetch, \
                 preferred location), and comes back by faults of the CPU and evictions"
            }
        }
    }
}

fn gpus(root: &Root) -> Vec<Gpu> {
    let nodes = root.names(NODES).into_iter();
    nodes.filter_map(|node| gpu(root, node)).collect()
}

/// Lines `name value`. Processors have no target.
fn gpu(root: &Root, node: String) -> Option<Gpu> {
    let text = root.text(&format!("{NODES}/{node}/properties"))?;
    let value = |wanted: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        value.trim().parse::<u64>().ok()
    };
    let target = value("gfx_target_version").filter(|target| *target != 0)?;
    Some(Gpu {
        has_svm: value("capability")? & SVM != 0,
        node,
        target,
    })
}
