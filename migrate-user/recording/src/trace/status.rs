//! What the tracer tells of itself.

use std::sync::Arc;

use migrate_ebpf::wire::{LOSSES, Loss};

use super::Exact;

/// A migration that takes longer than this is looked at while it lasts: a second.
pub const HANGS_NS: u64 = 1_000_000_000;

/// The tracer's own account of itself. All counts are totals since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// When this was read, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// Migrations that ended in the kernel, reported or lost.
    pub ended: u64,
    /// What was lost, by `migrate_ebpf::wire::Loss`.
    pub losses: [u64; LOSSES],
    /// How long the oldest migration under way had been so, nanoseconds; 0 where none had been for
    /// [`HANGS_NS`], and `None` where nobody looked.
    pub hanging_ns: Option<u64>,
    /// How many phases programs opened, known or lost; `None` unless asked for.
    pub phases_opened: Option<u64>,
    /// What the kernel counted by itself. It comes now and then, and with the last status.
    pub exact: Option<Arc<Exact>>,
}

impl Status {
    /// Is every migration that ended among these records, or counted as lost? Not while one is just
    /// being written. Only where every one is to be recorded.
    pub fn accounts_for(&self, received: u64) -> bool {
        let lost = |loss: Loss| self.losses[loss as usize];
        received + lost(Loss::RingFull) + lost(Loss::Incomplete) == self.ended
    }

    /// Is a record missing that the kernel has counted?
    pub fn lacks_records(&self) -> bool {
        self.losses[Loss::RingFull as usize] > 0
    }

    /// The same, counted from where `before` began, which is the last status of the recording that
    /// this one goes on from. Totals are known only where both have some.
    pub fn after(&self, before: &Self) -> Self {
        let exact = match (&self.exact, &before.exact) {
            (Some(exact), Some(before)) => Some(Arc::new(exact.plus(before))),
            (Some(exact), None) if before.ended == 0 => Some(Arc::clone(exact)),
            _ => None,
        };
        let mut losses = self.losses;
        for (loss, before) in losses.iter_mut().zip(before.losses) {
            *loss = loss.saturating_add(before);
        }
        Self {
            time_ns: self.time_ns,
            ended: self.ended.saturating_add(before.ended),
            losses,
            hanging_ns: self.hanging_ns,
            phases_opened: both(
                self.phases_opened,
                before.phases_opened,
                u64::saturating_add,
            ),
            exact,
        }
    }

    /// The same, counted since `before`, an earlier status.
    pub fn since(&self, before: &Self) -> Self {
        let exact = self.exact.as_ref().map(|exact| match &before.exact {
            Some(before) => Arc::new(exact.since(before)),
            None => Arc::clone(exact),
        });
        let mut losses = self.losses;
        for (loss, before) in losses.iter_mut().zip(before.losses) {
            *loss = loss.saturating_sub(before);
        }
        Self {
            time_ns: self.time_ns,
            ended: self.ended.saturating_sub(before.ended),
            losses,
            hanging_ns: self.hanging_ns,
            phases_opened: both(
                self.phases_opened,
                before.phases_opened,
                u64::saturating_sub,
            ),
            exact,
        }
    }
}

/// A count of this status and of the one before; what that does not tell is 0 there.
fn both(this: Option<u64>, before: Option<u64>, of: fn(u64, u64) -> u64) -> Option<u64> {
    this.map(|this| of(this, before.unwrap_or(0)))
}
