//! What threads wait for besides the steps of their own migrations: how often, how long, who, and
//! for whom. Times of different kinds are never added up: a device's call may have faults in its
//! middle.

mod convoys;
mod joined;
mod locks;
mod made;
mod ranges;
mod sums;
mod tally;
mod who;
mod worst;

pub use convoys::Convoy;
pub use joined::{Blocker, Joined, Moved, Why};
pub use locks::Lock;
pub use ranges::Range;
pub use sums::WaitSums;
pub use tally::WaitTotals;
pub use who::Waiter;
pub use worst::Worst;

use super::{Ended, Model, Origin};
use crate::trace::{Wait, WaitKind};
use convoys::Convoys;
use joined::Joins;
use locks::Locks;
use made::Made;
use migrate_ebpf::wire::Loss;
use ranges::Ranges;
use tally::WaitTally;
use who::Waiters;

/// The waits of all records. Bounded.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    tally: WaitTally,
    processes: Waiters,
    threads: Waiters,
    worst: worst::List,
    convoys: Convoys,
    locks: Locks,
    ranges: Ranges,
    made: Made,
    joins: Joins,
}

impl Waits {
    /// Adds one wait.
    fn count(&mut self, wait: &Wait, page_size: u64) {
        self.tally.count(wait);
        self.processes.count(wait, None);
        self.threads.count(wait, wait.thread());
        self.worst.count(wait);
        self.convoys.count(wait);
        self.locks.count(wait);
        self.ranges.count(wait);
        self.made.count(wait);
        self.joins.wait(wait, page_size);
    }

    /// Finds out what waits were for, as far as it can be known by now.
    fn settle(&mut self, now_ns: u64) {
        for (sequence, moved) in self.joins.settle(now_ns) {
            self.worst.answer(sequence, moved);
        }
    }

    /// Counts, sums and durations, of the records that came.
    pub fn totals(&self) -> WaitTotals<'_> {
        self.tally.totals()
    }

    /// Processes, by what they waited for: those that waited longest first.
    pub fn processes(&self) -> Vec<&Waiter> {
        self.processes.sorted()
    }

    /// Threads, by what they waited for: those that waited longest first.
    pub fn threads(&self) -> Vec<&Waiter> {
        self.threads.sorted()
    }

    /// How often a process or a thread gave way to others in these lists.
    pub fn evicted(&self) -> u64 {
        self.processes
            .evicted()
            .saturating_add(self.threads.evicted())
    }

    /// How long the thread that made a migration had waited before that began, nanoseconds; `None`
    /// where no fault made it, or that is not known any more.
    pub fn before(&self, sequence: u64) -> Option<u64> {
        self.made.before(sequence).or_else(|| {
            let mut worst = self.worst.iter();
            let made = worst.find(|of| of.wait.migration == Some(sequence))?;
            made.wait.before_setup_ns
        })
    }

    /// The longest waits of all kinds, the longest first, with the migration that each was for
    /// where that is known.
    pub fn worst(&self) -> Vec<Worst> {
        self.worst.sorted(&self.joins.so_far())
    }

    /// Processes whose threads wait at the same time before their migrations begin, those that
    /// waited longest first.
    pub fn convoys(&self) -> Vec<&Convoy> {
        self.convoys.sorted()
    }

    /// Locks that threads slept for, those that took most time first. None unless asked for.
    pub fn locks(&self) -> &[Lock] {
        self.locks.sorted()
    }

    /// Ranges of which a device asked again and again, those that took most time in vain first.
    pub fn ranges(&self) -> Vec<&Range> {
        self.ranges.sorted()
    }

    /// For whose migrations threads waited, as far as it is known.
    pub fn joined(&self, why: Why) -> Joined {
        self.joins.of(why)
    }
}

impl Model {
    /// Takes in waits, after the migrations that came with them.
    pub(super) fn count_waits(&mut self, waits: &[Wait]) {
        let page_size = self.facts.page_size;
        for wait in waits {
            self.reach(wait.end_ns());
            self.waits.count(wait, page_size);
            if self.facts.details.phases {
                self.phases.count_wait(wait);
            }
        }
        if self.follows_waits() {
            self.waits.settle(self.now_ns.unwrap_or(0));
        }
    }

    /// Notes migrations: threads may wait for them.
    #[inline]
    pub(super) fn note_moved(&mut self, some: &[Ended<'_>]) {
        if self.follows_waits() {
            for migration in some {
                self.waits.joins.moved(migration, self.facts.page_size);
            }
        }
    }

    /// Were waits of any kind followed? If not, they are unknown.
    pub fn follows_waits(&self) -> bool {
        self.follows(WaitKind::Fault) || self.follows(WaitKind::RangeFault)
    }

    /// Were waits of this kind followed? If not, or where a filter asks what only
    /// migrations have, it is unknown whether there were any.
    pub fn follows(&self, kind: WaitKind) -> bool {
        self.facts.details.follow(kind) && !self.hidden.waits
    }

    /// The kinds of waits that were followed, in their order.
    pub fn followed(&self) -> impl Iterator<Item = WaitKind> {
        let kinds = WaitKind::ALL.iter().copied();
        kinds.filter(|kind| self.follows(*kind))
    }

    /// The waits, of the records that came. Means something only of kinds that were
    /// [followed](Self::follows).
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Counts, sums and durations of waits: of the records, or the kernel's own, as
    /// [`Model::waits_from`] says.
    pub fn wait_totals(&self) -> WaitTotals<'_> {
        match (self.waits_from(), self.kernel.totals()) {
            (Origin::Kernel, Some(exact)) => WaitTotals::of_totals(exact),
            _ => self.waits.totals(),
        }
    }

    /// Where counts, sums and durations of waits come from: as with migrations, from the kernel's
    /// totals where records do not tell everything.
    pub fn waits_from(&self) -> Origin {
        let complete = self.facts.record_every == 1 && self.waits_lost() == 0;
        if complete || !self.kernel.is_known() {
            Origin::Records
        } else {
            Origin::Kernel
        }
    }

    /// How much time [`Model::wait_totals`] are about, nanoseconds; `None` where the kernel has not
    /// told.
    pub fn waits_span_ns(&self) -> Option<u64> {
        match self.waits_from() {
            Origin::Records => Some(self.elapsed_ns()),
            Origin::Kernel => self.kernel.span_ns(),
        }
    }

    /// Did every wait that was followed to its end come as a record? Before the tracer has told,
    /// nobody knows.
    pub fn has_all_waits(&self) -> bool {
        self.facts.record_every == 1 && self.status.is_some() && self.waits_lost() == 0
    }

    /// Waits since counting began of which no record came; the kernel's totals have them.
    pub fn waits_lost(&self) -> u64 {
        self.wait_records_lost()
            .saturating_sub(self.waits_lost_before)
    }

    /// Waits since the tracer started that were not followed to their end. They are in no figure.
    /// `None` before the tracer has told.
    pub fn waits_missed(&self) -> Option<u64> {
        Some(self.losses()?.of(Loss::WaitMissed))
    }

    /// Waits of which no record came since the tracer started.
    pub(super) fn wait_records_lost(&self) -> u64 {
        let losses = self.losses();
        losses.map_or(0, |losses| losses.of(Loss::WaitLost))
    }
}

#[cfg(test)]
mod tests;
