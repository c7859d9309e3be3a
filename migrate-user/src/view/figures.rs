//! The figures of every view, taken from the model in one place, so that dashboard and report agree.

use crate::model::ledger::Row;
use crate::model::{Direction, Model, Rate, Step};
use crate::text::{bytes, count, duration, percent, quantity};

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// The seconds over which a rate is averaged on screen.
pub(super) const RATE_SECONDS: usize = 5;

/// The directions that are listed: both, and `unknown` only where it occurs.
pub(super) fn directions(model: &Model) -> Vec<Direction> {
    let occurs = |direction: &Direction| {
        *direction != Direction::Unknown || model.totals().in_direction(*direction) > 0
    };
    Direction::ALL.iter().copied().filter(occurs).collect()
}

/// How much per second, as text: pages, bytes, calls.
pub(super) fn rate(model: &Model, rate: Option<Rate>) -> [String; 3] {
    let Some(rate) = rate else {
        return [NONE; 3].map(str::to_owned);
    };
    let page = model.facts().page_size as f64;
    [
        quantity(rate.pages),
        bytes(rate.pages * page),
        quantity(rate.calls),
    ]
}

/// One row of the ledger.
pub(super) struct LedgerFigure {
    pub(super) row: Row,
    pub(super) pages: u64,
    /// Of all pages requested, 0 to 1.
    pub(super) share: f64,
}

/// The rows of the ledger, all of them.
pub(super) fn ledger(model: &Model) -> [LedgerFigure; Row::ALL.len()] {
    let ledger = model.totals().ledger(None);
    let requested = ledger.requested.max(1) as f64;
    Row::ALL.map(|row| {
        let pages = row.of(&ledger);
        LedgerFigure {
            row,
            pages,
            share: pages as f64 / requested,
        }
    })
}

/// Why pages were skipped, as far as any were: name and pages.
pub(super) fn reasons(model: &Model) -> Vec<(&'static str, u64)> {
    let reasons = model.totals().reasons();
    [
        ("not_collected", reasons.not_collected),
        ("unmap_failed", reasons.unmap_failed),
        ("unknown", reasons.unknown),
    ]
    .into_iter()
    .filter(|(_, pages)| *pages > 0)
    .collect()
}

/// The times of one step.
pub(super) struct StepFigure {
    pub(super) step: Step,
    pub(super) count: u64,
    pub(super) p50_ns: Option<u64>,
    pub(super) p90_ns: Option<u64>,
    pub(super) p99_ns: Option<u64>,
    pub(super) max_ns: Option<u64>,
    /// Of the time of all five, 0 to 1.
    pub(super) share: Option<f64>,
}

/// The times of the five steps.
pub(super) fn steps(model: &Model, direction: Option<Direction>) -> [StepFigure; Step::COUNT] {
    Step::ALL.map(|step| {
        let durations = model.steps().of(step, direction);
        StepFigure {
            step,
            count: durations.count(),
            p50_ns: durations.quantile(0.50),
            p90_ns: durations.quantile(0.90),
            p99_ns: durations.quantile(0.99),
            max_ns: durations.max(),
            share: model.steps().share(step, direction),
        }
    })
}

impl StepFigure {
    /// As text: count, p50, p90, p99, max, share.
    pub(super) fn cells(&self) -> [String; 6] {
        let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
        [
            count(self.count),
            time(self.p50_ns),
            time(self.p90_ns),
            time(self.p99_ns),
            time(self.max_ns),
            self.share.map_or_else(|| NONE.to_owned(), percent),
        ]
    }
}
