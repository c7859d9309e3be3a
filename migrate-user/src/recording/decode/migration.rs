//! Rows of event `migration`.

use migrate_ebpf::wire::{Direction, Outcome, Trigger};

use super::Wrong;
use super::columns::{Columns, Names, NeededNames, Numbers};
use super::interned::{TextColumn, Texts};
use crate::model::{Ledger, Migration, Parts, Skips, Step};
use crate::recording::dictionary::MAX_STACK;
use crate::recording::facts::Details;

/// Longer names than any that Linux has (a path) are damage.
const MAX_NAME: usize = 4096;

/// A column for each step.
type OfSteps<'a> = [Numbers<'a, u64>; Step::COUNT];

/// The columns of rows that are all of event `migration`.
pub(super) struct MigrationColumns<'a> {
    sequence: &'a [u64],
    time_ns: &'a [u64],
    pid: &'a [u32],
    tid: &'a [u32],
    comm: TextColumn<'a>,
    cgroup: TextColumn<'a>,
    driver: TextColumn<'a>,
    direction: Names<'a, Direction>,
    trigger: Names<'a, Trigger>,
    outcome: NeededNames<'a, Outcome>,
    errno: Numbers<'a, u32>,
    address: Numbers<'a, u64>,
    ledger: LedgerColumns<'a>,
    not_collected: Numbers<'a, u64>,
    unmap_failed: Numbers<'a, u64>,
    steps: OfSteps<'a>,
    probe: [&'a [u64]; 3],
    anomalies: &'a [u32],
    pgmap_owner: Numbers<'a, u64>,
    kernel_stack: Option<TextColumn<'a>>,
    user_stack: Option<TextColumn<'a>>,
    parts: Option<[Numbers<'a, u64>; 4]>,
    off_cpu: Option<OfSteps<'a>>,
}

impl<'a> MigrationColumns<'a> {
    pub(super) fn new(
        columns: &Columns<'a>,
        details: Details,
        texts: &mut Texts,
    ) -> Result<Self, Wrong> {
        let small = |name: &str| columns.small(name)?.needed(name);
        let mut stack = |asked: bool, name| {
            asked
                .then(|| texts.column(columns, name, MAX_STACK))
                .transpose()
        };
        let kernel_stack = stack(details.kernel_stacks, "kernel_stack")?;
        let user_stack = stack(details.user_stacks, "user_stack")?;
        let mut name = |name| texts.column(columns, name, MAX_NAME);
        Ok(Self {
            sequence: columns.needed("sequence")?,
            time_ns: columns.needed("time_ns")?,
            pid: small("pid")?,
            tid: small("tid")?,
            comm: name("comm")?,
            cgroup: name("cgroup")?,
            driver: name("driver")?,
            direction: columns.names("direction", Direction::from_name)?,
            trigger: columns.names("trigger", Trigger::from_name)?,
            outcome: columns.names("outcome", Outcome::from_name)?.needed()?,
            errno: columns.small("errno")?,
            address: columns.numbers("address")?,
            ledger: LedgerColumns::new(columns)?,
            not_collected: columns.numbers("not_collected")?,
            unmap_failed: columns.numbers("unmap_failed")?,
            steps: of_steps(columns, "")?,
            probe: [
                columns.needed("probe_setup_ns")?,
                columns.needed("probe_pages_ns")?,
                columns.needed("probe_finalize_ns")?,
            ],
            anomalies: anomalies(small("anomalies")?)?,
            pgmap_owner: columns.numbers("pgmap_owner")?,
            kernel_stack,
            user_stack,
            parts: details.sub_steps.then(|| parts(columns)).transpose()?,
            off_cpu: details
                .off_cpu
                .then(|| of_steps(columns, "off_cpu_"))
                .transpose()?,
        })
    }

    /// One row. Inline, so that a migration is made where it stays.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Migration {
        let stack = |column: &Option<TextColumn<'_>>| column.as_ref()?.get(row);
        Migration {
            sequence: self.sequence[row],
            time_ns: self.time_ns[row],
            pid: self.pid[row],
            tid: self.tid[row],
            comm: self.comm.get(row).unwrap_or_default(),
            cgroup: self.cgroup.get(row),
            driver: self.driver.get(row),
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            trigger: self.trigger.get(row).unwrap_or(Trigger::Unknown),
            outcome: self.outcome.get(row),
            errno: self.errno.get(row),
            address: self.address.get(row),
            ledger: self.ledger.get(row),
            skips: self.skips(row),
            steps: std::array::from_fn(|step| self.steps[step].get(row)),
            probe: self.probe.map(|column| column[row]),
            pgmap_owner: self.pgmap_owner.get(row),
            kernel_stack: stack(&self.kernel_stack),
            user_stack: stack(&self.user_stack),
            parts: self.parts(row),
            off_cpu: self.off_cpu.as_ref().and_then(|columns| all(columns, row)),
            anomalies: self.anomalies[row] as u8,
        }
    }

    fn skips(&self, row: usize) -> Option<Skips> {
        Some(Skips {
            not_collected: self.not_collected.get(row)?,
            unmap_failed: self.unmap_failed.get(row)?,
        })
    }

    fn parts(&self, row: usize) -> Option<Parts> {
        let [lru_drain_ns, invalidate_ns, rmap_ns, split_ns] = all(self.parts.as_ref()?, row)?;
        Some(Parts {
            lru_drain_ns,
            invalidate_ns,
            rmap_ns,
            split_ns,
        })
    }
}

