//! Counts what the tracer could not see.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, macros::map, maps::Array};
use migrate_ebpf::wire::{COUNTERS as COUNT, LOSS_NAMES, Loss};

use crate::atomic::fetch_add;

/// See [`COUNT`]. User space reads it as memory: while it reads a map by a system call, the kernel runs no kprobe's program on that
/// processor.
#[map]
static COUNTERS: Array<[u64; COUNT]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

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
    let Some(counters) = COUNTERS.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: every loss has a counter, and so have the migrations that ended.
    fetch_add(unsafe { counters.cast::<u64>().add(index) }, number)
}
