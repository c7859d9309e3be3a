//! What the kernel counted by itself: exact, whatever became of the records.

use hdrhistogram::Histogram;
use migrate_ebpf::wire::{Direction, Figure, Ledger, Outcome, Trigger};

use super::Reasons;

/// The kernel's own totals since the tracer started, of every migration that the filter lets through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// Of each direction, trigger and outcome that occurred.
    pub counts: Vec<ExactCount>,
    /// Of each direction and trigger that occurred, and each figure with values.
    pub figures: Vec<ExactFigure>,
}

/// Sums over the migrations of one direction, trigger and outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactCount {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub trigger: Trigger,
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

/// The histogram of one figure over the migrations of one direction and trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct ExactFigure {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub trigger: Trigger,
    /// What was measured, and its unit.
    pub figure: Figure,
    /// The sum of all values. Exact.
    pub sum: u64,
    /// The values, within 1%, with [`super::steps::DIGITS`] digits.
    pub histogram: Histogram<u64>,
}
