//! Ends a migration: checks its ledger, adds it to the totals, and writes its record. Waits go into
//! the same ring.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    macros::map,
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use migrate_ebpf::wire::{Details, Ledger, Loss, MappingName, Record, Wait, anomaly};

use super::{anomalies, details, filter, memory, totals, waits};
use crate::{
    clock,
    config::config,
    counted::{self, Counted},
    in_flight::Call,
    losses,
    waiting::Phased,
};

/// 4 MiB, unless user space says otherwise: room for 12,787 records, each with the ring's header of
/// 8 bytes.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// A record with what follows it. They lie so in a [`Call`].
#[repr(C)]
struct Detailed {
    record: Record,
    details: Details,
}

/// Ends a call, whose outcome its record has, and gives its slot back. (As an argument the compiler
/// would make one of all this for each outcome.) `since` is when the hook began to work, which
/// is the probe's own time of finalize; `None` for a call that had none.
#[inline(always)]
pub(crate) fn emit(call: &mut Call, since: Option<u64>) {
    let Some(counted) = counted::here() else {
        return;
    };
    let mut is_wanted = false;
    if call.incomplete != 0 {
        // What a gap does to the ledger is no finding of its own.
        counted::next_sequence(counted);
        losses::count(Loss::Incomplete);
    } else {
        note_direction(&mut call.record);
        is_wanted = filter::wants(call);
        if is_wanted {
            call.record.sequence = counted::next_sequence(counted);
        }
    }
    // In the time that the record tells, which ends with it.
    waits::migration_ends(call, since);
    if is_wanted {
        report(counted, call, since);
    }
    call.release();
}

/// Where pages went decides; what was asked for stands only where none did.
#[inline(always)]
fn note_direction(record: &mut Record) {
    record.direction =
        memory::direction(&record.from, &record.to, &record.ledger, record.direction);
}

/// Writes the record, which user space counts. What has none is counted here.
#[inline(always)]
fn report(counted: Counted, call: &mut Call, since: Option<u64>) {
    check(&mut call.record);
    if is_recorded(call.record.sequence) && is_written(call, since) {
        return;
    }
    let sums = totals::count(counted, call);
    let probe = &call.record.probe;
    let probe_ns = probe.setup_ns + probe.pages_ns + probe.finalize_ns;
    sums.add_probe_time(probe_ns + spent(since));
}

/// Writes it with what was asked for. False if there is no room.
#[inline(always)]
fn is_written(call: &Call, since: Option<u64>) -> bool {
    if details::asked() {
        // SAFETY: `Detailed` is how the two lie in a call.
        let detailed = unsafe {
            &*(&raw const *call)
                .byte_add(core::mem::offset_of!(Call, record))
                .cast::<Detailed>()
        };
        write(detailed, since)
    } else {
        write(&call.record, since)
    }
}

/// Does the one with this number become a record?
#[inline(always)]
pub(super) fn is_recorded(sequence: u64) -> bool {
    let every = u64::from(config!(record_every));
    every == 1 || (every > 1 && sequence.is_multiple_of(every))
}

