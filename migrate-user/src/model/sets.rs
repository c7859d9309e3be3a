//! A table of fixed size for what is followed by process and address, as a processor's cache is one: each key has a few places
//! that it may be in, and where all are taken, the one that matters least gives way.

use std::ops::Range;

/// Places for keys that fall together.
const WAYS: usize = 8;

/// Sets of places: a power of two.
const SETS: usize = 512;

/// How many entries there are at most.
pub(super) const KEPT: usize = WAYS * SETS;

/// What is followed: which one it is, and how much it matters.
pub(super) trait Entry {
    /// What tells it from the others.
    type Key: PartialEq + Copy;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// Sorts by how much it matters, the least first.
    fn weight(&self) -> (u64, u64);
}

/// The entries, at most [`KEPT`] of them.
#[derive(Clone, Debug)]
pub(super) struct Sets<E> {
    /// One place after the other, set by set; empty until something is followed.
    places: Vec<Option<E>>,
    /// What the key in each place is mixed to: looking through these takes less time than through the places.
    mixed: Vec<u64>,
    evicted: u64,
}

impl<E> Default for Sets<E> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            mixed: Vec::new(),
            evicted: 0,
        }
    }
}

impl<E: Entry + Clone> Sets<E> {
    /// The entry of a key, which is made where there is none. `hash` must be the same for equal keys.
    pub(super) fn entry(&mut self, key: E::Key, hash: u64, new: impl FnOnce() -> E) -> &mut E {
        if self.places.is_empty() {
            self.places.resize(KEPT, None);
            self.mixed.resize(KEPT, 0);
        }
        let mixed = mix(hash);
        let at = self
            .position(key, mixed)
            .unwrap_or_else(|| self.make_room(mixed));
        self.places[at].get_or_insert_with(new)
    }

    /// The entry of a key, if there is one. `hash` is as in [`Sets::entry`].
    pub(super) fn known(&mut self, key: E::Key, hash: u64) -> Option<&mut E> {
        if self.places.is_empty() {
            return None;
        }
        let at = self.position(key, mix(hash))?;
        self.places[at].as_mut()
    }

    fn position(&self, key: E::Key, mixed: u64) -> Option<usize> {
        set(mixed).find(|at| {
            let is_it = |entry: &E| entry.key() == key;
            self.mixed[*at] == mixed && self.places[*at].as_ref().is_some_and(is_it)
        })
    }

    /// A place of the set, empty.
    fn make_room(&mut self, mixed: u64) -> usize {
        let least = |at: &usize| self.places[*at].as_ref().map(Entry::weight);
        let at = set(mixed).min_by_key(least).unwrap_or(0);
        if self.places[at].take().is_some() {
            self.evicted = self.evicted.saturating_add(1);
        }
        self.mixed[at] = mixed;
        at
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.places.iter().flatten()
    }

    /// How many gave way to others.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// Spreads what differs between keys over all the upper bits.
fn mix(hash: u64) -> u64 {
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The places of a set.
fn set(mixed: u64) -> Range<usize> {
    let first = (mixed >> 32) as usize % SETS * WAYS;
    first..first + WAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Counter {
        key: u64,
        count: u64,
    }

    impl Entry for Counter {
        type Key = u64;

        fn key(&self) -> u64 {
            self.key
        }

        fn weight(&self) -> (u64, u64) {
            (self.count, 0)
        }
    }

    fn count(sets: &mut Sets<Counter>, key: u64) {
        let entry = sets.entry(key, key, || Counter { key, count: 0 });
        entry.count += 1;
    }

    #[test]
    fn what_matters_stays_and_memory_is_bounded() {
        let mut sets = Sets::default();
        for _ in 0..3 {
            (0..100).for_each(|key| count(&mut sets, key));
        }
        (1_000_000..1_100_000).for_each(|key| count(&mut sets, key));
        assert_eq!(sets.iter().count(), KEPT);
        assert_eq!(sets.places.len(), KEPT);
        let kept = sets.iter().filter(|entry| entry.count == 3).count();
        assert_eq!(kept, 100, "they matter more than those that came once");
        assert_eq!(sets.evicted(), 100_100 - KEPT as u64);
    }
}
