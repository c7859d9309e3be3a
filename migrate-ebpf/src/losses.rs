//! Counts what the tracer could not see.

use aya_ebpf::{macros::map, maps::Array};
use migrate_ebpf::wire::{LOSS_NAMES, Loss};

use crate::atomic::fetch_add;

/// One counter per [`Loss`], and behind them the number of migrations that ended.
#[map]
static COUNTERS: Array<u64> = Array::with_max_entries(LOSS_NAMES.len() as u32 + 1, 0);

const ENDED: u32 = LOSS_NAMES.len() as u32;

/// Counts one loss.
#[inline(always)]
pub(crate) fn count(loss: Loss) {
    add(loss, 1);
}

/// Counts several losses.
#[inline(always)]
pub(crate) fn add(loss: Loss, number: u64) {
    increase(loss as u32, number);
}

/// Takes the next sequence number.
#[inline(always)]
pub(crate) fn next_sequence() -> u64 {
    increase(ENDED, 1)
}

#[inline(always)]
fn increase(index: u32, number: u64) -> u64 {
    match COUNTERS.get_ptr_mut(index) {
        Some(counter) => fetch_add(counter, number),
        None => 0,
    }
}
