//! Adds migrations up one by one, as the kernel does.

use migrate_ebpf::wire::Figure;

use super::exact::{Exact, ExactCount, ExactFigure};
use super::{Migration, Step, ledger};

/// The totals of the migrations that were counted here, and the largest value of each figure.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    exact: Exact,
    /// By place in [`Exact::figures`].
    largest: Vec<u64>,
}

impl Tally {
    /// Adds one migration.
    pub fn count(&mut self, migration: &Migration) {
        self.sums(migration);
        for (&figure, value) in Figure::ALL.iter().zip(values(migration)) {
            if let Some(value) = value {
                self.measure(migration, figure, value);
            }
        }
    }

    fn sums(&mut self, migration: &Migration) {
        let (direction, trigger) = (migration.direction, migration.trigger);
        let new = ExactCount::new(direction, trigger, migration.outcome);
        let counts = &mut self.exact.counts;
        let at = counts
            .binary_search_by_key(&new.key(), ExactCount::key)
            .unwrap_or_else(|at| {
                counts.insert(at, new);
                at
            });
        let sums = &mut counts[at];
        sums.migrations = sums.migrations.saturating_add(1);
        ledger::add(&mut sums.ledger, &migration.ledger);
        sums.reasons.count(migration);
        sums.probe_ns = sums.probe_ns.saturating_add(migration.probe_ns());
        let unbalanced = u64::from(!migration.is_balanced());
        sums.unbalanced = sums.unbalanced.saturating_add(unbalanced);
    }

    fn measure(&mut self, migration: &Migration, figure: Figure, value: u64) {
        let key = (migration.direction, migration.trigger, figure);
        let figures = &mut self.exact.figures;
        let at = figures
            .binary_search_by_key(&key, ExactFigure::key)
            .unwrap_or_else(|at| {
                figures.insert(at, ExactFigure::new(key.0, key.1, key.2));
                self.largest.insert(at, 0);
                at
            });
        let of = &mut figures[at];
        of.sum = of.sum.saturating_add(value);
        of.histogram.saturating_record(value);
        self.largest[at] = self.largest[at].max(value);
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

/// What one migration adds to each figure, in the order of [`Figure::ALL`]; `None` where it has no such value.
fn values(migration: &Migration) -> [Option<u64>; Figure::ALL.len()] {
    let [setup, alloc_and_copy, pages, finalize_and_map, finalize] = migration.steps;
    let total = migration.total_ns();
    [
        setup,
        alloc_and_copy,
        pages,
        finalize_and_map,
        finalize,
        Some(total),
        Some(migration.ledger.requested),
        total.checked_div(ledger::arrived(&migration.ledger)),
    ]
}

impl From<Step> for Figure {
    fn from(step: Step) -> Self {
        match step {
            Step::Setup => Self::Setup,
            Step::AllocAndCopy => Self::AllocAndCopy,
            Step::Pages => Self::Pages,
            Step::FinalizeAndMap => Self::FinalizeAndMap,
            Step::Finalize => Self::Finalize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Synthetic;

    #[test]
    fn figures_are_what_the_wire_says_they_are() {
        let mut migration = Synthetic::new(1).migration();
        migration.steps = [Some(100), Some(50), None, None, Some(7)];
        migration.ledger = super::super::Ledger {
            requested: 12,
            moved: 3,
            populated: 1,
            skipped: 8,
            ..Default::default()
        };
        let expected = [100, 50, 0, 0, 7, 157, 12, 39];
        let got = values(&migration);
        assert_eq!(got.map(|value| value.unwrap_or(0)), expected);
        assert_eq!((got[2], got[3]), (None, None));
        migration.ledger.moved = 0;
        migration.ledger.populated = 0;
        assert_eq!(values(&migration)[7], None, "nothing arrived");
    }

    #[test]
    fn a_later_state_less_an_earlier_is_what_came_between() {
        let mut synthetic = Synthetic::new(2);
        let (mut all, mut first, mut second) =
            (Tally::default(), Tally::default(), Tally::default());
        for half in [&mut first, &mut second] {
            for migration in synthetic.batch(500).migrations {
                all.count(&migration);
                half.count(&migration);
            }
        }
        assert_eq!(&all.exact.since(&first.exact), second.exact());
        assert_eq!(all.exact.since(&all.exact), Exact::default());
        assert_eq!(all.exact.since(&Exact::default()), all.exact);
    }
}
