//! How long migrations took, over the whole run: a count for each stretch of time and each class of
//! durations.
//!
//! Memory is bounded: when there is no room for more time, two stretches become one.

use migrate_ebpf::wire::histogram;

use super::Ended;
use crate::trace::{Direction, Step};

/// How long the first stretches are, nanoseconds.
const FIRST_NS: u64 = 250_000_000;

/// How many stretches there are at most. Even.
pub const STRETCHES: usize = 256;

/// How many places of a histogram are one class, as a power of two.
const PLACES_BITS: u32 = histogram::PER_OCTAVE.ilog2() - 1;

/// Classes of durations: two for each power of two, from 128 ns on, and two below. What is too long
/// for the others is in the last.
pub const CLASSES: usize = histogram::BUCKETS >> PLACES_BITS;

/// What is counted: each step, and all of them together.
const FIGURES: usize = Step::COUNT + 1;

/// What ended within one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Migrations.
    pub migrations: u64,
    /// Pages that arrived, by [`Direction`] in the order of its `ALL`. Unit: base pages.
    pub arrived: [u64; Direction::ALL.len()],
    counts: [[u32; CLASSES]; FIGURES],
}

impl Default for Stretch {
    fn default() -> Self {
        Self {
            migrations: 0,
            arrived: [0; Direction::ALL.len()],
            counts: [[0; CLASSES]; FIGURES],
        }
    }
}

impl Stretch {
    /// How many durations of a step, or with `None` of whole migrations, are in each class.
    pub fn counts(&self, step: Option<Step>) -> &[u32; CLASSES] {
        &self.counts[step.map_or(Step::COUNT, |step| step as usize)]
    }

    fn count(&mut self, migration: &Ended<'_>) {
        self.migrations = self.migrations.saturating_add(1);
        let arrived = &mut self.arrived[super::index(migration.direction)];
        *arrived = arrived.saturating_add(migration.arrived);
        // The figures begin with the steps and all of them together.
        let values = migration.values.iter().zip(&migration.places);
        for (counts, (value, place)) in self.counts.iter_mut().zip(values) {
            if value.is_some() {
                let count = &mut counts[class((*place).into())];
                *count = count.saturating_add(1);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.migrations = self.migrations.saturating_add(other.migrations);
        for (sum, more) in self.arrived.iter_mut().zip(other.arrived) {
            *sum = sum.saturating_add(more);
        }
        let more = other.counts.iter().flatten();
        for (sum, more) in self.counts.iter_mut().flatten().zip(more) {
            *sum = sum.saturating_add(*more);
        }
    }
}

/// The class of a duration in this place of a histogram.
fn class(place: usize) -> usize {
    place >> PLACES_BITS
}

/// The shortest duration of a class, nanoseconds.
pub fn class_begin(class: usize) -> u64 {
    histogram::lowest(class << PLACES_BITS)
}

/// The whole run, in stretches of the same length.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    origin_ns: Option<u64>,
    /// How long each stretch is, as a power of two of the first ones' length.
    doubled: u32,
    stretches: Vec<Stretch>,
}

impl Timeline {
    /// Begins at this time, nanoseconds of the recording's clock.
    pub fn starting_at(origin_ns: u64) -> Self {
        Self {
            origin_ns: Some(origin_ns),
            ..Self::default()
        }
    }

    /// Adds one migration. One that is older than the run is in its first stretch.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let end_ns = migration.end_ns;
        let origin = *self.origin_ns.get_or_insert(end_ns);
        let since = end_ns.saturating_sub(origin);
        // Dividing by a constant is quick.
        let first = since / FIRST_NS;
        while first >> self.doubled >= STRETCHES as u64 {
            self.halve();
        }
        let at = (first >> self.doubled) as usize;
        if at >= self.stretches.len() {
            self.stretches.resize_with(at + 1, Stretch::default);
        }
        self.stretches[at].count(migration);
    }

    /// Makes one stretch of every two.
    fn halve(&mut self) {
        let pair = |pair: &[Stretch]| {
            let mut both = pair[0].clone();
            pair[1..].iter().for_each(|second| both.add(second));
            both
        };
        self.stretches = self.stretches.chunks(2).map(pair).collect();
        self.doubled += 1;
    }

    /// When the first stretch begins, nanoseconds of the recording's clock; `None` if nothing has
    /// come.
    pub fn origin_ns(&self) -> Option<u64> {
        self.origin_ns
    }

    /// How long each stretch is, nanoseconds.
    pub fn stretch_ns(&self) -> u64 {
        FIRST_NS.saturating_mul(1 << self.doubled.min(40))
    }

    /// Up to the one in which the last migration ended, oldest first.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_ebpf::wire::histogram::bucket;
    use migscope_testkit::Synthetic;

    #[test]
    fn classes_begin_where_they_say() {
        for at in 0..CLASSES {
            assert_eq!(class(bucket(class_begin(at))), at);
            if at > 0 {
                assert_eq!(class(bucket(class_begin(at) - 1)), at - 1);
            }
        }
        assert_eq!(class(bucket(u64::MAX)), CLASSES - 1);
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut migration = Synthetic::new(1).migration();
        migration.steps = [Some(1000), None, None, None, Some(70)];
        let mut timeline = Timeline::starting_at(0);
        for time_ns in [5, 0, 300_000_000, 3_600_000_000_000, u64::MAX, 1 << 50] {
            migration.time_ns = time_ns;
            timeline.count(&Ended::new(&(&migration).into()));
            assert!(timeline.stretches().len() <= STRETCHES);
        }
        let sum = |step| -> u32 {
            let counts = timeline.stretches().iter().flat_map(|s| s.counts(step));
            counts.sum()
        };
        assert_eq!(
            (sum(None), sum(Some(Step::Setup)), sum(Some(Step::Pages))),
            (6, 6, 0)
        );
        let migrations: u64 = timeline.stretches().iter().map(|s| s.migrations).sum();
        assert_eq!(migrations, 6);
    }

    #[test]
    fn a_duration_is_in_its_stretch_and_class() {
        let mut migration = Synthetic::new(1).migration();
        migration.steps = [Some(1000), None, None, None, None];
        migration.probe = [0; 3];
        migration.time_ns = 2 * FIRST_NS;
        let mut timeline = Timeline::starting_at(0);
        timeline.count(&Ended::new(&(&migration).into()));
        let counts = timeline.stretches()[2].counts(Some(Step::Setup));
        let at = counts.iter().position(|count| *count == 1).unwrap();
        assert!(class_begin(at) <= 1000 && 1000 < class_begin(at + 1));
    }
}
