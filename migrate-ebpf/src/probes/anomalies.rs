//! Says in words what should not be. Counters tell how often; these tell of which migration.
//!
//! Functions of their own, so that what they take stays out of the way of migrations with which
//! nothing is wrong; and global ones, for the reason given in [`super::frames`].

use aya_log_ebpf::warn;
use migrate_ebpf::wire::Record;

/// A migration whose counts cannot be trusted: the rows of its ledger are not what was requested,
/// or an array of the call could not be read.
#[inline(always)]
pub(super) fn say(record: &Record, rows: u64) {
    let requested = record.ledger.requested;
    say_which(record.sequence, record.pid, record.address, requested, rows);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn say_which(sequence: u64, pid: u32, address: u64, requested: u64, rows: u64) -> u32 {
    warn!(
        (),
        "migration {} of process {} at {:x}: the rows of its ledger are {} pages, {} were requested",
        sequence,
        pid,
        address,
        rows,
        requested
    );
    0
}
