//! Rows of the events `status`, `total` and `histogram`: what the tracer tells about itself and about all migrations.

use migrate_ebpf::wire::{Direction, Figure, LOSS_NAMES, Outcome, Trigger};

use super::Wrong;
use super::columns::{Bytes, Columns, Names, Numbers};
use super::migration::LedgerColumns;
use crate::model::{ExactCount, ExactFigure, Reasons};
use crate::recording::histogram;
use crate::source::Status;

/// The columns of a row of event `status`.
pub(super) struct StatusColumns<'a> {
    time_ns: Numbers<'a>,
    ended: Numbers<'a>,
    losses: Vec<Numbers<'a>>,
    totals: Numbers<'a>,
}

impl<'a> StatusColumns<'a> {
    pub(super) fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        let loss = |name| columns.u64(format!("lost_{name}"));
        Ok(Self {
            time_ns: columns.u64("time_ns")?,
            ended: columns.u64("ended")?,
            losses: LOSS_NAMES.into_iter().map(loss).collect::<Result<_, _>>()?,
            totals: columns.u64("totals")?,
        })
    }

    /// The status, without the kernel's totals, which have rows of their own.
    pub(super) fn get(&self, row: usize) -> Result<Status, Wrong> {
        let mut losses = [0; LOSS_NAMES.len()];
        for (loss, column) in losses.iter_mut().zip(&self.losses) {
            *loss = column.needed(row)?;
        }
        Ok(Status {
            time_ns: self.time_ns.needed(row)?,
            ended: self.ended.needed(row)?,
            losses,
            exact: None,
        })
    }

    /// How many rows of the kernel's totals come with it; `None`: it has none.
    pub(super) fn totals(&self, row: usize) -> Option<u64> {
        self.totals.get(row)
    }
}

/// The columns of a row of event `total`.
pub(super) struct TotalColumns<'a> {
    direction: Names<'a, Direction>,
    trigger: Names<'a, Trigger>,
    outcome: Names<'a, Outcome>,
    migrations: Numbers<'a>,
    ledger: LedgerColumns<'a>,
    not_collected: Numbers<'a>,
    unmap_failed: Numbers<'a>,
    unknown: Numbers<'a>,
    probe_ns: Numbers<'a>,
    unbalanced: Numbers<'a>,
}

impl<'a> TotalColumns<'a> {
    pub(super) fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        let total = |name: &str| columns.u64(format!("total_{name}"));
        Ok(Self {
            direction: columns.names("direction", Direction::from_name)?,
            trigger: columns.names("trigger", Trigger::from_name)?,
            outcome: columns.names("outcome", Outcome::from_name)?,
            migrations: total("migrations")?,
            ledger: LedgerColumns::new(columns, "total_")?,
            not_collected: total("not_collected")?,
            unmap_failed: total("unmap_failed")?,
            unknown: total("unknown")?,
            probe_ns: total("probe_ns")?,
            unbalanced: total("unbalanced")?,
        })
    }

    pub(super) fn get(&self, row: usize) -> Result<ExactCount, Wrong> {
        Ok(ExactCount {
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            trigger: self.trigger.get(row).unwrap_or(Trigger::Unknown),
            outcome: self.outcome.needed(row)?,
            migrations: self.migrations.needed(row)?,
            ledger: self.ledger.get(row)?,
            reasons: Reasons {
                not_collected: self.not_collected.needed(row)?,
                unmap_failed: self.unmap_failed.needed(row)?,
                unknown: self.unknown.needed(row)?,
            },
            probe_ns: self.probe_ns.needed(row)?,
            unbalanced: self.unbalanced.needed(row)?,
        })
    }
}

/// The columns of a row of event `histogram`.
pub(super) struct HistogramColumns<'a> {
    direction: Names<'a, Direction>,
    trigger: Names<'a, Trigger>,
    figure: Names<'a, Figure>,
    sum: Numbers<'a>,
    histogram: Bytes<'a>,
}

impl<'a> HistogramColumns<'a> {
    pub(super) fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        Ok(Self {
            direction: columns.names("direction", Direction::from_name)?,
            trigger: columns.names("trigger", Trigger::from_name)?,
            figure: columns.names("figure", Figure::from_name)?,
            sum: columns.u64("sum")?,
            histogram: columns.bytes("histogram")?,
        })
    }

    pub(super) fn get(&self, row: usize) -> Result<ExactFigure, Wrong> {
        let bytes = self.histogram.get(row).ok_or("a row without histogram")?;
        Ok(ExactFigure {
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            trigger: self.trigger.get(row).unwrap_or(Trigger::Unknown),
            figure: self.figure.needed(row)?,
            sum: self.sum.needed(row)?,
            histogram: histogram::decode(bytes)?,
        })
    }
}