fn anomalies(bits: &[u32]) -> Result<&[u32], Wrong> {
    match bits.iter().find(|bits| **bits > u8::MAX.into()) {
        Some(wrong) => Err(format!("anomalies {wrong:#x}")),
        None => Ok(bits),
    }
}

fn parts<'a>(columns: &Columns<'a>) -> Result<[Numbers<'a, u64>; 4], Wrong> {
    Ok([
        columns.numbers("lru_drain_ns")?,
        columns.numbers("invalidate_ns")?,
        columns.numbers("rmap_ns")?,
        columns.numbers("split_ns")?,
    ])
}

fn of_steps<'a>(columns: &Columns<'a>, prefix: &str) -> Result<OfSteps<'a>, Wrong> {
    let column = |step: Step| columns.numbers(&format!("{prefix}{}_ns", step.name()));
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
fn all<const N: usize>(columns: &[Numbers<'_, u64>; N], row: usize) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for (number, column) in numbers.iter_mut().zip(columns) {
        *number = column.get(row)?;
    }
    Some(numbers)
}

/// The columns of the ledger.
struct LedgerColumns<'a> {
    requested: &'a [u64],
    skipped: &'a [u64],
    declined: &'a [u64],
    moved: &'a [u64],
    populated: &'a [u64],
    wasted_copy: &'a [u64],
    wasted_fill: &'a [u64],
    rolled_back: &'a [u64],
    rejected: &'a [u64],
}

impl<'a> LedgerColumns<'a> {
    fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        Ok(Self {
            requested: columns.needed("requested")?,
            skipped: columns.needed("skipped")?,
            declined: columns.needed("declined")?,
            moved: columns.needed("moved")?,
            populated: columns.needed("populated")?,
            wasted_copy: columns.needed("wasted_copy")?,
            wasted_fill: columns.needed("wasted_fill")?,
            rolled_back: columns.needed("rolled_back")?,
            rejected: columns.needed("rejected")?,
        })
    }

    fn get(&self, row: usize) -> Ledger {
        Ledger {
            requested: self.requested[row],
            skipped: self.skipped[row],
            declined: self.declined[row],
            moved: self.moved[row],
            populated: self.populated[row],
            wasted_copy: self.wasted_copy[row],
            wasted_fill: self.wasted_fill[row],
            rolled_back: self.rolled_back[row],
            rejected: self.rejected[row],
        }
    }
}
