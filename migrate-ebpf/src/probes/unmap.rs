//! `migrate_device_unmap`: in the middle of setup, the kernel takes what it has collected out of
//! page tables, and drops what it cannot. What was skipped before and what in here tells why.
//!
//! The function is static. Where the compiler has put it into its callers nothing of this runs, and
//! why pages were skipped stays unknown.

use migrate_ebpf::wire::{Skips, UNKNOWN};

use super::{kernel::collected_entries, ledger};
use crate::{
    clock,
    in_flight::{self, Call},
};

/// Is the function called from `migrate_vma_setup`? Known (1) once it was seen.
#[unsafe(no_mangle)]
static mut SEEN: u64 = 0;

/// Where an entry is a page, one word is read, which takes no longer than to read the clock twice:
/// it stays in the step.
#[inline(always)]
pub(super) fn enter(src: u64, entries: u64) {
    let Some(call) = in_flight::find_in_setup(src) else {
        return;
    };
    if let Some(migrate) = call.migrate_vma() {
        see();
        if call.is_plain()
            && let Some(entries) = collected_entries(migrate)
        {
            call.before_unmap = entries;
            return;
        }
    }
    let began = clock::now();
    call.setup.src = src;
    call.setup.entries = entries;
    ledger::before_unmap(call);
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
    // SAFETY: an aligned word, which only ever becomes 1. Volatile, because other programs read it.
    unsafe { core::ptr::write_volatile(&raw mut SEEN, 1) };
}

#[inline(always)]
fn seen() -> bool {
    // SAFETY: an aligned word. Volatile, because other programs write to it.
    unsafe { core::ptr::read_volatile(&raw const SEEN) != 0 }
}
