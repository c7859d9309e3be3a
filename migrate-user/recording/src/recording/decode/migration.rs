//! Rows of event `migration`.

use std::ops::Range;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use migrate_ebpf::wire::{Cause, Direction, Outcome};

use super::Wrong;
use super::columns::{Columns, Names, NeededNames, Numbers};
use super::interned::{TextColumn, Texts};
use super::mapping::MappingColumns;
use super::threads::{LockColumns, ThreadColumns};
use crate::recording::columns::{TRIGGER, driver_part, short};
use crate::recording::status::cause_of_trigger;
use crate::trace::{
    Contended, DRIVER_PARTS, Details, DriverParts, Ledger, Memory, Migration, OF_DRIVER, Parts,
    Row, Rows, Side, Skips, Step, are_devices, on_devices,
};

/// Some of the rows of a message.
pub(super) struct Stretch {
    pub(super) columns: Arc<MigrationColumns>,
    pub(super) range: Range<usize>,
}

impl Rows for Stretch {
    fn len(&self) -> usize {
        self.range.len()
    }

    fn part(&self, range: Range<usize>) -> Arc<dyn Rows> {
        let begin = self.range.start;
        Arc::new(Self {
            columns: Arc::clone(&self.columns),
            range: begin + range.start..begin + range.end,
        })
    }

    fn rows<'a>(&'a self, range: Range<usize>, rows: &mut Vec<Row<'a>>) {
        let begin = self.range.start;
        let range = begin + range.start..begin + range.end;
        rows.extend(range.map(|row| self.columns.row(row)));
    }

    fn migration(&self, at: usize) -> Migration {
        self.columns.migration(self.range.start + at)
    }

    fn bytes(&self) -> usize {
        self.columns.bytes_of_row * self.range.len()
    }
}

/// A column for each step.
type OfSteps = [Numbers<u64>; Step::COUNT];

/// A column for each part of a step of the driver's.
type OfDriver = [Numbers<u64>; DRIVER_PARTS.len()];

/// The columns of rows that are all of event `migration`.
pub(super) struct MigrationColumns {
    /// What a row takes, as its part of all columns and their texts, bytes.
    bytes_of_row: usize,
    sequence: ScalarBuffer<u64>,
    time_ns: ScalarBuffer<u64>,
    pid: Numbers<u32>,
    tid: Numbers<u32>,
    comm: TextColumn,
    worker: Option<ThreadColumns>,
    cgroup: TextColumn,
    driver: TextColumn,
    direction: Names<Direction>,
    cause: Names<Cause>,
    outcome: NeededNames<Outcome>,
    errno: Numbers<u32>,
    address: Numbers<u64>,
    mapping: Option<MappingColumns>,
    from: Option<SideColumns>,
    to: Option<SideColumns>,
    ledger: LedgerColumns,
    not_collected: Numbers<u64>,
    unmap_failed: Numbers<u64>,
    declined_holes: Option<Numbers<u64>>,
    free: Option<Numbers<u64>>,
    steps: OfSteps,
    probe: [ScalarBuffer<u64>; 3],
    anomalies: ScalarBuffer<u32>,
    pgmap_owner: Numbers<u64>,
    kernel_stack: Option<TextColumn>,
    user_stack: Option<TextColumn>,
    parts: Option<[Numbers<u64>; 4]>,
    driver_parts: Option<[OfDriver; 2]>,
    locks: Option<LockColumns>,
    off_cpu: Option<OfSteps>,
    phase: Option<TextColumn>,
}

