//! Calls that ask for the same range again and again, and of which nothing arrives.

use std::cmp::Reverse;

use super::Ended;
use super::sets::{Entry, Sets};
use crate::trace::{Direction, Outcome};

/// Repeats further apart than this are not tries of the same: a second, in nanoseconds.
pub const SOON_NS: u64 = 1_000_000_000;

/// The longest series of calls of one process for one range of which nothing arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The process.
    pub pid: u32,
    /// Where the range begins.
    pub address: u64,
    /// Where its pages were to go.
    pub direction: Direction,
    /// How many calls.
    pub calls: u64,
    /// Pages that the last of them asked for. Unit: base pages.
    pub pages: u64,
    /// How the last of them ended.
    pub outcome: Outcome,
    /// What the kernel rejected it with, as a positive number; `None` where it did not.
    pub errno: Option<u32>,
    /// All their steps together, nanoseconds.
    pub time_ns: u64,
}

/// What is tried now, and the longest series so far.
#[derive(Clone, Debug)]
struct Tried {
    now: Retry,
    last_ns: u64,
    longest: Retry,
}

impl Entry for Tried {
    type Key = (u32, u64, Direction);

    fn key(&self) -> Self::Key {
        (self.now.pid, self.now.address, self.now.direction)
    }

    fn weight(&self) -> (u64, u64) {
        (self.longest.calls, self.last_ns)
    }
}

/// Calls without progress, of all records. Bounded.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    tried: Sets<Tried>,
    /// Of each direction: calls of which nothing arrived, and right before which one for the same
    /// range did no better.
    calls: u64,
    time_ns: u64,
}

impl Retries {
    /// Adds one migration. Evictions have no address and no owner, and are not followed. `errno`
    /// tells what it was rejected with, and is asked for only where that is kept.
    pub(super) fn count(&mut self, migration: &Ended<'_>, errno: impl FnOnce() -> Option<u32>) {
        let (Some(address), Some(pid)) = (migration.address, migration.pid) else {
            return;
        };
        let nothing = Retry {
            pid,
            address,
            direction: migration.direction,
            calls: 0,
            pages: 0,
            outcome: migration.outcome,
            errno: None,
            time_ns: 0,
        };
        let key = (pid, address, migration.direction);
        let hash = address >> 12 ^ u64::from(pid) << 40 ^ migration.direction as u64;
        if migration.arrived > 0 {
            if let Some(tried) = self.tried.known(key, hash) {
                (tried.now, tried.last_ns) = (nothing, migration.end_ns);
            }
            return;
        }
        let tried = self.tried.entry(key, hash, || Tried {
            now: nothing,
            last_ns: 0,
            longest: nothing,
        });
        let soon = migration.time_ns.saturating_sub(tried.last_ns) <= SOON_NS;
        tried.last_ns = migration.end_ns;
        if !soon {
            tried.now = nothing;
        }
        let total_ns = migration.total_ns;
        if tried.now.calls > 0 {
            self.calls = self.calls.saturating_add(1);
            self.time_ns = self.time_ns.saturating_add(total_ns);
        }
        tried.now.calls += 1;
        tried.now.pages = migration.ledger.requested;
        tried.now.outcome = migration.outcome;
        tried.now.time_ns = tried.now.time_ns.saturating_add(total_ns);
        if tried.now.calls >= tried.longest.calls {
            let is_rejected = migration.outcome == Outcome::Rejected;
            tried.now.errno = if is_rejected { errno() } else { None };
            tried.longest = tried.now;
        }
    }

    /// The longest series first. All have at least two calls.
    pub fn sorted(&self) -> Vec<&Retry> {
        let all = self.tried.iter().map(|tried| &tried.longest);
        let mut retries: Vec<_> = all.filter(|retry| retry.calls > 1).collect();
        retries.sort_by_key(|retry| (Reverse(retry.calls), retry.pid, retry.address));
        retries
    }

    /// Calls that tried again what had just failed, and failed again.
    pub fn total_calls(&self) -> u64 {
        self.calls
    }

    /// Their steps together, nanoseconds.
    pub fn total_ns(&self) -> u64 {
        self.time_ns
    }

    /// Ranges that gave way to others: what is tried there later counts from 1 again.
    pub fn evicted(&self) -> u64 {
        self.tried.evicted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Ledger, Migration};
    use migscope_testkit::{START_NS, Synthetic};

    fn call(ms: u64, address: u64, moved: u64) -> Migration {
        Migration {
            time_ns: START_NS + ms * 1_000_000,
            pid: Some(7),
            direction: Direction::ToDevice,
            outcome: Outcome::Completed,
            address: Some(address),
            ledger: Ledger {
                requested: 8,
                moved,
                skipped: 8 - moved,
                ..Ledger::default()
            },
            steps: [Some(1000), None, None, None, None],
            ..Synthetic::new(1).migration()
        }
    }

    fn count(retries: &mut Retries, migration: &Migration) {
        retries.count(&Ended::new(&migration.into()), || migration.errno);
    }

    #[test]
    fn a_series_ends_when_something_arrives_or_time_goes_by() {
        let mut retries = Retries::default();
        for ms in 0..5 {
            count(&mut retries, &call(ms, 0x1000, 0));
            count(&mut retries, &call(ms, 0x9000, 8));
        }
        count(&mut retries, &call(6, 0x1000, 1));
        count(&mut retries, &call(7, 0x1000, 0));
        count(&mut retries, &call(3000, 0x1000, 0));
        count(&mut retries, &call(3001, 0x1000, 0));
        let sorted = retries.sorted();
        assert_eq!(sorted.len(), 1);
        let longest = sorted[0];
        assert_eq!((longest.address, longest.calls), (0x1000, 5));
        assert_eq!((longest.pages, longest.time_ns), (8, 5000));
        assert_eq!((retries.total_calls(), retries.total_ns()), (5, 5000));
    }

    #[test]
    fn the_last_call_tells_why_it_was_rejected() {
        let mut retries = Retries::default();
        for ms in 0..3 {
            let rejected = Migration {
                outcome: Outcome::Rejected,
                errno: Some(12 + ms as u32),
                ..call(ms, 0x1000, 0)
            };
            count(&mut retries, &rejected);
        }
        assert_eq!(retries.sorted()[0].errno, Some(14));
        count(&mut retries, &call(4, 0x1000, 0));
        assert_eq!(retries.sorted()[0].errno, None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut retries = Retries::default();
        for range in 0..50_000 {
            count(&mut retries, &call(range, range * 4096, 0));
            count(&mut retries, &call(range, range * 4096, 0));
        }
        assert!(retries.sorted().len() <= super::super::sets::KEPT);
        assert_eq!(retries.total_calls(), 50_000);
    }
}
