//! Counts and ledgers of totals.

use migrate_ebpf::wire::{Cause, Direction, Ledger, Outcome};

use super::{Exact, ExactCount, Row, ledger};

/// Why pages were skipped. Unit: base pages. Together they are the ledger's `skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Never collected: absent, locked by somebody else, anonymous and pinned, or of a kind that
    /// was not asked for.
    pub not_collected: u64,
    /// Collected, and not unmapped: somebody else refers to it.
    pub unmap_failed: u64,
    /// Skipped in calls of which the kernel did not let it be seen.
    pub unknown: u64,
    /// Of the skipped, whatever the reason: in evictions, nobody used the page.
    pub free: u64,
    /// Of the declined: nothing was mapped there.
    pub declined_holes: u64,
}

impl Reasons {
    /// Adds one row.
    #[inline]
    pub fn count(&mut self, row: &Row<'_>) {
        self.add(Self::of(row));
    }

    /// Those of one row.
    #[inline]
    pub fn of(row: &Row<'_>) -> Self {
        let apart = Self {
            free: row.free.unwrap_or(0),
            declined_holes: row.declined_holes.unwrap_or(0),
            ..Self::default()
        };
        match row.skips {
            Some(skips) => Self {
                not_collected: skips.not_collected,
                unmap_failed: skips.unmap_failed,
                ..apart
            },
            None => Self {
                unknown: row.ledger.skipped,
                ..apart
            },
        }
    }

    /// Adds those of other migrations.
    #[inline]
    pub fn add(&mut self, more: Self) {
        self.not_collected = self.not_collected.saturating_add(more.not_collected);
        self.unmap_failed = self.unmap_failed.saturating_add(more.unmap_failed);
        self.unknown = self.unknown.saturating_add(more.unknown);
        self.free = self.free.saturating_add(more.free);
        self.declined_holes = self.declined_holes.saturating_add(more.declined_holes);
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            not_collected: self.not_collected.saturating_sub(before.not_collected),
            unmap_failed: self.unmap_failed.saturating_sub(before.unmap_failed),
            unknown: self.unknown.saturating_sub(before.unknown),
            free: self.free.saturating_sub(before.free),
            declined_holes: self.declined_holes.saturating_sub(before.declined_holes),
        }
    }

    /// Is the reason of some skipped pages known, or was none skipped?
    pub fn known(&self) -> bool {
        self.unknown == 0 || self.not_collected > 0 || self.unmap_failed > 0
    }
}

/// One combination of direction, cause and outcome that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// How it ended.
    pub outcome: Outcome,
    /// How many migrations.
    pub migrations: u64,
}

impl Exact {
    fn sum(&self, of: impl Fn(&ExactCount) -> u64) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(of(count)))
    }

    /// Migrations.
    pub fn migrations(&self) -> u64 {
        self.sum(|count| count.migrations)
    }

    /// Migrations whose ledger does not balance: each is a bug of the tracer.
    pub fn unbalanced(&self) -> u64 {
        self.sum(|count| count.unbalanced)
    }

    /// The tracer's own time within all migrations, nanoseconds.
    pub fn probe_ns(&self) -> u64 {
        self.sum(|count| count.probe_ns)
    }

    /// Migrations in one direction.
    pub fn in_direction(&self, direction: Direction) -> u64 {
        self.sum(|count| {
            if count.direction == direction {
                count.migrations
            } else {
                0
            }
        })
    }

    /// The ledger of one direction, or of all together.
    pub fn ledger(&self, direction: Option<Direction>) -> Ledger {
        let mut sum = Ledger::default();
        for count in &self.counts {
            if direction.is_none_or(|direction| direction == count.direction) {
                ledger::add(&mut sum, &count.ledger);
            }
        }
        sum
    }

    /// Why pages were skipped, in all directions together.
    pub fn reasons(&self) -> Reasons {
        let mut sum = Reasons::default();
        self.counts.iter().for_each(|count| sum.add(count.reasons));
        sum
    }

    /// Every combination that occurred.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.counts.iter().map(|count| Kind {
            direction: count.direction,
            cause: count.cause,
            outcome: count.outcome,
            migrations: count.migrations,
        })
    }
}
