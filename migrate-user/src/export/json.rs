//! One JSON object per line and migration. Unknown is `null`.

use std::io::{self, Write};

use serde::Serialize;

use super::Export;
use crate::model::{Ledger, Migration, Skips, Step};
use crate::recording::Facts;
use crate::source::Batch;

/// JSON lines, with the names that all of migscope uses.
pub struct Json;

impl Export for Json {
    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        for migration in batches.flat_map(|batch| batch.migrations) {
            serde_json::to_writer(&mut *out, &Line::new(&migration))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// One line. The order of the fields is the order in the output.
#[derive(Serialize)]
struct Line<'a> {
    time_ns: u64,
    pid: u32,
    tid: u32,
    comm: &'a str,
    cgroup: Option<&'a str>,
    driver: Option<&'a str>,
    direction: Option<&'a str>,
    trigger: Option<&'a str>,
    outcome: &'a str,
    errno: Option<u32>,
    address: Option<u64>,
    #[serde(flatten)]
    ledger: Pages,
    setup_ns: Option<u64>,
    alloc_and_copy_ns: Option<u64>,
    pages_ns: Option<u64>,
    finalize_and_map_ns: Option<u64>,
    finalize_ns: Option<u64>,
    probe_ns: u64,
    sequence: u64,
    probe_setup_ns: u64,
    probe_pages_ns: u64,
    probe_finalize_ns: u64,
    anomalies: u8,
    pgmap_owner: Option<u64>,
    kernel_stack: Option<&'a str>,
    user_stack: Option<&'a str>,
    lru_drain_ns: Option<u64>,
    invalidate_ns: Option<u64>,
    rmap_ns: Option<u64>,
    split_ns: Option<u64>,
    off_cpu_setup_ns: Option<u64>,
    off_cpu_alloc_and_copy_ns: Option<u64>,
    off_cpu_pages_ns: Option<u64>,
    off_cpu_finalize_and_map_ns: Option<u64>,
    off_cpu_finalize_ns: Option<u64>,
}

/// The ledger. Unit: base pages.
#[derive(Serialize)]
struct Pages {
    requested: u64,
    skipped: u64,
    not_collected: Option<u64>,
    unmap_failed: Option<u64>,
    declined: u64,
    moved: u64,
    populated: u64,
    wasted_copy: u64,
    wasted_fill: u64,
    rolled_back: u64,
    rejected: u64,
}

impl<'a> Line<'a> {
    fn new(migration: &'a Migration) -> Self {
        let [
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
        ] = migration.steps;
        let [probe_setup_ns, probe_pages_ns, probe_finalize_ns] = migration.probe;
        let off_cpu = |step: Step| migration.off_cpu.map(|ns| ns[step as usize]);
        Self {
            time_ns: migration.time_ns,
            pid: migration.pid,
            tid: migration.tid,
            comm: &migration.comm,
            cgroup: migration.cgroup.as_deref(),
            driver: migration.driver.as_deref(),
            direction: migration.known_direction(),
            trigger: migration.known_trigger(),
            outcome: migration.outcome.name(),
            errno: migration.errno,
            address: migration.address,
            ledger: Pages::new(migration.ledger, migration.skips),
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
            probe_ns: migration.probe_ns(),
            sequence: migration.sequence,
            probe_setup_ns,
            probe_pages_ns,
            probe_finalize_ns,
            anomalies: migration.anomalies,
            pgmap_owner: migration.pgmap_owner,
            kernel_stack: migration.kernel_stack.as_deref(),
            user_stack: migration.user_stack.as_deref(),
            lru_drain_ns: migration.parts.map(|parts| parts.lru_drain_ns),
            invalidate_ns: migration.parts.map(|parts| parts.invalidate_ns),
            rmap_ns: migration.parts.map(|parts| parts.rmap_ns),
            split_ns: migration.parts.map(|parts| parts.split_ns),
            off_cpu_setup_ns: off_cpu(Step::Setup),
            off_cpu_alloc_and_copy_ns: off_cpu(Step::AllocAndCopy),
            off_cpu_pages_ns: off_cpu(Step::Pages),
            off_cpu_finalize_and_map_ns: off_cpu(Step::FinalizeAndMap),
            off_cpu_finalize_ns: off_cpu(Step::Finalize),
        }
    }
}

impl Pages {
    fn new(ledger: Ledger, skips: Option<Skips>) -> Self {
        Self {
            requested: ledger.requested,
            skipped: ledger.skipped,
            not_collected: skips.map(|skips| skips.not_collected),
            unmap_failed: skips.map(|skips| skips.unmap_failed),
            declined: ledger.declined,
            moved: ledger.moved,
            populated: ledger.populated,
            wasted_copy: ledger.wasted_copy,
            wasted_fill: ledger.wasted_fill,
            rolled_back: ledger.rolled_back,
            rejected: ledger.rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Synthetic, facts};

    #[test]
    fn lines_with_the_documented_names_in_their_order() {
        let mut migration = Synthetic::new(1).migration();
        migration.comm = "a \"b\"\n\x1b".into();
        migration.cgroup = None;
        migration.direction = crate::model::Direction::Unknown;
        let detailed = Synthetic::new(1).with_details().migration();
        let batch = Batch {
            migrations: vec![migration, detailed],
            status: None,
        };
        let mut out = Vec::new();
        Json.export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
