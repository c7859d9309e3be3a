//! Exact sums and histograms, by direction and cause: what the kernel counts by itself, whatever
//! becomes of the records, and what a reader counts of the records in the same way.

use std::fmt;

use migrate_ebpf::wire::{Cause, Direction, Figure, Ledger, Outcome};

use super::{ExactWaitFigure, ExactWaits, Reasons, Values, ledger};

/// Totals over many migrations. Bounded, as there are not many combinations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// Of each direction, cause and outcome that occurred.
    pub counts: Vec<ExactCount>,
    /// Of each direction and cause that occurred, and each figure with values.
    pub figures: Vec<ExactFigure>,
    /// Of waits: each kind and result that occurred.
    pub waits: Vec<ExactWaits>,
    /// Of waits: each figure with values.
    pub wait_figures: Vec<ExactWaitFigure>,
}

/// Sums over the migrations of one direction, cause and outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactCount {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// How it ended.
    pub outcome: Outcome,
    /// How many there were.
    pub migrations: u64,
    /// Where their pages went. Unit: base pages.
    pub ledger: Ledger,
    /// Why pages were skipped. Unit: base pages.
    pub reasons: Reasons,
    /// The tracer's own time, nanoseconds.
    pub probe_ns: u64,
    /// Ledgers that do not balance.
    pub unbalanced: u64,
}

/// The histogram of one figure over the migrations of one direction and cause.
#[derive(Clone, PartialEq)]
pub struct ExactFigure {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// What was measured, and its unit.
    pub figure: Figure,
    /// The sum of all values. Exact.
    pub sum: u64,
    /// The values, within 1%.
    pub values: Values,
}

impl Exact {
    /// How many combinations there are, of counts and of figures.
    pub fn len(&self) -> usize {
        self.counts.len() + self.figures.len() + self.waits.len() + self.wait_figures.len()
    }

    /// Has nothing been counted?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that these and `others` counted, which are of other migrations.
    pub fn plus(&self, others: &Self) -> Self {
        Self {
            counts: plus(
                &self.counts,
                &others.counts,
                ExactCount::key,
                ExactCount::add,
            ),
            figures: plus(
                &self.figures,
                &others.figures,
                ExactFigure::key,
                ExactFigure::add,
            ),
            waits: plus(&self.waits, &others.waits, ExactWaits::key, ExactWaits::add),
            wait_figures: plus(
                &self.wait_figures,
                &others.wait_figures,
                |of| of.figure,
                ExactWaitFigure::add,
            ),
        }
    }

    /// What was counted since `before`, an earlier state of the same totals.
    pub fn since(&self, before: &Self) -> Self {
        let mut since = Self {
            counts: since(
                &self.counts,
                &before.counts,
                ExactCount::key,
                ExactCount::since,
            ),
            figures: since(
                &self.figures,
                &before.figures,
                ExactFigure::key,
                ExactFigure::since,
            ),
            waits: since(
                &self.waits,
                &before.waits,
                ExactWaits::key,
                ExactWaits::since,
            ),
            wait_figures: since(
                &self.wait_figures,
                &before.wait_figures,
                |of| of.figure,
                ExactWaitFigure::since,
            ),
        };
        since.counts.retain(|count| count.migrations > 0);
        since.figures.retain(|figure| !figure.values.is_empty());
        since.waits.retain(|count| count.waits > 0);
        since
            .wait_figures
            .retain(|figure| !figure.values.is_empty());
        since
    }
}

/// Both lists, those with the same key in one, sorted by it.
fn plus<T: Clone, K: Ord>(
    some: &[T],
    others: &[T],
    key: impl Fn(&T) -> K,
    add: impl Fn(&mut T, &T),
) -> Vec<T> {
    let mut sum = some.to_vec();
    for other in others {
        match sum.iter_mut().find(|one| key(one) == key(other)) {
            Some(one) => add(one, other),
            None => sum.push(other.clone()),
        }
    }
    sum.sort_by_key(key);
    sum
}

/// Each of a list, since what it was before if it was there.
fn since<T: Clone, K: PartialEq>(
    now: &[T],
    before: &[T],
    key: impl Fn(&T) -> K,
    since: impl Fn(&T, &T) -> T,
) -> Vec<T> {
    let one = |now: &T| {
        let then = before.iter().find(|then| key(then) == key(now));
        then.map_or_else(|| now.clone(), |then| since(now, then))
    };
    now.iter().map(one).collect()
}

impl ExactCount {
    /// Nothing yet.
    pub fn new(direction: Direction, cause: Cause, outcome: Outcome) -> Self {
        Self {
            direction,
            cause,
            outcome,
            migrations: 0,
            ledger: Ledger::default(),
            reasons: Reasons::default(),
            probe_ns: 0,
            unbalanced: 0,
        }
    }

    /// What it is about. Sorts as the enumerations do.
    pub fn key(&self) -> (Direction, Cause, Outcome) {
        (self.direction, self.cause, self.outcome)
    }

    fn add(&mut self, other: &Self) {
        self.migrations = self.migrations.saturating_add(other.migrations);
        ledger::add(&mut self.ledger, &other.ledger);
        self.reasons.add(other.reasons);
        self.probe_ns = self.probe_ns.saturating_add(other.probe_ns);
        self.unbalanced = self.unbalanced.saturating_add(other.unbalanced);
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            migrations: self.migrations.saturating_sub(before.migrations),
            ledger: ledger::difference(&self.ledger, &before.ledger),
            reasons: self.reasons.since(before.reasons),
            probe_ns: self.probe_ns.saturating_sub(before.probe_ns),
            unbalanced: self.unbalanced.saturating_sub(before.unbalanced),
            ..*self
        }
    }
}

impl ExactFigure {
    /// Nothing yet.
    pub fn new(direction: Direction, cause: Cause, figure: Figure) -> Self {
        Self {
            direction,
            cause,
            figure,
            sum: 0,
            values: Values::default(),
        }
    }

    /// What it is about. Sorts as the enumerations do.
    pub fn key(&self) -> (Direction, Cause, Figure) {
        (self.direction, self.cause, self.figure)
    }

    fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.values.add(&other.values);
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            sum: self.sum.saturating_sub(before.sum),
            values: self.values.since(&before.values),
            ..*self
        }
    }
}

impl fmt::Debug for ExactFigure {
    /// Without the thousands of counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExactFigure")
            .field("of", &self.key())
            .field("sum", &self.sum)
            .field("values", &self.values.len())
            .finish_non_exhaustive()
    }
}
