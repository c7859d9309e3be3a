//! Ends a migration: checks its ledger, and writes its record.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::{bpf_get_current_cgroup_id, bpf_get_current_comm},
    macros::map,
    maps::RingBuf,
};
use migrate_ebpf::wire::{Ledger, Loss, Outcome, Record, anomaly};

use crate::{clock, in_flight::Call, losses};

/// Room for 16,384 records unless user space says otherwise.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(16384 * size_of::<Record>() as u32, 0);

/// Writes the record of a call that ended now, and gives its slot back. `since` is when the hook began to work,
/// which is the probe's own time of finalize.
#[inline(always)]
pub(crate) fn emit(call: &mut Call, outcome: Outcome, since: u64) {
    check(call);
    let record = &mut call.record;
    record.outcome = outcome as u8;
    record.sequence = losses::next_sequence();
    record.comm = bpf_get_current_comm().unwrap_or([0; 16]);
    // SAFETY: the helper takes nothing.
    record.cgroup = unsafe { bpf_get_current_cgroup_id() };
    if call.incomplete != 0 {
        losses::count(Loss::Incomplete);
    } else {
        write(record, since);
    }
    call.release();
}

/// Reserved once, at the end, when everything is known: a reservation that waited for the driver would block the
/// records behind it.
#[inline(always)]
fn write(record: &mut Record, since: u64) {
    let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
        losses::count(Loss::RingFull);
        return;
    };
    record.probe.finalize_ns += clock::now().wrapping_sub(since);
    entry.write(*record);
    // User space looks by itself, often enough; a wake-up here would be paid by the thread that migrates.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// Every page must stand in exactly one row. `collected` and `attempted` come from separate walks, so this can fail.
#[inline(always)]
fn check(call: &mut Call) {
    let ledger = &call.record.ledger;
    if sum(ledger) != ledger.requested || largest(ledger) > ledger.requested {
        call.record.anomalies |= anomaly::UNBALANCED;
    }
    if call.record.anomalies & anomaly::UNBALANCED != 0 {
        losses::count(Loss::Unbalanced);
    }
    if call.record.anomalies & anomaly::UNREADABLE != 0 {
        losses::count(Loss::Unreadable);
    }
}

#[inline(always)]
fn sum(ledger: &Ledger) -> u64 {
    ledger
        .skipped
        .wrapping_add(ledger.declined)
        .wrapping_add(ledger.moved)
        .wrapping_add(ledger.populated)
        .wrapping_add(ledger.wasted_copy)
        .wrapping_add(ledger.wasted_fill)
        .wrapping_add(ledger.rolled_back)
        .wrapping_add(ledger.rejected)
}

/// Finds a row that wrapped below zero, which the sum alone would not.
#[inline(always)]
fn largest(ledger: &Ledger) -> u64 {
    ledger.wasted_copy.max(ledger.wasted_fill)
}
