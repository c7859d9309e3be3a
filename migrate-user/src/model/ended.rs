//! What the model counts of a migration, and what follows from it, made once.

use std::ops::Deref;
use std::sync::Arc;

use migrate_ebpf::wire::{Figure, histogram::bucket};

use super::{Cause, Direction, Ledger, Migration, Outcome, Parts, Skips, Step, ledger, migration};

/// What is counted of a migration, wherever it stands. Fields are those of [`Migration`].
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) time_ns: u64,
    pub(crate) pid: Option<u32>,
    /// The thread that made the calls, whoever owns the memory.
    pub(crate) tid: Option<u32>,
    pub(crate) comm: Option<&'a Arc<str>>,
    pub(crate) cgroup: Option<&'a Arc<str>>,
    pub(crate) driver: Option<&'a Arc<str>>,
    pub(crate) direction: Direction,
    pub(crate) cause: Cause,
    pub(crate) outcome: Outcome,
    pub(crate) address: Option<u64>,
    pub(crate) ledger: Ledger,
    pub(crate) skips: Option<Skips>,
    pub(crate) declined_holes: Option<u64>,
    pub(crate) free: Option<u64>,
    pub(crate) steps: [Option<u64>; Step::COUNT],
    pub(crate) probe: [u64; 3],
    pub(crate) parts: Option<Parts>,
    pub(crate) off_cpu: Option<[u64; Step::COUNT]>,
    pub(crate) anomalies: u8,
}

impl<'a> From<&'a Migration> for Row<'a> {
    #[inline]
    fn from(migration: &'a Migration) -> Self {
        Self {
            time_ns: migration.time_ns,
            pid: migration.pid,
            tid: migration
                .worker
                .as_ref()
                .map_or(migration.tid, |of| Some(of.tid)),
            comm: migration.comm.as_ref(),
            cgroup: migration.cgroup.as_ref(),
            driver: migration.driver.as_ref(),
            direction: migration.direction,
            cause: migration.cause,
            outcome: migration.outcome,
            address: migration.address,
            ledger: migration.ledger,
            skips: migration.skips,
            declined_holes: migration.declined_holes,
            free: migration.free,
            steps: migration.steps,
            probe: migration.probe,
            parts: migration.parts,
            off_cpu: migration.off_cpu,
            anomalies: migration.anomalies,
        }
    }
}

/// A migration that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended<'a> {
    row: &'a Row<'a>,
    /// [`Migration::total_ns`].
    pub(super) total_ns: u64,
    /// [`Migration::probe_ns`].
    pub(super) probe_ns: u64,
    /// [`Migration::end_ns`].
    pub(super) end_ns: u64,
    /// [`ledger::arrived`].
    pub(super) arrived: u64,
    /// What it adds to each figure, in the order of [`Figure::ALL`]; `None` where it has no such value.
    pub(super) values: [Option<u64>; Figure::ALL.len()],
    /// Where histograms count these values; 0 where there is none.
    pub(super) places: [u16; Figure::ALL.len()],
}

impl<'a> Ended<'a> {
    #[inline]
    pub(super) fn new(row: &'a Row<'a>) -> Self {
        let total_ns = migration::sum(row.steps.into_iter().flatten());
        let probe_ns = migration::sum(row.probe);
        let arrived = ledger::arrived(&row.ledger);
        let [setup, alloc_and_copy, pages, finalize_and_map, finalize] = row.steps;
        let values = [
            setup,
            alloc_and_copy,
            pages,
            finalize_and_map,
            finalize,
            Some(total_ns),
            Some(row.ledger.requested),
            total_ns.checked_div(arrived),
        ];
        let mut places = [0; Figure::ALL.len()];
        for (place, value) in places.iter_mut().zip(&values) {
            *place = bucket(value.unwrap_or(0)) as u16;
        }
        Self {
            row,
            total_ns,
            probe_ns,
            end_ns: migration::sum([row.time_ns, total_ns, probe_ns]),
            arrived,
            values,
            places,
        }
    }

    /// [`Migration::is_balanced`].
    pub(super) fn is_balanced(&self) -> bool {
        migration::is_balanced(&self.row.ledger, self.row.anomalies)
    }
}

impl<'a> Deref for Ended<'a> {
    type Target = Row<'a>;

    fn deref(&self) -> &Row<'a> {
        self.row
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
        migration.ledger = Ledger {
            requested: 12,
            moved: 3,
            populated: 1,
            skipped: 8,
            ..Default::default()
        };
        let expected = [100, 50, 0, 0, 7, 157, 12, 39];
        let got = Ended::new(&Row::from(&migration)).values;
        assert_eq!(got.map(|value| value.unwrap_or(0)), expected);
        assert_eq!((got[2], got[3]), (None, None));
        migration.ledger.moved = 0;
        migration.ledger.populated = 0;
        assert_eq!(
            Ended::new(&Row::from(&migration)).values[7],
            None,
            "nothing arrived"
        );
    }

    #[test]
    fn what_follows_is_what_the_migration_says() {
        for migration in Synthetic::new(3).batch(200).migrations {
            let row = Row::from(&migration);
            let ended = Ended::new(&row);
            assert_eq!(ended.total_ns, migration.total_ns());
            assert_eq!(ended.probe_ns, migration.probe_ns());
            assert_eq!(ended.end_ns, migration.end_ns());
            assert_eq!(ended.is_balanced(), migration.is_balanced());
            for (value, place) in ended.values.iter().zip(ended.places) {
                assert_eq!(usize::from(place), value.map_or(0, bucket));
            }
        }
    }
}
