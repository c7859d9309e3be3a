//! Counts what the tracer could not see.

use aya_ebpf::{macros::map, maps::Array};
use migrate_ebpf::wire::{LOSS_NAMES, Loss};

use crate::in_flight::fetch_add;

/// One counter per [`Loss`], and behind them the number of migrations that ended.
#[map]
static COUNTERS: Array<u64> = Array::with_max_entries(LOSS_NAMES.len() as u32 + 1, 0);

const ENDED: u32 = LOSS_NAMES.len() as u32;

/// Counts one loss.
#[inline(always)]
pub(crate) fn count(loss: Loss) {
    increment(loss as u32);
}

/// Takes the next sequence number.
#[inline(always)]
pub(crate) fn next_sequence() -> u64 {
    increment(ENDED)
}

#[inline(always)]
fn increment(index: u32) -> u64 {
    match COUNTERS.get_ptr_mut(index) {
        // SAFETY: a pointer into the map's value, which lives as long as the program.
        Some(counter) => unsafe { fetch_add(counter, 1) },
        None => 0,
    }
}
