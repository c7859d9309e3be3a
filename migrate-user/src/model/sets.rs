//! A table of fixed size for what is followed by process and address, as a processor's cache is
//! one: each key has a few places that it may be in, and where all are taken, the one that matters
//! least gives way.

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

/// Where an entry is, until another one is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

/// The entries, at most [`KEPT`] of them.
#[derive(Clone, Debug)]
pub(super) struct Sets<E> {
    /// One place after the other, set by set; empty until something is followed.
    places: Vec<Option<E>>,
    /// By set, a mark of the key in each place, of a size at which a processor compares all at
    /// once. Equal keys have equal marks; other keys hardly ever.
    marks: Vec<[u32; WAYS]>,
    evicted: u64,
}

impl<E> Default for Sets<E> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            marks: Vec::new(),
            evicted: 0,
        }
    }
}

impl<E: Entry + Clone> Sets<E> {
    /// The entry of a key, which is made where there is none. `hash` must be the same for equal
    /// keys.
    pub(super) fn entry(&mut self, key: E::Key, hash: u64, new: impl FnOnce() -> E) -> &mut E {
        let found = self.find(key, hash);
        self.entry_at(found, hash, new)
    }

    /// The same for a key that was looked for and, if it was found, is still there.
    pub(super) fn entry_at(
        &mut self,
        found: Option<Place>,
        hash: u64,
        new: impl FnOnce() -> E,
    ) -> &mut E {
        if self.places.is_empty() {
            self.places.resize(KEPT, None);
            self.marks.resize(SETS, [0; WAYS]);
        }
        let at = found.map_or_else(|| self.make_room(hash), |place| place.0);
        self.places[at].get_or_insert_with(new)
    }

    /// Where the entry of a key is, if there is one. `hash` is as in [`Sets::entry`].
    pub(super) fn find(&self, key: E::Key, hash: u64) -> Option<Place> {
        if self.places.is_empty() {
            return None;
        }
        let (set, mark) = mix(hash);
        self.position(key, set, mark).map(Place)
    }

    /// The entry in a place where one was found.
    pub(super) fn get(&self, place: Place) -> Option<&E> {
        self.places[place.0].as_ref()
    }

    /// The entry of a key, if there is one. `hash` is as in [`Sets::entry`].
    pub(super) fn known(&mut self, key: E::Key, hash: u64) -> Option<&mut E> {
        let place = self.find(key, hash)?;
        self.places[place.0].as_mut()
    }

    fn position(&self, key: E::Key, set: usize, mark: u32) -> Option<usize> {
        let marks = &self.marks[set];
        // Without a branch: mostly none is it.
        let mut same = 0u32;
        for (way, of) in marks.iter().enumerate() {
            same |= u32::from(*of == mark) << way;
        }
        while same != 0 {
            let at = set * WAYS + same.trailing_zeros() as usize;
            if self.places[at]
                .as_ref()
                .is_some_and(|entry| entry.key() == key)
            {
                return Some(at);
            }
            same &= same - 1;
        }
        None
    }

    /// A place for a key, empty.
    fn make_room(&mut self, hash: u64) -> usize {
        let (set, mark) = mix(hash);
        let least = |way: &usize| self.places[set * WAYS + way].as_ref().map(Entry::weight);
        let way = (0..WAYS).min_by_key(least).unwrap_or(0);
        let at = set * WAYS + way;
        if self.places[at].take().is_some() {
            self.evicted = self.evicted.saturating_add(1);
        }
        self.marks[set][way] = mark;
        at
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.places.iter().flatten()
    }

    /// All entries, in no order, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut E> {
        self.places.iter_mut().flatten()
    }

    /// How many gave way to others.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

/// The set of a key, and its mark. What differs between keys is spread over all the upper bits.
fn mix(hash: u64) -> (usize, u32) {
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 55) as usize % SETS, (mixed >> 23) as u32)
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