/// Writes the record of a wait, with or without what follows it. False if there is no room.
#[inline(always)]
pub(super) fn write_wait<R: Words>(wait: &R) -> bool {
    let Some(mut entry) = RECORDS.reserve::<R>(0) else {
        losses::count(Loss::WaitLost);
        return false;
    };
    copy(entry.as_mut_ptr(), wait);
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

/// Room for the name of a mapping; `None` if there is none.
#[inline(always)]
pub(super) fn reserve_name() -> Option<RingBufEntry<MappingName>> {
    RECORDS.reserve::<MappingName>(0)
}

/// Writes that name.
#[inline(always)]
pub(super) fn submit_name(entry: RingBufEntry<MappingName>) {
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}

/// What the hook has taken until now.
#[inline(always)]
fn spent(since: Option<u64>) -> u64 {
    since.map_or(0, |since| clock::now().wrapping_sub(since))
}

/// Reserved once, at the end, when everything is known: a reservation that waited for the driver
/// would block the records behind it. False if there is no room.
#[inline(always)]
fn write<R: Reported>(report: &R, since: Option<u64>) -> bool {
    let Some(mut entry) = RECORDS.reserve::<R>(0) else {
        losses::count(Loss::RingFull);
        return false;
    };
    fill(&mut entry, report, since);
    // User space looks by itself, often enough; a wake-up here would be paid by the thread that
    // migrates.
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

#[inline(always)]
fn fill<R: Reported>(entry: &mut RingBufEntry<R>, report: &R, since: Option<u64>) {
    let to = entry.as_mut_ptr();
    report.copy_to(to);
    // Read last, so that the copy is in the time that it tells.
    let spent = spent(since);
    // SAFETY: the entry was filled by the copy.
    unsafe { (*to.cast::<Record>()).probe.finalize_ns += spent };
}

/// What goes into the ring: aligned to words and made of them.
pub(super) trait Words: 'static {}
impl Words for Record {}
impl Words for Detailed {}
impl Words for Details {}
impl Words for Wait {}
impl Words for Phased {}

/// One that begins with a [`Record`].
trait Reported: Words {
    /// Copies it to there.
    fn copy_to(&self, to: *mut Self);
}

impl Reported for Record {
    #[inline(always)]
    fn copy_to(&self, to: *mut Self) {
        copy(to, self);
    }
}

impl Reported for Detailed {
    /// In two pieces: of one that is so long the compiler makes a loop, of ten instructions a word.
    #[inline(always)]
    fn copy_to(&self, to: *mut Self) {
        // SAFETY: fields of what has room for all of it.
        let (record, details) = unsafe { (&raw mut (*to).record, &raw mut (*to).details) };
        copy(record, &self.record);
        copy(details, &self.details);
    }
}

/// Copies word by word. The compiler makes of an assignment a call of `memcpy`, which is a loop
/// over bytes here: 2,000 instructions of the thread that migrates.
#[inline(always)]
pub(super) fn copy<R: Words>(to: *mut R, from: &R) {
    let (to, from) = (to.cast::<u64>(), core::ptr::from_ref(from).cast::<u64>());
    for word in 0..size_of::<R>() / size_of::<u64>() {
        // SAFETY: both are made of words. Volatile, or the loop becomes that call.
        unsafe { core::ptr::write_volatile(to.add(word), *from.add(word)) };
    }
}

/// Every page must stand in exactly one row. `collected` and `attempted` come from separate walks,
/// so this can fail.
#[inline(always)]
fn check(record: &mut Record) {
    let ledger = &record.ledger;
    let mut rows = ledger.requested;
    if !has_moved_all(ledger) {
        rows = sum(ledger);
        if rows != ledger.requested || any_negative(ledger) {
            record.anomalies |= anomaly::UNBALANCED;
        }
    }
    if record.anomalies == 0 {
        return;
    }
    if record.anomalies & anomaly::UNBALANCED != 0 {
        losses::count(Loss::Unbalanced);
    }
    if record.anomalies & anomaly::UNREADABLE != 0 {
        losses::count(Loss::Unreadable);
    }
    anomalies::say(record, rows);
}

/// Everything moved, and nothing else happened: so it is mostly, and it is seen by fewer
/// instructions.
#[inline(always)]
fn has_moved_all(ledger: &Ledger) -> bool {
    let others = ledger.skipped
        | ledger.declined
        | ledger.populated
        | ledger.wasted_copy
        | ledger.wasted_fill
        | ledger.rolled_back
        | ledger.rejected;
    others == 0 && ledger.moved == ledger.requested
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
fn any_negative(ledger: &Ledger) -> bool {
    let bits = ledger.skipped
        | ledger.declined
        | ledger.moved
        | ledger.populated
        | ledger.wasted_copy
        | ledger.wasted_fill
        | ledger.rolled_back
        | ledger.rejected;
    bits >> 63 != 0
}
