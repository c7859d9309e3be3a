//! Adds waits up one by one, as the kernel does.

use std::borrow::Cow;

use super::super::Distribution;
use super::WaitSums;
use crate::trace::{
    Exact, ExactWaitFigure, ExactWaits, Values, Wait, WaitFigure, WaitKind, WaitResult,
};

/// The totals of the waits that were counted here.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitTally {
    counts: Vec<ExactWaits>,
    figures: Vec<ExactWaitFigure>,
    /// The largest value of each of `figures`, exact.
    largest: Vec<u64>,
}

impl WaitTally {
    /// Adds one wait.
    pub(super) fn count(&mut self, wait: &Wait) {
        let key = (wait.kind, wait.result);
        let at = self.counts.partition_point(|count| count.key() < key);
        if self.counts.get(at).is_none_or(|count| count.key() != key) {
            self.counts
                .insert(at, ExactWaits::new(wait.kind, wait.result));
        }
        self.counts[at].count(wait);
        self.measure(wait.kind.into(), wait.total_ns);
        if let Some(ns) = wait.before_setup_ns {
            self.measure(WaitFigure::BeforeSetup, ns);
        }
    }

    fn measure(&mut self, figure: WaitFigure, ns: u64) {
        let at = self.figures.partition_point(|of| of.figure < figure);
        if self.figures.get(at).is_none_or(|of| of.figure != figure) {
            let values = Values::default();
            self.figures.insert(at, ExactWaitFigure { figure, values });
            self.largest.insert(at, 0);
        }
        self.figures[at].values.record(ns);
        self.largest[at] = self.largest[at].max(ns);
    }

    pub(super) fn totals(&self) -> WaitTotals<'_> {
        WaitTotals {
            counts: &self.counts,
            figures: &self.figures,
            largest: Some(&self.largest),
        }
    }
}

/// Counts, sums and durations of waits.
#[derive(Clone, Copy, Debug)]
pub struct WaitTotals<'a> {
    counts: &'a [ExactWaits],
    figures: &'a [ExactWaitFigure],
    /// The largest value of each figure; `None` where only the histogram tells.
    largest: Option<&'a [u64]>,
}

impl<'a> WaitTotals<'a> {
    /// Of totals of which only the histograms are known.
    pub fn of_totals(exact: &'a Exact) -> Self {
        Self {
            counts: &exact.waits,
            figures: &exact.wait_figures,
            largest: None,
        }
    }

    /// Each kind and result that occurred, in the order of the enumerations.
    pub fn counts(&self) -> &'a [ExactWaits] {
        self.counts
    }

    /// Each histogram that there is.
    pub fn figures(&self) -> &'a [ExactWaitFigure] {
        self.figures
    }

    /// All waits, whatever they were for.
    pub fn waits(&self) -> u64 {
        self.sum(|_| true, |count| count.waits)
    }

    /// Waits of a kind.
    pub fn of_kind(&self, kind: WaitKind) -> u64 {
        self.sum(|count| count.kind == kind, |count| count.waits)
    }

    /// Their time, nanoseconds.
    pub fn total_ns(&self, kind: WaitKind) -> u64 {
        self.sum(|count| count.kind == kind, |count| count.total_ns)
    }

    /// Waits of a kind with a result; nothing where there were none.
    pub fn of(&self, kind: WaitKind, result: WaitResult) -> Cow<'a, ExactWaits> {
        let found = self
            .counts
            .iter()
            .find(|count| count.key() == (kind, result));
        found.map_or_else(|| Cow::Owned(ExactWaits::new(kind, result)), Cow::Borrowed)
    }

    /// Of faults whose own migration brought the page: their time, and the part of it before that
    /// migration began. Both only of these.
    pub fn before_setup(&self) -> WaitSums {
        let moved = self.of(WaitKind::Fault, WaitResult::Moved);
        WaitSums {
            waits: moved.waits,
            made: moved.waits,
            total_ns: moved.total_ns,
            made_ns: moved.total_ns,
            before_setup_ns: moved.before_setup_ns,
            ..WaitSums::default()
        }
    }

    fn sum(&self, which: impl Fn(&ExactWaits) -> bool, of: fn(&ExactWaits) -> u64) -> u64 {
        let some = self.counts.iter().filter(|count| which(count));
        some.fold(0, |sum, count| sum.saturating_add(of(count)))
    }

    /// How long waits took, or a part of them: nanoseconds.
    pub fn durations(&self, figure: WaitFigure) -> Distribution {
        let at = self.figures.iter().position(|of| of.figure == figure);
        let values = at.map(|at| &self.figures[at].values);
        let largest = self.largest.map(|largest| at.map_or(0, |at| largest[at]));
        Distribution::of_values(values, self.sum_of(figure), largest)
    }

    /// The exact sum of what a figure is about, nanoseconds.
    pub fn sum_of(&self, figure: WaitFigure) -> u64 {
        let kind = WaitKind::ALL
            .iter()
            .find(|kind| WaitFigure::from(**kind) == figure);
        match kind {
            Some(kind) => self.total_ns(*kind),
            None => self.sum(|_| true, |count| count.before_setup_ns),
        }
    }
}
