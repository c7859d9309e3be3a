//! The tracer in the guest: what it has hooked when it is attached.

/// The file in the guest in which what is traced shows up.
pub(crate) const ATTACHED_FUNCTIONS: &str = "/sys/kernel/tracing/enabled_functions";
/// Where kprobes show up that do not go through the kernel's tracer of functions, as on 64-bit ARM.
pub(crate) const KPROBES: &str = "/sys/kernel/debug/kprobes/list";
/// What is traced, by the tracer when it is attached: where migrations begin comes last.
pub(crate) const TRACED: [&str; 5] = [
    "migrate_vma_finalize",
    "migrate_vma_pages",
    "migrate_vma_setup",
    "migrate_device_range",
    "migrate_device_pfns",
];
