//! The tracer's one clock.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;

/// Nanoseconds of CLOCK_BOOTTIME: what trace viewers expect, and it goes on in suspend as a
/// migration's caller does.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper takes nothing and only reads a clock.
    unsafe { bpf_ktime_get_boot_ns() }
}
