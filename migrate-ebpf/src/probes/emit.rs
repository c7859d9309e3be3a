//! Ends a migration: checks its ledger, and writes its record.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_comm},
    macros::map,
    maps::RingBuf,
};
use migrate_ebpf::wire::{Ledger, Loss, Outcome, Record, anomaly};

use crate::{clock, in_flight::Call, losses};

/// 4 MiB: room for 15,887 records, each with the ring's header of 8 bytes.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(16384 * size_of::<Record>() as u32, 0);

/// Writes the record of a call that has ended, and gives its slot back. `since` is when the hook began to work, which
/// is the probe's own time of finalize; `None` for a call that had none.
#[inline(always)]
pub(crate) fn emit(call: &mut Call, outcome: Outcome, since: Option<u64>) {
    let record = &mut call.record;
    record.outcome = outcome as u8;
    record.sequence = losses::next_sequence();
    if call.incomplete != 0 {
        // What a gap does to the ledger is no finding of its own.
        losses::count(Loss::Incomplete);
    } else {
        check(record);
        write(record, since);
    }
    call.release();
}

/// Names the command and cgroup of the thread that is running.
#[inline(always)]
pub(crate) fn sign(record: &mut Record) {
    // SAFETY: the helper writes at most the bytes that it is told there are.
    unsafe { bpf_get_current_comm(record.comm.as_mut_ptr().cast(), record.comm.len() as u32) };
    // SAFETY: the helper takes nothing.
    record.cgroup = unsafe { bpf_get_current_cgroup_id() };
}

/// Reserved once, at the end, when everything is known: a reservation that waited for the driver would block the
/// records behind it.
#[inline(always)]
fn write(record: &Record, since: Option<u64>) {
    let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
        losses::count(Loss::RingFull);
        return;
    };
    let report = entry.as_mut_ptr();
    copy(report, record);
    if let Some(since) = since {
        // SAFETY: the entry was filled by the copy. Read last, so that the copy is in the time that it tells.
        unsafe { (*report).probe.finalize_ns += clock::now().wrapping_sub(since) };
    }
    // User space looks by itself, often enough; a wake-up here would be paid by the thread that migrates.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// Copies word by word. The compiler makes of an assignment a call of `memcpy`, which is a loop over bytes here: 2,000
/// instructions of the thread that migrates.
#[inline(always)]
fn copy(to: *mut Record, from: &Record) {
    let (to, from) = (to.cast::<u64>(), core::ptr::from_ref(from).cast::<u64>());
    for word in 0..size_of::<Record>() / size_of::<u64>() {
        // SAFETY: both are records, aligned to words and made of them. Volatile, or the loop becomes that call.
        unsafe { core::ptr::write_volatile(to.add(word), *from.add(word)) };
    }
}

/// Every page must stand in exactly one row. `collected` and `attempted` come from separate walks, so this can fail.
#[inline(always)]
fn check(record: &mut Record) {
    let ledger = &record.ledger;
    if sum(ledger) != ledger.requested || largest(ledger) > ledger.requested {
        record.anomalies |= anomaly::UNBALANCED;
    }
    if record.anomalies & anomaly::UNBALANCED != 0 {
        losses::count(Loss::Unbalanced);
    }
    if record.anomalies & anomaly::UNREADABLE != 0 {
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
