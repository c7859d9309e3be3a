//! What a row of a recording is about.

use migrate_ebpf::wire::{Direction, Trigger};

use crate::model::{ExactCount, ExactFigure, Migration};
use crate::source::Status;

/// Column `event`: the kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// One migration.
    Migration,
    /// The tracer's account of itself.
    Status,
    /// The kernel's own sums over the migrations of one direction, trigger and outcome.
    Total,
    /// The kernel's own histogram of one figure of the migrations of one direction and trigger.
    Histogram,
}

impl Event {
    /// Every kind.
    pub(super) const ALL: [Self; 4] = [Self::Migration, Self::Status, Self::Total, Self::Histogram];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Migration => "migration",
            Self::Status => "status",
            Self::Total => "total",
            Self::Histogram => "histogram",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

/// One row. What the kernel counted by itself belongs to a status.
#[derive(Clone, Copy)]
pub(super) enum Row<'a> {
    Migration(&'a Migration),
    Status(&'a Status),
    Total(&'a Status, &'a ExactCount),
    Histogram(&'a Status, &'a ExactFigure),
}

impl<'a> Row<'a> {
    /// The rows of a batch, in order.
    pub(super) fn all(migrations: &'a [Migration], status: Option<&'a Status>) -> Vec<Self> {
        let mut rows: Vec<Self> = migrations.iter().map(Self::Migration).collect();
        if let Some(status) = status {
            rows.push(Self::Status(status));
            if let Some(exact) = status.exact.as_deref() {
                rows.extend(exact.counts.iter().map(|count| Self::Total(status, count)));
                let figures = exact.figures.iter();
                rows.extend(figures.map(|figure| Self::Histogram(status, figure)));
            }
        }
        rows
    }

    pub(super) fn event(&self) -> Event {
        match self {
            Self::Migration(_) => Event::Migration,
            Self::Status(_) => Event::Status,
            Self::Total(..) => Event::Total,
            Self::Histogram(..) => Event::Histogram,
        }
    }

    pub(super) fn time_ns(&self) -> u64 {
        match self {
            Self::Migration(migration) => migration.time_ns,
            Self::Status(status) | Self::Total(status, _) | Self::Histogram(status, _) => {
                status.time_ns
            }
        }
    }

    pub(super) fn migration(&self) -> Option<&'a Migration> {
        match self {
            Self::Migration(migration) => Some(migration),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Option<&'a Status> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    pub(super) fn total(&self) -> Option<&'a ExactCount> {
        match self {
            Self::Total(_, total) => Some(total),
            _ => None,
        }
    }

    pub(super) fn histogram(&self) -> Option<&'a ExactFigure> {
        match self {
            Self::Histogram(_, figure) => Some(figure),
            _ => None,
        }
    }

    /// `None` also where this kernel could not tell.
    pub(super) fn direction(&self) -> Option<&'static str> {
        let direction = match self {
            Self::Migration(migration) => migration.direction,
            Self::Status(_) => return None,
            Self::Total(_, total) => total.direction,
            Self::Histogram(_, figure) => figure.direction,
        };
        (direction != Direction::Unknown).then(|| direction.name())
    }

    /// `None` also where this kernel could not tell.
    pub(super) fn trigger(&self) -> Option<&'static str> {
        let trigger = match self {
            Self::Migration(migration) => migration.trigger,
            Self::Status(_) => return None,
            Self::Total(_, total) => total.trigger,
            Self::Histogram(_, figure) => figure.trigger,
        };
        (trigger != Trigger::Unknown).then(|| trigger.name())
    }

    pub(super) fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Migration(migration) => Some(migration.outcome.name()),
            Self::Total(_, total) => Some(total.outcome.name()),
            Self::Status(_) | Self::Histogram(..) => None,
        }
    }

    pub(super) fn figure(&self) -> Option<&'static str> {
        self.histogram().map(|of| of.figure.name())
    }
}
