//! Counts what the tracer could not see.

use migrate_ebpf::wire::{COUNTERS as COUNT, LOSS_NAMES, Loss};

use crate::atomic::fetch_add;

/// See [`COUNT`]. A global in a map of its own, which user space reads.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.counters")]
static mut COUNTERS: [u64; COUNT] = [0; COUNT];

const ENDED: usize = LOSS_NAMES.len();
const CHANGES: usize = ENDED + 1;

/// Counts one loss.
#[inline(always)]
pub(crate) fn count(loss: Loss) {
    add(loss, 1);
}

/// Counts several losses.
#[inline(always)]
pub(crate) fn add(loss: Loss, number: u64) {
    increase(loss as usize, number);
}

/// Takes the next sequence number.
#[inline(always)]
pub(crate) fn next_sequence() -> u64 {
    increase(ENDED, 1)
}

/// The kernel's memory or code is not what user space has told.
#[inline(always)]
pub(crate) fn changed() {
    increase(CHANGES, 1);
}

#[inline(always)]
fn increase(index: usize, number: u64) -> u64 {
    // SAFETY: every loss has a counter, and so have the migrations that ended.
    fetch_add(
        unsafe { (&raw mut COUNTERS).cast::<u64>().add(index) },
        number,
    )
}
