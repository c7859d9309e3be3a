//! Counts what the tracer could not see.

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_F_MMAPABLE},
    macros::map,
    maps::{Array, LruHashMap},
};
use migrate_ebpf::wire::{COUNTERS as COUNT, LOSSES, Loss};

use crate::atomic::fetch_add;

/// See [`COUNT`]. User space reads it as memory: while it reads a map by a system call, the kernel
/// runs no kprobe's program on that processor.
#[map]
static COUNTERS: Array<[u64; COUNT]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

const ENDED: usize = LOSSES;
const CHANGES: usize = ENDED + 1;
const WAITS: usize = CHANGES + 1;

/// How many calls of a thread, by the address of its `struct task_struct`, were not followed
/// because there was no room, and have not come to their end.
#[map]
static NOT_FOLLOWED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4096, 0);

/// There is no room to follow a call of this thread.
#[inline(always)]
pub(crate) fn count_not_followed(thread: u64) {
    count(Loss::InFlightFull);
    note_not_followed(thread, not_followed(thread) + 1);
}

/// A call of this thread ends of which nothing is known: it began before tracing did, if it is none
/// of those for which there was no room, and that are counted.
#[inline(always)]
pub(crate) fn count_headless(thread: u64) {
    match not_followed(thread) {
        0 => count(Loss::Headless),
        calls => note_not_followed(thread, calls - 1),
    }
}

#[inline(always)]
fn not_followed(thread: u64) -> u64 {
    // SAFETY: only this thread has this key; what another one evicts meanwhile is read as it was.
    unsafe { NOT_FOLLOWED.get(thread) }.copied().unwrap_or(0)
}

#[inline(always)]
fn note_not_followed(thread: u64, calls: u64) {
    // It can fail only where there is no memory, and the map has its own.
    let _ = NOT_FOLLOWED.insert(thread, calls, u64::from(BPF_ANY));
}

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

/// Takes the next sequence number of waits.
#[inline(always)]
pub(crate) fn next_wait() -> u64 {
    increase(WAITS, 1)
}

/// The kernel's memory is not what user space has told.
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
