//! NVIDIA's driver: does it migrate ordinary memory, and which memory is that? By its parameters,
//! as `uvm_hmm_is_enabled_system_wide` and `uvm_va_space_mm_enabled_system` of its source read
//! them.

use super::{Check, Root, State, has, parameter};

const MODULE: &str = "nvidia_uvm";

pub(super) fn checks(root: &Root) -> Vec<Check> {
    if !has(root, MODULE) {
        return Vec::new();
    }
    let mut checks = vec![hmm(root)];
    checks.extend(address_spaces(root));
    checks.push(managed());
    checks
}

fn hmm(root: &Root) -> Check {
    let check = |found: &str| Check::new("drivers", "nvidia_uvm.uvm_disable_hmm", found);
    match parameter(root, MODULE, "uvm_disable_hmm").as_deref() {
        Some("N" | "0") => check(
            "N: HMM is on, unless ATS or confidential computing is, or the driver was built without it",
        ),
        Some(set) => check(&format!("{set}: HMM is off")).judged(
            State::Limited,
            "Memory of malloc and mmap is never migrated to a GPU, but for machines whose GPUs see it by ATS (Grace, \
             POWER9). Elsewhere put `options nvidia_uvm uvm_disable_hmm=0` into a file of /etc/modprobe.d, and load the \
             module again (the driver's default is Y where it is not for x86-64)",
        ),
        None => check("not there").unknown(
            "The driver has had this parameter since it knows HMM; without it nothing is known, and probably nothing migrates",
        ),
    }
}

/// Without its notifiers the driver has no access to memory that it did not give out itself. Nobody
/// misses the parameter where it is not.
fn address_spaces(root: &Root) -> Option<Check> {
    let value = parameter(root, MODULE, "uvm_enable_va_space_mm")?;
    (value == "0").then(|| {
        Check::new("drivers", "nvidia_uvm.uvm_enable_va_space_mm", "0").judged(
            State::Limited,
            "Neither HMM nor ATS works without it, so that nothing is migrated: load the module without that option",
        )
    })
}

/// `uvm_hmm_vma_is_valid` and `migrate_pageable_vma` refuse managed memory.
fn managed() -> Check {
    Check::new(
        "drivers",
        "cudaMallocManaged",
        "never seen here: the driver moves its own managed memory without the kernel's functions. What is seen is memory \
         of malloc and mmap, with HMM or ATS",
    )
}
