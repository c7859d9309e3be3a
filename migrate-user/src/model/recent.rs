//! The last migrations, newest first.

use std::collections::VecDeque;

use crate::trace::{Migration, Migrations};

/// How many are kept.
pub const KEPT: usize = 1000;

/// A bounded list of the last migrations.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// As they came, oldest first, so that none is copied. Some of the oldest are too many.
    batches: VecDeque<Migrations>,
    /// How many there are in all batches.
    len: usize,
}

impl Recent {
    /// Adds some, and forgets those of which enough newer ones are there.
    pub fn add(&mut self, mut batch: Migrations) {
        let len = batch.len();
        if len == 0 {
            return;
        }
        if len < KEPT {
            // What they are made of may be much more than they are. Of a batch that is enough by
            // itself, there is just one.
            batch.make();
        } else if len > 2 * KEPT {
            batch.take_first(len - KEPT);
        }
        self.len += batch.len();
        self.batches.push_back(batch);
        while let Some(oldest) = self.batches.front()
            && self.len - oldest.len() >= KEPT
        {
            self.len -= oldest.len();
            self.batches.pop_front();
        }
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Migration> {
        let newest = self.batches.iter().rev();
        newest
            .flat_map(|batch| batch.made().iter().rev())
            .take(KEPT)
    }

    /// How many there are, at most [`KEPT`].
    pub fn len(&self) -> usize {
        self.len.min(KEPT)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn the_newest_come_first_and_memory_is_bounded() {
        let mut synthetic = Synthetic::new(1);
        let mut recent = Recent::default();
        for size in [3, 0, 700, 298, 1, 5000, 1, 1999, 10] {
            recent.add(synthetic.batch(size).migrations);
            assert!(recent.len < 3 * KEPT);
            let newest = synthetic.status().ended;
            let numbers: Vec<_> = recent.iter().map(|m| m.sequence).collect();
            let kept = newest.min(KEPT as u64);
            assert!(numbers.iter().copied().eq((newest - kept..newest).rev()));
            assert_eq!((recent.len(), recent.is_empty()), (numbers.len(), false));
        }
    }
}
