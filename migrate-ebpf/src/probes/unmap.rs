//! `migrate_device_unmap`: in the middle of setup, the kernel takes what it has collected out of page tables, and drops
//! what it cannot. What was skipped before and what in here tells why.
//!
//! The function is static. Where the compiler has put it into its callers nothing of this runs, and why pages were
//! skipped stays unknown.

use aya_ebpf::{macros::map, maps::Array};
use migrate_ebpf::wire::{Skips, UNKNOWN};

use super::{kernel::collected_entries, ledger};
use crate::in_flight::{self, Arrays, Call};

/// Is the function called from `migrate_vma_setup`? Known (1) once it was seen.
#[map]
static SEEN: Array<u64> = Array::with_max_entries(1, 0);

#[inline(always)]
pub(super) fn enter(src: u64, entries: u64, began: u64) {
    let Some(call) = in_flight::find_in_setup(src) else {
        return;
    };
    call.arrays = Arrays {
        src,
        dst: 0,
        entries,
    };
    match call.migrate_vma() {
        Some(migrate) => {
            see();
            ledger::before_unmap(call, collected_entries(migrate));
        }
        None => ledger::before_unmap(call, None),
    }
    call.record.probe.setup_ns += call.same_interval(began);
}

/// Why the pages of a call were skipped, after its setup.
#[inline(always)]
pub(super) fn reasons(call: &Call) -> Skips {
    let skipped = call.record.ledger.skipped;
    let collected = call.collected.sum();
    let failed = if skipped == 0 {
        0
    } else if call.before_unmap != UNKNOWN {
        call.before_unmap.wrapping_sub(collected)
    } else if collected == 0 && call.migrate_vma().is_some() && seen() {
        // `migrate_vma_setup` leaves the call out when it has collected nothing.
        0
    } else {
        UNKNOWN
    };
    // More than were skipped: the kernel found out only in there that a folio is large.
    if failed > skipped {
        return Skips {
            not_collected: UNKNOWN,
            unmap_failed: UNKNOWN,
        };
    }
    Skips {
        not_collected: skipped - failed,
        unmap_failed: failed,
    }
}

#[inline(always)]
fn see() {
    if let Some(seen) = SEEN.get_ptr_mut(0) {
        // SAFETY: an aligned word of a map's value, which only ever becomes 1.
        unsafe { core::ptr::write_volatile(seen, 1) };
    }
}

#[inline(always)]
fn seen() -> bool {
    // SAFETY: an aligned word of a map's value.
    SEEN.get_ptr(0)
        .is_some_and(|seen| unsafe { core::ptr::read_volatile(seen) } != 0)
}
