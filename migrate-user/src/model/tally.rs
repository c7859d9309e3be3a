//! Adds migrations up one by one, as the kernel does.

use migrate_ebpf::wire::{self, CLASSES, Cause, Direction, Figure, Outcome};

use super::Ended;
use crate::trace::{Exact, ExactCount, ExactFigure, Row, ledger};

/// The totals of the migrations that were counted here, and the largest value of each figure.
#[derive(Clone, Debug)]
pub struct Tally {
    exact: Exact,
    /// By place in [`Exact::figures`].
    largest: Vec<u64>,
    /// Where the sums of each class are, and by it each outcome: looking for them would take longer
    /// than adding.
    places: [Places; CLASSES],
}

/// The places of one class, in [`Exact::counts`] and in [`Exact::figures`].
#[derive(Clone, Debug, Default)]
struct Places {
    counts: [Option<usize>; Outcome::ALL.len()],
    figures: [Option<usize>; Figure::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            exact: Exact::default(),
            largest: Vec::new(),
            places: std::array::from_fn(|_| Places::default()),
        }
    }
}

impl Tally {
    /// Adds one migration.
    pub fn count(&mut self, row: &Row<'_>) {
        self.add(&Ended::new(row));
    }

    /// Adds one migration.
    pub(super) fn add(&mut self, migration: &Ended<'_>) {
        self.sums(migration);
        let class = class(migration.direction, migration.cause);
        let values = migration.values.iter().zip(&migration.places);
        for (&figure, (value, in_histogram)) in Figure::ALL.iter().zip(values) {
            if let Some(value) = *value {
                let place = self.places[class].figures[figure as usize];
                let at = place.unwrap_or_else(|| self.new_figure(migration, figure));
                self.measure(at, value, (*in_histogram).into());
            }
        }
    }

    fn sums(&mut self, migration: &Ended<'_>) {
        let places = &self.places[class(migration.direction, migration.cause)].counts;
        let place = places[migration.outcome as usize - 1];
        let at = place.unwrap_or_else(|| self.new_count(migration));
        let sums = &mut self.exact.counts[at];
        sums.migrations = sums.migrations.saturating_add(1);
        ledger::add(&mut sums.ledger, &migration.ledger);
        sums.reasons.count(migration);
        sums.probe_ns = sums.probe_ns.saturating_add(migration.probe_ns);
        let unbalanced = u64::from(!migration.is_balanced());
        sums.unbalanced = sums.unbalanced.saturating_add(unbalanced);
    }

    fn measure(&mut self, at: usize, value: u64, place: usize) {
        let of = &mut self.exact.figures[at];
        of.sum = of.sum.saturating_add(value);
        of.values.record_in(place);
        self.largest[at] = self.largest[at].max(value);
    }

    /// The place of sums that have not been there.
    #[cold]
    fn new_count(&mut self, migration: &Ended<'_>) -> usize {
        let new = ExactCount::new(migration.direction, migration.cause, migration.outcome);
        let counts = &mut self.exact.counts;
        let at = counts.partition_point(|count| count.key() < new.key());
        counts.insert(at, new);
        for (at, count) in counts.iter().enumerate() {
            let places = &mut self.places[class(count.direction, count.cause)];
            places.counts[count.outcome as usize - 1] = Some(at);
        }
        at
    }

    /// The place of a figure that has not been there.
    #[cold]
    fn new_figure(&mut self, migration: &Ended<'_>, figure: Figure) -> usize {
        let new = ExactFigure::new(migration.direction, migration.cause, figure);
        let figures = &mut self.exact.figures;
        let at = figures.partition_point(|of| of.key() < new.key());
        figures.insert(at, new);
        self.largest.insert(at, 0);
        for (at, of) in figures.iter().enumerate() {
            self.places[class(of.direction, of.cause)].figures[of.figure as usize] = Some(at);
        }
        at
    }

    /// The totals, in the order of the enumerations.
    pub fn exact(&self) -> &Exact {
        &self.exact
    }

    /// The largest value of each of [`Exact::figures`], exact.
    pub(super) fn largest(&self) -> &[u64] {
        &self.largest
    }
}

/// The place of a direction and a cause among all classes.
fn class(direction: Direction, cause: Cause) -> usize {
    wire::class(direction as u8, cause as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn a_later_state_less_an_earlier_is_what_came_between() {
        let mut synthetic = Synthetic::new(2);
        let (mut all, mut first, mut second) =
            (Tally::default(), Tally::default(), Tally::default());
        for half in [&mut first, &mut second] {
            for migration in synthetic.batch(500).migrations {
                all.count(&(&migration).into());
                half.count(&(&migration).into());
            }
        }
        assert_eq!(&all.exact.since(&first.exact), second.exact());
        assert_eq!(all.exact.since(&all.exact), Exact::default());
        assert_eq!(all.exact.since(&Exact::default()), all.exact);
    }
}
