//! Counts what the tracer could not see.

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::LruHashMap};
use migrate_ebpf::wire::Loss;

use crate::{atomic, counted};

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
    if let Some(counted) = counted::here() {
        // SAFETY: a word of the map's value, used by atomic operations only.
        atomic::add(unsafe { &raw mut (*counted).losses[loss as usize] }, number);
    }
}
