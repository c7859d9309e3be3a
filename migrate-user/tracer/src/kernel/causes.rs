//! Why memory migrates, by the functions on whose behalf it does: the table that the probes go by.
//!
//! The innermost function on the stack at setup that stands here decides. Where none does the cause
//! is unknown. Pages that a CPU or the kernel touched are told by registers and need no function;
//! evictions by `migrate_device_*` neither.
//!
//! To add a driver, add its functions: those that only ever run for one reason, as far out as that
//! holds.

use migrate_ebpf::wire::Cause;

/// Names of functions; one that ends in `*` stands for all that begin so. A module in Rust, which
/// decorates its names, has such a function where one of its own contains the name.
pub(super) const CAUSES: &[(Cause, &[&str])] = &[
    (
        Cause::DeviceFault,
        &[
            // amdgpu, drivers/gpu/drm/amd/amdkfd/kfd_svm.c
            "svm_range_restore_pages",
            // xe, drivers/gpu/drm/xe/xe_pagefault.c, and xe_gt_pagefault.c before 6.19
            "xe_pagefault_*",
            "pf_queue_work_func",
            // nouveau, drivers/gpu/drm/nouveau/nouveau_svm.c
            "nouveau_svm_fault",
            "nouveau_svm_fault_*",
            // nvidia-uvm, kernel-open/nvidia-uvm/uvm_gpu_replayable_faults.c,
            // uvm_gpu_non_replayable_faults.c, uvm_ats_faults.c
            "uvm_parent_gpu_service_replayable_faults",
            "uvm_parent_gpu_service_non_replayable_fault_buffer",
            "uvm_gpu_service_replayable_faults",
            "uvm_gpu_service_non_replayable_fault_buffer",
            "uvm_ats_service_faults",
            "service_fault_batch*",
            "replayable_faults_isr_bottom_half*",
            "non_replayable_faults_isr_bottom_half*",
        ],
    ),
    (
        Cause::Prefetch,
        &[
            "svm_range_set_attr",
            "xe_vm_madvise_ioctl",
            "xe_vm_bind_ioctl",
            "nouveau_svmm_bind",
            "uvm_api_migrate*",
            "uvm_migrate",
            "uvm_migrate_*",
        ],
    ),
    (
        Cause::Eviction,
        &[
            "svm_range_evict_svm_bo_worker",
            "drm_pagemap_evict_to_ram",
            "drm_gpusvm_range_evict",
            "nouveau_dmem_evict_chunk",
            "uvm_hmm_va_block_evict_*",
            "uvm_va_block_evict_chunks",
        ],
    ),
    // Where registers do not tell.
    (
        Cause::KernelAccess,
        &["hmm_range_fault", "faultin_page", "fixup_user_fault"],
    ),
    // A system call of a driver's: what it asks for, its driver knows.
    (
        Cause::Driver,
        &[
            "__x64_sys_ioctl",
            "__ia32_compat_sys_ioctl",
            "__arm64_sys_ioctl",
            "vfs_write",
            "vfs_read",
        ],
    ),
];

/// The cause that a function of this name stands for.
pub(super) fn cause_of(function: &str) -> Option<Cause> {
    CAUSES
        .iter()
        .find(|(_, names)| names.iter().any(|name| is_named(function, name)))
        .map(|(cause, _)| *cause)
}

fn is_named(function: &str, name: &str) -> bool {
    let stem = name.strip_suffix('*');
    if function.starts_with("_R") {
        // `_R...23svm_range_restore_pages...`: the length stands before the name.
        let whole = format!("{}{name}", name.len());
        return function.contains(stem.unwrap_or(&whole));
    }
    match stem {
        Some(stem) => function.starts_with(stem),
        None => function == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_drivers_tell_why() {
        for (function, cause) in [
            ("svm_range_restore_pages", Some(Cause::DeviceFault)),
            ("xe_pagefault_queue_work", Some(Cause::DeviceFault)),
            ("nouveau_svm_fault", Some(Cause::DeviceFault)),
            ("uvm_migrate_pageable", Some(Cause::Prefetch)),
            ("__x64_sys_ioctl", Some(Cause::Driver)),
            ("svm_range_restore", None),
            ("do_swap_page", None),
        ] {
            assert_eq!(cause_of(function), cause, "{function}");
        }
    }

    #[test]
    fn a_module_in_rust_names_them_within_its_own_names() {
        let name = "_RNvNtCs1234_12migrate_test6amdgpu23svm_range_restore_pages";
        assert_eq!(cause_of(name), Some(Cause::DeviceFault));
        let other = "_RNvNtCs1234_12migrate_test6amdgpu29svm_range_restore_pages_later";
        assert_eq!(cause_of(other), None);
    }
}
