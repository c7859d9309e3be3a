//! Rows of event `migration`.

use migrate_ebpf::wire::{Direction, Outcome, Trigger};

use super::Wrong;
use super::columns::{Columns, Names, Numbers, Shared, SmallNumbers, Texts};
use super::interned::Interned;
use crate::model::{Ledger, Migration, Parts, Skips, Step};
use crate::recording::encode::MAX_STACK;

/// Longer names than any that Linux has (a path) are damage.
const MAX_NAME: usize = 4096;

/// The columns of a row of event `migration`.
pub(super) struct MigrationColumns<'a> {
    sequence: Numbers<'a>,
    time_ns: Numbers<'a>,
    pid: SmallNumbers<'a>,
    tid: SmallNumbers<'a>,
    comm: Texts<'a>,
    cgroup: Texts<'a>,
    driver: Texts<'a>,
    direction: Names<'a, Direction>,
    trigger: Names<'a, Trigger>,
    outcome: Names<'a, Outcome>,
    errno: SmallNumbers<'a>,
    address: Numbers<'a>,
    ledger: LedgerColumns<'a>,
    not_collected: Numbers<'a>,
    unmap_failed: Numbers<'a>,
    steps: [Numbers<'a>; Step::COUNT],
    probe: [Numbers<'a>; 3],
    anomalies: SmallNumbers<'a>,
    pgmap_owner: Numbers<'a>,
    kernel_stack: Shared<'a>,
    user_stack: Shared<'a>,
    parts: [Numbers<'a>; 4],
    off_cpu: [Numbers<'a>; Step::COUNT],
}

impl<'a> MigrationColumns<'a> {
    pub(super) fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        Ok(Self {
            sequence: columns.u64("sequence")?,
            time_ns: columns.u64("time_ns")?,
            pid: columns.u32("pid")?,
            tid: columns.u32("tid")?,
            comm: columns.texts("comm")?,
            cgroup: columns.texts("cgroup")?,
            driver: columns.texts("driver")?,
            direction: columns.names("direction", Direction::from_name)?,
            trigger: columns.names("trigger", Trigger::from_name)?,
            outcome: columns.names("outcome", Outcome::from_name)?,
            errno: columns.u32("errno")?,
            address: columns.u64("address")?,
            ledger: LedgerColumns::new(columns, "")?,
            not_collected: columns.u64("not_collected")?,
            unmap_failed: columns.u64("unmap_failed")?,
            steps: of_steps(columns, "")?,
            probe: [
                columns.u64("probe_setup_ns")?,
                columns.u64("probe_pages_ns")?,
                columns.u64("probe_finalize_ns")?,
            ],
            anomalies: columns.u32("anomalies")?,
            pgmap_owner: columns.u64("pgmap_owner")?,
            kernel_stack: columns.shared("kernel_stack")?,
            user_stack: columns.shared("user_stack")?,
            parts: [
                columns.u64("lru_drain_ns")?,
                columns.u64("invalidate_ns")?,
                columns.u64("rmap_ns")?,
                columns.u64("split_ns")?,
            ],
            off_cpu: of_steps(columns, "off_cpu_")?,
        })
    }

    pub(super) fn get(&self, row: usize, texts: &mut Interned) -> Result<Migration, Wrong> {
        let probe = |place: usize| self.probe[place].needed(row);
        let anomalies = self.anomalies.needed(row)?;
        let comm = self.comm.get(row).ok_or("a row without comm")?;
        let name = |text: Option<&str>, texts: &mut Interned| {
            text.map(|text| texts.get(text, MAX_NAME)).transpose()
        };
        let stack = |text: Option<&str>, texts: &mut Interned| {
            text.map(|text| texts.get(text, MAX_STACK)).transpose()
        };
        Ok(Migration {
            sequence: self.sequence.needed(row)?,
            time_ns: self.time_ns.needed(row)?,
            pid: self.pid.needed(row)?,
            tid: self.tid.needed(row)?,
            comm: texts.get(comm, MAX_NAME)?,
            cgroup: name(self.cgroup.get(row), texts)?,
            driver: name(self.driver.get(row), texts)?,
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            trigger: self.trigger.get(row).unwrap_or(Trigger::Unknown),
            outcome: self.outcome.needed(row)?,
            errno: self.errno.get(row),
            address: self.address.get(row),
            ledger: self.ledger.get(row)?,
            skips: self.skips(row),
            steps: std::array::from_fn(|step| self.steps[step].get(row)),
            probe: [probe(0)?, probe(1)?, probe(2)?],
            pgmap_owner: self.pgmap_owner.get(row),
            kernel_stack: stack(self.kernel_stack.get(row), texts)?,
            user_stack: stack(self.user_stack.get(row), texts)?,
            parts: self.parts(row),
            off_cpu: all(&self.off_cpu, row),
            anomalies: u8::try_from(anomalies).map_err(|_| format!("anomalies {anomalies:#x}"))?,
        })
    }

    fn skips(&self, row: usize) -> Option<Skips> {
        Some(Skips {
            not_collected: self.not_collected.get(row)?,
            unmap_failed: self.unmap_failed.get(row)?,
        })
    }

    fn parts(&self, row: usize) -> Option<Parts> {
        let [lru_drain_ns, invalidate_ns, rmap_ns, split_ns] = all(&self.parts, row)?;
        Some(Parts {
            lru_drain_ns,
            invalidate_ns,
            rmap_ns,
            split_ns,
        })
    }
}

/// A column for each step.
fn of_steps<'a>(columns: &Columns<'a>, prefix: &str) -> Result<[Numbers<'a>; Step::COUNT], Wrong> {
    let column = |step: Step| columns.u64(format!("{prefix}{}_ns", step.name()));
    let [setup, alloc_and_copy, pages, finalize_and_map, finalize] = Step::ALL.map(column);
    Ok([
        setup?,
        alloc_and_copy?,
        pages?,
        finalize_and_map?,
        finalize?,
    ])
}

/// All of these numbers, or none.
fn all<const N: usize>(columns: &[Numbers<'_>; N], row: usize) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for (number, column) in numbers.iter_mut().zip(columns) {
        *number = column.get(row)?;
    }
    Some(numbers)
}

/// The columns of the ledger.
pub(super) struct LedgerColumns<'a> {
    requested: Numbers<'a>,
    skipped: Numbers<'a>,
    declined: Numbers<'a>,
    moved: Numbers<'a>,
    populated: Numbers<'a>,
    wasted_copy: Numbers<'a>,
    wasted_fill: Numbers<'a>,
    rolled_back: Numbers<'a>,
    rejected: Numbers<'a>,
}

impl<'a> LedgerColumns<'a> {
    /// The columns with these names behind a prefix.
    pub(super) fn new(columns: &Columns<'a>, prefix: &str) -> Result<Self, Wrong> {
        let column = |name: &str| columns.u64(format!("{prefix}{name}"));
        Ok(Self {
            requested: column("requested")?,
            skipped: column("skipped")?,
            declined: column("declined")?,
            moved: column("moved")?,
            populated: column("populated")?,
            wasted_copy: column("wasted_copy")?,
            wasted_fill: column("wasted_fill")?,
            rolled_back: column("rolled_back")?,
            rejected: column("rejected")?,
        })
    }

    pub(super) fn get(&self, row: usize) -> Result<Ledger, Wrong> {
        Ok(Ledger {
            requested: self.requested.needed(row)?,
            skipped: self.skipped.needed(row)?,
            declined: self.declined.needed(row)?,
            moved: self.moved.needed(row)?,
            populated: self.populated.needed(row)?,
            wasted_copy: self.wasted_copy.needed(row)?,
            wasted_fill: self.wasted_fill.needed(row)?,
            rolled_back: self.rolled_back.needed(row)?,
            rejected: self.rejected.needed(row)?,
        })
    }
}