impl MigrationColumns {
    pub(super) fn new(
        columns: &Columns<'_>,
        details: Details,
        texts: &mut Texts,
    ) -> Result<Self, Wrong> {
        let small = |name: &str| columns.small(name)?.needed(name);
        let mut stack = |asked: bool, name| asked.then(|| texts.stacks(columns, name)).transpose();
        let kernel_stack = stack(details.kernel_stacks, "kernel_stack")?;
        let user_stack = stack(details.user_stacks, "user_stack")?;
        let mapping = details
            .mappings
            .then(|| MappingColumns::new(columns, texts));
        let mapping = mapping.transpose()?;
        let phase = details.phases.then(|| texts.names(columns, "phase"));
        let phase = phase.transpose()?;
        let is_new = columns.has("cause");
        let worker =
            is_new.then(|| ThreadColumns::new(columns, "worker_tid", "worker_comm", texts));
        let worker = worker.transpose()?;
        let mut name = |name| texts.names(columns, name);
        // Older recordings have parts of setup alone.
        let has_driver_parts = details.sub_steps && columns.has("lock_ns");
        // Texts of a dictionary are there twice: as it stands in the message, and shared among all
        // that have them.
        let bytes = 2 * columns.rows.get_array_memory_size();
        Ok(Self {
            bytes_of_row: bytes / columns.rows.num_rows().max(1),
            sequence: columns.needed("sequence")?,
            time_ns: columns.needed("time_ns")?,
            pid: columns.small("pid")?,
            tid: columns.small("tid")?,
            comm: name("comm")?,
            worker,
            cgroup: name("cgroup")?,
            driver: name("driver")?,
            direction: columns.names("direction", Direction::from_name)?,
            cause: if is_new {
                columns.names("cause", Cause::from_name)?
            } else {
                columns.names(TRIGGER, cause_of_trigger)?
            },
            outcome: columns.names("outcome", Outcome::from_name)?.needed()?,
            errno: columns.small("errno")?,
            address: columns.numbers("address")?,
            mapping,
            from: is_new
                .then(|| SideColumns::new(columns, "from", name("from_place")?))
                .transpose()?,
            to: is_new
                .then(|| SideColumns::new(columns, "to", name("to_place")?))
                .transpose()?,
            ledger: LedgerColumns::new(columns)?,
            not_collected: columns.numbers("not_collected")?,
            unmap_failed: columns.numbers("unmap_failed")?,
            declined_holes: is_new
                .then(|| columns.numbers("declined_holes"))
                .transpose()?,
            free: is_new.then(|| columns.numbers("free")).transpose()?,
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
            driver_parts: has_driver_parts.then(|| of_driver(columns)).transpose()?,
            locks: has_driver_parts
                .then(|| LockColumns::new(columns, texts))
                .transpose()?,
            off_cpu: details
                .off_cpu
                .then(|| of_steps(columns, "off_cpu_"))
                .transpose()?,
            phase,
        })
    }

    #[inline]
    fn row(&self, row: usize) -> Row<'_> {
        Row {
            sequence: self.sequence[row],
            time_ns: self.time_ns[row],
            pid: self.pid.get(row),
            tid: self
                .worker
                .as_ref()
                .and_then(|of| of.tid.get(row))
                .or_else(|| self.tid.get(row)),
            comm: self.comm.get(row),
            worker: self.worker.as_ref().and_then(|of| of.comm.get(row)),
            cgroup: self.cgroup.get(row),
            driver: self.driver.get(row),
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            cause: self.cause.get(row).unwrap_or(Cause::Unknown),
            outcome: self.outcome.get(row),
            address: self.address.get(row),
            mapping: self.mapping.as_ref().and_then(|of| of.row(row)),
            from_devices: self.from.as_ref().map_or(0, |side| side.on_devices(row)),
            to_devices: self.to.as_ref().map_or(0, |side| side.on_devices(row)),
            from_device: self.from.as_ref().and_then(|side| side.device(row)),
            to_device: self.to.as_ref().and_then(|side| side.device(row)),
            ledger: self.ledger.get(row),
            skips: self.skips(row),
            declined_holes: self.declined_holes.as_ref().and_then(|of| of.get(row)),
            free: self.free.as_ref().and_then(|of| of.get(row)),
            steps: std::array::from_fn(|step| self.steps[step].get(row)),
            probe: std::array::from_fn(|call| self.probe[call][row]),
            parts: self.parts(row),
            off_cpu: self.off_cpu.as_ref().and_then(|columns| all(columns, row)),
            phase: self.phase.as_ref().and_then(|of| of.get(row)),
            anomalies: self.anomalies[row] as u8,
        }
    }

    fn migration(&self, at: usize) -> Migration {
        let row = self.row(at);
        let stack = |column: &Option<TextColumn>| column.as_ref()?.get(at).cloned();
        Migration {
            sequence: self.sequence[at],
            time_ns: row.time_ns,
            pid: row.pid,
            tid: self.tid.get(at),
            comm: row.comm.cloned(),
            worker: self.worker.as_ref().and_then(|of| of.get(at)),
            cgroup: row.cgroup.cloned(),
            driver: row.driver.cloned(),
            direction: row.direction,
            from: self
                .from
                .as_ref()
                .map(|side| side.get(at))
                .unwrap_or_default(),
            to: self
                .to
                .as_ref()
                .map(|side| side.get(at))
                .unwrap_or_default(),
            cause: row.cause,
            outcome: row.outcome,
            errno: self.errno.get(at),
            address: row.address,
            mapping: self.mapping.as_ref().and_then(|of| of.get(at)),
            ledger: row.ledger,
            skips: row.skips,
            declined_holes: row.declined_holes,
            free: row.free,
            steps: row.steps,
            probe: row.probe,
            pgmap_owner: self.pgmap_owner.get(at),
            kernel_stack: stack(&self.kernel_stack),
            user_stack: stack(&self.user_stack),
            parts: row.parts,
            driver_parts: self.driver_parts(at),
            contended: self.contended(at),
            off_cpu: row.off_cpu,
            phase: row.phase.cloned(),
            anomalies: row.anomalies,
        }
    }

    #[inline]
    fn skips(&self, row: usize) -> Option<Skips> {
        Some(Skips {
            not_collected: self.not_collected.get(row)?,
            unmap_failed: self.unmap_failed.get(row)?,
        })
    }

    fn contended(&self, at: usize) -> Option<Contended> {
        let [first, second] = self.driver_parts(at)?;
        let all_ns = first.lock_ns.saturating_add(second.lock_ns);
        self.locks.as_ref()?.get(at, all_ns)
    }

    fn driver_parts(&self, row: usize) -> Option<[DriverParts; 2]> {
        let [first, second] = self.driver_parts.as_ref()?;
        let of_step = |columns: &OfDriver| {
            let [fence_ns, lock_ns, alloc_ns, dma_map_ns] = all(columns, row)?;
            Some(DriverParts {
                fence_ns,
                lock_ns,
                alloc_ns,
                dma_map_ns,
            })
        };
        Some([of_step(first)?, of_step(second)?])
    }

    #[inline]
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

