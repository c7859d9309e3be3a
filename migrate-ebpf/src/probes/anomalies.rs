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
    let over = rows.wrapping_sub(record.ledger.requested);
    say_which(record.sequence, record.pid, over);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn say_which(sequence: u64, pid: u32, over: u64) -> u32 {
    warn!(
        (),
        "migration {} of process {}: the rows of its ledger are {} pages more than were requested",
        sequence,
        pid,
        over as i64
    );
    0
}
