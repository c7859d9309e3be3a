//! Sums of what is measured only where it is asked for, over the records that have it.

use migrate_ebpf::wire::Parts;

use super::Ended;
use crate::trace::{DRIVER_PARTS, Migration, OF_DRIVER, Step, each_part};

/// Names of the parts, as in columns and JSON.
pub const PARTS: [&str; 4] = ["lru_drain", "invalidate", "rmap", "split"];

/// Where the kernel's time goes in a migration: parts of setup, and of the other steps as far as
/// the kernel does the same there. They do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartSums {
    /// Migrations that were measured so.
    pub migrations: u64,
    /// Their setup, nanoseconds.
    pub setup_ns: u64,
    /// All their steps, nanoseconds.
    pub total_ns: u64,
    /// By part, in the order of [`PARTS`], nanoseconds.
    pub sums_ns: [u64; PARTS.len()],
    /// Migrations in which a large folio was split.
    pub split_migrations: u64,
    /// All their steps, nanoseconds.
    pub split_total_ns: u64,
}

impl PartSums {
    /// Adds one migration, if it was measured so.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let Some(Parts {
            lru_drain_ns,
            invalidate_ns,
            rmap_ns,
            split_ns,
        }) = migration.parts
        else {
            return;
        };
        let more = [lru_drain_ns, invalidate_ns, rmap_ns, split_ns];
        self.migrations = self.migrations.saturating_add(1);
        add(&mut self.setup_ns, migration.steps[0].unwrap_or(0));
        add(&mut self.total_ns, migration.total_ns);
        for (sum, more) in self.sums_ns.iter_mut().zip(more) {
            add(sum, more);
        }
        if split_ns > 0 {
            add(&mut self.split_migrations, 1);
            add(&mut self.split_total_ns, migration.total_ns);
        }
    }
}

/// Where the time of the driver's steps goes. Parts do not overlap; what is in none of them is the
/// driver's own work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverSums {
    /// Migrations that were measured so.
    pub migrations: u64,
    /// By step, in the order of [`OF_DRIVER`], nanoseconds.
    pub steps_ns: [u64; OF_DRIVER.len()],
    /// By step, and by part in the order of [`DRIVER_PARTS`], nanoseconds.
    pub sums_ns: [[u64; DRIVER_PARTS.len()]; OF_DRIVER.len()],
}

impl DriverSums {
    /// Adds one migration, if it was measured so.
    pub(super) fn count(&mut self, migration: &Migration) {
        let Some(parts) = migration.driver_parts else {
            return;
        };
        self.migrations = self.migrations.saturating_add(1);
        for (nth, parts) in parts.iter().enumerate() {
            let step_ns = migration.steps[OF_DRIVER[nth] as usize].unwrap_or(0);
            add(&mut self.steps_ns[nth], step_ns);
            for (sum, more) in self.sums_ns[nth].iter_mut().zip(each_part(parts)) {
                add(sum, more);
            }
        }
    }
}

/// How long threads did not run in the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffCpuSums {
    /// Migrations that were measured so.
    pub migrations: u64,
    /// By step, nanoseconds.
    pub off_ns: [u64; Step::COUNT],
    /// All the time of these migrations' steps, nanoseconds.
    pub steps_ns: [u64; Step::COUNT],
}

impl OffCpuSums {
    /// Adds one migration, if it was measured so.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let Some(off_cpu) = migration.off_cpu else {
            return;
        };
        self.migrations = self.migrations.saturating_add(1);
        for step in Step::ALL.map(|step| step as usize) {
            if let Some(ns) = migration.steps[step] {
                add(&mut self.off_ns[step], off_cpu[step]);
                add(&mut self.steps_ns[step], ns);
            }
        }
    }
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}