/// The columns of where pages came from, or went to.
struct SideColumns {
    pages: [Numbers<u64>; Memory::ALL.len()],
    place: TextColumn,
}

impl SideColumns {
    fn new(columns: &Columns<'_>, prefix: &str, place: TextColumn) -> Result<Self, Wrong> {
        let pages = pages_of(columns, prefix)?;
        Ok(Self { pages, place })
    }

    #[inline]
    fn pages(&self, at: usize) -> [u64; Memory::ALL.len()] {
        std::array::from_fn(|memory| self.pages[memory].get(at).unwrap_or(0))
    }

    #[inline]
    fn on_devices(&self, at: usize) -> u64 {
        on_devices(self.pages(at))
    }

    #[inline]
    fn device(&self, at: usize) -> Option<&Arc<str>> {
        are_devices(self.pages(at))
            .then(|| self.place.get(at))
            .flatten()
    }

    fn get(&self, at: usize) -> Side {
        Side {
            pages: self.pages(at),
            place: self.place.get(at).cloned(),
        }
    }
}

fn pages_of(columns: &Columns<'_>, prefix: &str) -> Result<[Numbers<u64>; 3], Wrong> {
    let column = |memory| columns.numbers(&format!("{prefix}_{}_pages", short(memory)));
    let [system, private, coherent] = Memory::ALL.map(column);
    Ok([system?, private?, coherent?])
}

fn anomalies(bits: ScalarBuffer<u32>) -> Result<ScalarBuffer<u32>, Wrong> {
    match bits.iter().max() {
        Some(wrong) if *wrong > u8::MAX.into() => Err(format!("anomalies {wrong:#x}")),
        _ => Ok(bits),
    }
}

fn parts(columns: &Columns<'_>) -> Result<[Numbers<u64>; 4], Wrong> {
    Ok([
        columns.numbers("lru_drain_ns")?,
        columns.numbers("invalidate_ns")?,
        columns.numbers("rmap_ns")?,
        columns.numbers("split_ns")?,
    ])
}

fn of_driver(columns: &Columns<'_>) -> Result<[OfDriver; 2], Wrong> {
    let of_step = |step: Step| -> Result<OfDriver, Wrong> {
        let column = |part| columns.numbers(&driver_part(step, part));
        let [fence, lock, alloc, dma_map] = DRIVER_PARTS.map(column);
        Ok([fence?, lock?, alloc?, dma_map?])
    };
    let [alloc_and_copy, finalize_and_map] = OF_DRIVER.map(of_step);
    Ok([alloc_and_copy?, finalize_and_map?])
}

fn of_steps(columns: &Columns<'_>, prefix: &str) -> Result<OfSteps, Wrong> {
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
fn all<const N: usize>(columns: &[Numbers<u64>; N], row: usize) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for (number, column) in numbers.iter_mut().zip(columns) {
        *number = column.get(row)?;
    }
    Some(numbers)
}

/// The columns of the ledger.
struct LedgerColumns {
    requested: ScalarBuffer<u64>,
    skipped: ScalarBuffer<u64>,
    declined: ScalarBuffer<u64>,
    moved: ScalarBuffer<u64>,
    populated: ScalarBuffer<u64>,
    wasted_copy: ScalarBuffer<u64>,
    wasted_fill: ScalarBuffer<u64>,
    rolled_back: ScalarBuffer<u64>,
    rejected: ScalarBuffer<u64>,
}

impl LedgerColumns {
    fn new(columns: &Columns<'_>) -> Result<Self, Wrong> {
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
