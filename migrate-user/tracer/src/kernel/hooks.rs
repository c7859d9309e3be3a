//! What is hooked to what.

/// A kernel function, or a tracepoint, and what is hooked to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook {
    /// The function; where its name has changed, every name that it had, newest first.
    pub(crate) functions: &'static [&'static str],
    /// The program at its return, if there is one. Attached first: what is seen to begin is seen to
    /// end.
    pub(crate) at_return: Option<&'static str>,
    /// The program at its entry, if there is one.
    pub(crate) at_entry: Option<&'static str>,
    pub(crate) need: Need,
    /// It takes to know what a page table's entry of a page on a device looks like.
    pub(crate) of_device_pages: bool,
}

/// What it means when a function is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing can be traced.
    Needed,
    /// The kernel has no such call, so that there is nothing to miss.
    IfThere,
    /// The compiler may have put it into its callers; then a detail stays unknown.
    Detail,
}

/// The programs of a hook, in the order in which they are attached; is it at the return?
pub(super) fn programs(hook: &Hook) -> impl Iterator<Item = (&'static str, bool)> {
    let at_return = hook.at_return.into_iter().map(|name| (name, true));
    at_return.chain(hook.at_entry.into_iter().map(|name| (name, false)))
}

/// How a function can be hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Fentry,
    Fprobe,
    Kprobe,
}

impl Method {
    /// The name used in recordings and on screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Fprobe => "fprobe",
            Self::Kprobe => "kprobe",
        }
    }

    /// The program that does the same by this method.
    pub(super) fn program(self, name: &str) -> String {
        match self {
            Self::Fentry => name.to_owned(),
            Self::Fprobe | Self::Kprobe => format!("{name}_kprobe"),
        }
    }
}

const fn hook(
    functions: &'static [&'static str],
    at_entry: &'static str,
    at_return: &'static str,
    need: Need,
) -> Hook {
    Hook {
        functions,
        at_return: Some(at_return),
        at_entry: Some(at_entry),
        need,
        of_device_pages: false,
    }
}

/// What every migration is seen by. In the order in which they are attached.
pub(crate) const HOOKS: [Hook; 9] = [
    hook(
        &["migrate_vma_finalize"],
        "finalize_entry",
        "finalize_return",
        Need::Needed,
    ),
    hook(
        &["migrate_vma_pages"],
        "pages_entry",
        "pages_return",
        Need::Needed,
    ),
    hook(
        &["migrate_device_finalize"],
        "device_finalize_entry",
        "device_finalize_return",
        Need::IfThere,
    ),
    hook(
        &["migrate_device_pages"],
        "device_pages_entry",
        "device_pages_return",
        Need::IfThere,
    ),
    hook(
        &[
            "migrate_device_coherent_folio",
            "migrate_device_coherent_page",
        ],
        "coherent_entry",
        "coherent_return",
        Need::IfThere,
    ),
    Hook {
        functions: &["migrate_device_unmap"],
        at_return: None,
        at_entry: Some("unmap_entry"),
        need: Need::Detail,
        of_device_pages: false,
    },
    hook(
        &["migrate_vma_setup"],
        "setup_entry",
        "setup_return",
        Need::Needed,
    ),
    hook(
        &["migrate_device_range"],
        "range_entry",
        "range_return",
        Need::IfThere,
    ),
    hook(
        &["migrate_device_pfns"],
        "pfns_entry",
        "pfns_return",
        Need::IfThere,
    ),
];

/// What tells where device memory is. In place before anything migrates.
pub(crate) const MEMORY: [Hook; 2] = [
    Hook {
        functions: &["memremap_pages"],
        at_return: Some("memremap_return"),
        at_entry: None,
        need: Need::Detail,
        of_device_pages: false,
    },
    Hook {
        functions: &["memunmap_pages"],
        at_return: None,
        at_entry: Some("memunmap_entry"),
        need: Need::Detail,
        of_device_pages: false,
    },
];

