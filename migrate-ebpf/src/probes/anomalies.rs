//! Says in words what should not be. Counters tell how often; these tell of which migration.
//!
//! Functions of their own, so that what they take stays out of the way of migrations with which nothing is wrong.

use aya_log_ebpf::warn;
use migrate_ebpf::wire::Record;

/// The ledger does not balance: `rows` is the sum of its rows.
#[inline(always)]
pub(super) fn unbalanced(record: &Record, rows: u64) {
    say_unbalanced(record.sequence, record.pid, record.ledger.requested, rows);
}

#[inline(never)]
fn say_unbalanced(sequence: u64, pid: u32, requested: u64, rows: u64) {
    warn!(
        (),
        "migration {} of process {}: the rows of its ledger are {} pages, {} were requested",
        sequence,
        pid,
        rows,
        requested
    );
}

/// An array of the call could not be read.
#[inline(always)]
pub(super) fn unreadable(record: &Record) {
    say_unreadable(record.sequence, record.pid, record.address);
}

#[inline(never)]
fn say_unreadable(sequence: u64, pid: u32, address: u64) {
    warn!(
        (),
        "migration {} of process {} at {:x}: an array of the call cannot be read",
        sequence,
        pid,
        address
    );
}
