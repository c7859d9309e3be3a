//! What is counted of a migration, without what only views show.

use std::sync::Arc;

use super::{Cause, Direction, Ledger, Migration, Outcome, Parts, Skips, Step, sum};

/// What is counted of a migration, wherever it stands. Fields are those of [`Migration`].
#[derive(Clone, Debug)]
pub struct Row<'a> {
    pub(crate) time_ns: u64,
    pub(crate) pid: Option<u32>,
    /// The thread that made the calls, whoever owns the memory.
    pub(crate) tid: Option<u32>,
    pub(crate) comm: Option<&'a Arc<str>>,
    /// The command name of that thread, where it is none of the owner's own.
    pub(crate) worker: Option<&'a Arc<str>>,
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
            worker: migration.worker.as_ref().map(|of| &of.comm),
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

impl Row<'_> {
    /// [`Migration::total_ns`].
    #[inline]
    pub fn total_ns(&self) -> u64 {
        sum(self.steps.into_iter().flatten())
    }

    /// [`Migration::end_ns`].
    #[inline]
    pub fn end_ns(&self) -> u64 {
        sum([self.time_ns, self.total_ns(), sum(self.probe)])
    }
}
