//! Is there a driver that migrates?

use super::{Check, Root, State};

/// Drivers that are known to migrate memory in this way, by the names of their modules.
const KNOWN: &[(&str, &str)] = &[
    (
        "amdgpu",
        "shared virtual memory of AMD GPUs (ROCm with HSA_XNACK=1)",
    ),
    ("nouveau", "shared virtual memory of NVIDIA GPUs"),
    ("xe", "shared virtual memory of Intel GPUs"),
    (
        "nvidia_uvm",
        "unified memory of NVIDIA GPUs, where HMM is on",
    ),
    ("test_hmm", "the kernel's own test driver"),
    ("migrate_test", "migscope's test driver"),
];

pub(super) fn checks(root: &Root) -> Vec<Check> {
    let Some(modules) = root.text("/proc/modules") else {
        return vec![
            Check::new("drivers", "loaded", "unknown")
                .unknown("/proc/modules cannot be read; drivers may be built in"),
        ];
    };
    let loaded: Vec<_> = modules
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter_map(|name| KNOWN.iter().find(|(known, _)| *known == name))
        .map(|(name, what)| Check::new("drivers", *name, *what))
        .collect();
    if loaded.is_empty() {
        let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
        return vec![
            Check::new("drivers", "loaded", "none that is known to migrate").judged(
                State::Limited,
                format!(
                    "Nothing will show until one is loaded and used: {}",
                    known.join(", ")
                ),
            ),
        ];
    }
    loaded
}
