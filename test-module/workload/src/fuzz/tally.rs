//! What all processes count together.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters in memory that the processes share.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: AtomicU64,
    refused: AtomicU64,
    moved: AtomicU64,
    killed: AtomicU64,
    forked: AtomicU64,
    starved: AtomicU64,
    wrong: AtomicU64,
}

impl Tally {
    /// One more call of the driver.
    pub(super) fn count_call(&self, succeeded: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if !succeeded {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Pages that the driver says have moved.
    pub(super) fn count_moved(&self, pages: u64) {
        self.moved.fetch_add(pages, Ordering::Relaxed);
    }

    /// A process that was killed.
    pub(super) fn count_killed(&self) {
        self.killed.fetch_add(1, Ordering::Relaxed);
    }

    /// A process that a player forked.
    pub(super) fn count_forked(&self) {
        self.forked.fetch_add(1, Ordering::Relaxed);
    }

    /// An allocation of the kernel's that failed on demand.
    pub(super) fn count_starved(&self) {
        self.starved.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is wrong. The caller says what.
    pub(super) fn count_wrong(&self) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What was wrong so far.
    pub(super) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        format!(
            "workload: fuzz: {} calls, {} killed, {} refused, {} pages moved, {} forked, {} allocations failed, {} wrong",
            self.calls(),
            value(&self.killed),
            value(&self.refused),
            value(&self.moved),
            value(&self.forked),
            value(&self.starved),
            self.wrong()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_begins_with_calls_and_kills() {
        let tally = Tally::default();
        tally.count_call(true);
        tally.count_call(false);
        tally.count_killed();
        tally.count_moved(70);
        tally.count_starved();
        assert_eq!(
            tally.summary(),
            "workload: fuzz: 2 calls, 1 killed, 1 refused, 70 pages moved, 0 forked, 1 allocations failed, 0 wrong"
        );
    }
}
