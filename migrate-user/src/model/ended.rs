//! What is made of a migration in many places, made once.

use std::ops::Deref;

use super::{Migration, ledger};

/// A migration, and what follows from it.
pub(super) struct Ended<'a> {
    migration: &'a Migration,
    /// [`Migration::total_ns`].
    pub(super) total_ns: u64,
    /// [`Migration::probe_ns`].
    pub(super) probe_ns: u64,
    /// [`Migration::end_ns`].
    pub(super) end_ns: u64,
    /// [`ledger::arrived`].
    pub(super) arrived: u64,
}

impl<'a> Ended<'a> {
    pub(super) fn new(migration: &'a Migration) -> Self {
        let (total_ns, probe_ns) = (migration.total_ns(), migration.probe_ns());
        Self {
            migration,
            total_ns,
            probe_ns,
            end_ns: migration
                .time_ns
                .saturating_add(total_ns)
                .saturating_add(probe_ns),
            arrived: ledger::arrived(&migration.ledger),
        }
    }
}

impl Deref for Ended<'_> {
    type Target = Migration;

    fn deref(&self) -> &Migration {
        self.migration
    }
}
