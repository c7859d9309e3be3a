//! The migrations that took longest.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::trace::Migration;

/// How many are kept.
pub const KEPT: usize = 1000;

/// A bounded list of the slowest migrations, by all their steps together.
#[derive(Clone, Debug, Default)]
pub struct Slowest(
    /// The fastest of them on top: it is the next to go.
    BinaryHeap<Slow>,
);

impl Slowest {
    /// Adds one that took so long, if it is slow enough.
    pub(super) fn count(&mut self, total_ns: u64, migration: impl FnOnce() -> Migration) {
        if self.0.len() < KEPT {
            self.0.push(Slow::new(total_ns, migration()));
        } else if let Some(mut fastest) = self.0.peek_mut()
            && fastest.total_ns < total_ns
        {
            *fastest = Slow::new(total_ns, migration());
        }
    }

    /// Slowest first; of those that took equally long, the first.
    pub fn sorted(&self) -> Vec<&Migration> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable();
        all.into_iter().map(|slow| &slow.migration).collect()
    }

    /// How many there are, at most [`KEPT`].
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A migration that sorts by how long it took, the slowest first.
#[derive(Clone, Debug)]
struct Slow {
    total_ns: u64,
    migration: Migration,
}

impl Slow {
    fn new(total_ns: u64, migration: Migration) -> Self {
        Self {
            total_ns,
            migration,
        }
    }

    fn key(&self) -> (Reverse<u64>, u64) {
        (Reverse(self.total_ns), self.migration.sequence)
    }
}

impl Ord for Slow {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Slow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Slow {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Slow {}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn keeps_the_slowest_of_all() {
        let mut all = Synthetic::new(5).batch(5000).migrations.into_vec();
        let mut slowest = Slowest::default();
        all.iter()
            .for_each(|migration| slowest.count(migration.total_ns(), || migration.clone()));
        all.sort_by_key(|m| (Reverse(m.total_ns()), m.sequence));
        assert_eq!(slowest.len(), KEPT);
        let times: Vec<_> = slowest.sorted().iter().map(|m| m.total_ns()).collect();
        let expected: Vec<_> = all[..KEPT].iter().map(Migration::total_ns).collect();
        assert_eq!(times, expected);
        assert_eq!(slowest.sorted()[0].sequence, all[0].sequence);
    }
}
