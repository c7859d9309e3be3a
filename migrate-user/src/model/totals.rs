//! Exact counts of what the records say.

use migrate_ebpf::wire::{Direction, Ledger, Outcome, Trigger};

use super::{Migration, index, ledger};

/// Migrations by direction, trigger and outcome.
type Kinds = [[[u64; Outcome::ALL.len()]; Trigger::ALL.len()]; Direction::ALL.len()];

/// Sums over all migrations received.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    migrations: u64,
    unbalanced: u64,
    probe_ns: u64,
    kinds: Kinds,
    reasons: Reasons,
    ledgers: [Ledger; Direction::ALL.len()],
}

/// Why pages were skipped. Unit: base pages. Together they are the ledger's `skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Never collected: absent, locked by somebody else, anonymous and pinned, or of a kind that was not asked for.
    pub not_collected: u64,
    /// Collected, and not unmapped: somebody else refers to it.
    pub unmap_failed: u64,
    /// Skipped in calls of which the kernel did not let it be seen.
    pub unknown: u64,
}

impl Reasons {
    fn count(&mut self, migration: &Migration) {
        let (sum, more) = match migration.skips {
            Some(skips) => {
                self.not_collected = self.not_collected.saturating_add(skips.not_collected);
                (&mut self.unmap_failed, skips.unmap_failed)
            }
            None => (&mut self.unknown, migration.ledger.skipped),
        };
        *sum = sum.saturating_add(more);
    }

    /// Is the reason of some skipped pages known, or was none skipped?
    pub fn known(&self) -> bool {
        self.unknown == 0 || self.not_collected > 0 || self.unmap_failed > 0
    }
}

/// One combination of direction, trigger and outcome that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Where pages were to go.
    pub direction: Direction,
    /// Why.
    pub trigger: Trigger,
    /// How it ended.
    pub outcome: Outcome,
    /// How many migrations.
    pub migrations: u64,
}

impl Totals {
    /// Counts one migration.
    pub fn count(&mut self, migration: &Migration) {
        self.migrations = self.migrations.saturating_add(1);
        self.unbalanced = self
            .unbalanced
            .saturating_add(u64::from(!migration.is_balanced()));
        self.probe_ns = self.probe_ns.saturating_add(migration.probe_ns());
        let direction = index(migration.direction);
        let kind = &mut self.kinds[direction][migration.trigger as usize - 1]
            [migration.outcome as usize - 1];
        *kind = kind.saturating_add(1);
        self.reasons.count(migration);
        ledger::add(&mut self.ledgers[direction], &migration.ledger);
    }

    /// Migrations received.
    pub fn migrations(&self) -> u64 {
        self.migrations
    }

    /// Migrations whose ledger does not balance: each is a bug of the tracer.
    pub fn unbalanced(&self) -> u64 {
        self.unbalanced
    }

    /// The tracer's own time within all migrations, nanoseconds.
    pub fn probe_ns(&self) -> u64 {
        self.probe_ns
    }

    /// The ledger of one direction, or of all together.
    pub fn ledger(&self, direction: Option<Direction>) -> Ledger {
        match direction {
            Some(direction) => self.ledgers[index(direction)],
            None => self
                .ledgers
                .iter()
                .fold(Ledger::default(), |mut sum, more| {
                    ledger::add(&mut sum, more);
                    sum
                }),
        }
    }

    /// Why pages were skipped, in all directions together.
    pub fn reasons(&self) -> Reasons {
        self.reasons
    }

    /// Migrations in one direction.
    pub fn in_direction(&self, direction: Direction) -> u64 {
        self.kinds()
            .filter(|kind| kind.direction == direction)
            .map(|kind| kind.migrations)
            .sum()
    }

    /// Every combination that occurred, in the order of the enumerations.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        Direction::ALL.iter().flat_map(move |&direction| {
            Trigger::ALL.iter().flat_map(move |&trigger| {
                Outcome::ALL.iter().filter_map(move |&outcome| {
                    let migrations =
                        self.kinds[index(direction)][trigger as usize - 1][outcome as usize - 1];
                    (migrations > 0).then_some(Kind {
                        direction,
                        trigger,
                        outcome,
                        migrations,
                    })
                })
            })
        })
    }
}
