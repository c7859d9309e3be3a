//! Sums over waits of one kind.

use crate::trace::{Wait, WaitResult};

/// Sums over waits of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitSums {
    /// How many there were.
    pub waits: u64,
    /// How long they took, nanoseconds.
    pub total_ns: u64,
    /// The longest of them, nanoseconds.
    pub longest_ns: u64,
    /// Those that have to be tried again.
    pub retries: u64,
    /// How long these took, nanoseconds.
    pub retries_ns: u64,
    /// Those that made migrations of their own.
    pub made: u64,
    /// How long these took, nanoseconds.
    pub made_ns: u64,
    /// Of it before their migrations began, nanoseconds.
    pub before_setup_ns: u64,
}

impl WaitSums {
    /// Adds one wait.
    pub(in crate::model) fn count(&mut self, wait: &Wait) {
        let ns = wait.total_ns;
        let is_retry = wait.result == WaitResult::Retry;
        self.add(&Self {
            waits: 1,
            total_ns: ns,
            longest_ns: ns,
            retries: is_retry.into(),
            retries_ns: if is_retry { ns } else { 0 },
            made: wait.before_setup_ns.is_some().into(),
            made_ns: wait.before_setup_ns.map_or(0, |_| ns),
            before_setup_ns: wait.before_setup_ns.unwrap_or(0),
        });
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.waits, other.waits),
            (&mut self.total_ns, other.total_ns),
            (&mut self.retries, other.retries),
            (&mut self.retries_ns, other.retries_ns),
            (&mut self.made, other.made),
            (&mut self.made_ns, other.made_ns),
            (&mut self.before_setup_ns, other.before_setup_ns),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }
}