/// What it is seen by who asks a driver.
pub(crate) const ASKS: [Hook; 1] = [Hook {
    functions: &["__x64_sys_ioctl", "__arm64_sys_ioctl"],
    at_return: None,
    at_entry: Some("ioctl_entry"),
    need: Need::Detail,
    of_device_pages: false,
}];

/// What the parts of setup are seen by.
pub(crate) const PARTS: [Hook; 6] = [
    hook(
        &["lru_add_drain_all"],
        "lru_drain_entry",
        "lru_drain_return",
        Need::Detail,
    ),
    hook(
        &["__mmu_notifier_invalidate_range_start"],
        "invalidate_entry",
        "invalidate_return",
        Need::Detail,
    ),
    hook(
        &["__mmu_notifier_invalidate_range_end"],
        "invalidate_end_entry",
        "invalidate_end_return",
        Need::Detail,
    ),
    hook(
        &["try_to_migrate"],
        "rmap_entry",
        "rmap_return",
        Need::Detail,
    ),
    hook(
        &[
            "__folio_split",
            "split_huge_page_to_list_to_order",
            "split_huge_page_to_list",
        ],
        "split_entry",
        "split_return",
        Need::Detail,
    ),
    hook(
        &["folio_split_unmapped"],
        "split_unmapped_entry",
        "split_unmapped_return",
        Need::Detail,
    ),
];

/// What parts of the driver's steps are seen by, beside tracepoints.
pub(crate) const DRIVER_PARTS: [Hook; 3] = [
    hook(
        &[
            "__alloc_frozen_pages_noprof",
            "__alloc_pages_noprof",
            "__alloc_pages",
        ],
        "alloc_entry",
        "alloc_return",
        Need::Detail,
    ),
    hook(
        &["dma_map_phys", "dma_map_page_attrs"],
        "dma_map_entry",
        "dma_map_return",
        Need::Detail,
    ),
    hook(
        &["dma_map_sg_attrs"],
        "dma_map_sg_entry",
        "dma_map_sg_return",
        Need::Detail,
    ),
];

/// What waits of CPUs are seen by.
pub(crate) const WAITS: [Hook; 5] = [
    Hook {
        of_device_pages: true,
        ..hook(
            &["do_swap_page"],
            "fault_entry",
            "fault_return",
            Need::Detail,
        )
    },
    Hook {
        of_device_pages: true,
        ..hook(
            &["do_huge_pmd_device_private"],
            "huge_fault_entry",
            "huge_fault_return",
            Need::IfThere,
        )
    },
    hook(
        &["migration_entry_wait"],
        "migrating_entry",
        "migrating_return",
        Need::Detail,
    ),
    hook(
        &["pmd_migration_entry_wait"],
        "huge_migrating_entry",
        "huge_migrating_return",
        Need::Detail,
    ),
    hook(
        &[
            "softleaf_entry_wait_on_locked",
            "migration_entry_wait_on_locked",
        ],
        "page_lock_entry",
        "page_lock_return",
        Need::Detail,
    ),
];

/// What waits on the device's side are seen by.
pub(crate) const DEVICE_SIDE: [Hook; 5] = [
    hook(
        &["hmm_range_fault"],
        "range_fault_entry",
        "range_fault_return",
        Need::Detail,
    ),
    hook(
        &["mmu_interval_read_begin"],
        "notifier_entry",
        "notifier_return",
        Need::Detail,
    ),
    hook(
        &["make_device_exclusive"],
        "exclusive_entry",
        "exclusive_return",
        Need::IfThere,
    ),
    hook(
        &["make_device_exclusive_range"],
        "exclusive_range_entry",
        "exclusive_range_return",
        Need::IfThere,
    ),
    hook(
        &["__mmu_notifier_invalidate_range_start"],
        "invalidation_entry",
        "invalidation_return",
        Need::Detail,
    ),
];
