//! What is counted of a migration, without what only views show.

use std::sync::Arc;

use super::migration::{is_balanced, sum};
use super::{Cause, Direction, Ledger, MappingRow, Migration, Outcome, Parts, Skips, Step};

/// What is counted of a migration, wherever it stands. Fields mean what those of [`Migration`] do.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Counts every migration since the tracer started.
    pub sequence: u64,
    /// When setup was entered, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// The process whose memory it is.
    pub pid: Option<u32>,
    /// The thread that made the calls, whoever owns the memory.
    pub tid: Option<u32>,
    /// The command name of that process.
    pub comm: Option<&'a Arc<str>>,
    /// The command name of that thread, where it is none of the owner's own.
    pub worker: Option<&'a Arc<str>>,
    /// The memory cgroup that pays for that process's memory.
    pub cgroup: Option<&'a Arc<str>>,
    /// The driver's module name.
    pub driver: Option<&'a Arc<str>>,
    /// Where pages went.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// How the sequence of calls ended.
    pub outcome: Outcome,
    /// First address of the range.
    pub address: Option<u64>,
    /// The mapping that the range is in.
    pub mapping: Option<MappingRow<'a>>,
    /// Pages that came from the memory of devices. Unit: base pages.
    pub from_devices: u64,
    /// Pages that are in the memory of devices now. Unit: base pages.
    pub to_devices: u64,
    /// The device that all pages came from, where it is one.
    pub from_device: Option<&'a Arc<str>>,
    /// The device that all of them went to.
    pub to_device: Option<&'a Arc<str>>,
    /// Where the pages went. Unit: base pages.
    pub ledger: Ledger,
    /// Why some were skipped.
    pub skips: Option<Skips>,
    /// Of the declined: nothing was mapped there.
    pub declined_holes: Option<u64>,
    /// Of the skipped, in an eviction: nobody used the page.
    pub free: Option<u64>,
    /// How long each step took, nanoseconds.
    pub steps: [Option<u64>; Step::COUNT],
    /// The tracer's own time, by kernel call, nanoseconds.
    pub probe: [u64; 3],
    /// Parts of setup.
    pub parts: Option<Parts>,
    /// How long the thread did not run in each step, nanoseconds.
    pub off_cpu: Option<[u64; Step::COUNT]>,
    /// As [`Migration::phase`].
    pub phase: Option<&'a Arc<str>>,
    /// Bits of [`migrate_ebpf::wire::anomaly`].
    pub anomalies: u8,
}

impl<'a> From<&'a Migration> for Row<'a> {
    #[inline]
    fn from(migration: &'a Migration) -> Self {
        Self {
            sequence: migration.sequence,
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
            mapping: migration.mapping.as_ref().map(MappingRow::from),
            from_devices: migration.from.on_devices(),
            to_devices: migration.to.on_devices(),
            from_device: migration.from.device(),
            to_device: migration.to.device(),
            ledger: migration.ledger,
            skips: migration.skips,
            declined_holes: migration.declined_holes,
            free: migration.free,
            steps: migration.steps,
            probe: migration.probe,
            parts: migration.parts,
            off_cpu: migration.off_cpu,
            phase: migration.phase.as_ref(),
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

    /// [`Migration::probe_ns`].
    #[inline]
    pub fn probe_ns(&self) -> u64 {
        sum(self.probe)
    }

    /// [`Migration::end_ns`].
    #[inline]
    pub fn end_ns(&self) -> u64 {
        sum([self.time_ns, self.total_ns(), self.probe_ns()])
    }

    /// [`Migration::is_balanced`].
    #[inline]
    pub fn is_balanced(&self) -> bool {
        is_balanced(&self.ledger, self.anomalies)
    }
}
