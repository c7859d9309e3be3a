//! What the tests share: synthetic migrations, which are the same for the same seed, and nothing
//! else makes any; [`filters`] with what each lets through; [`packed`] recordings, to be broken.
//!
//! The unit tests of `migscope-recording` itself cannot use it: for them its types are of another
//! crate.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod filters;
mod kernel;
pub mod packed;
mod waits;

use std::sync::Arc;

use kernel::Kernel;
use migrate_ebpf::wire::LOSSES;
use migscope_recording::recording::Writer;
use migscope_recording::trace::{
    Batch, Cause, Contended, Details, Direction, DriverParts, Facts, Ledger, MappedFile, Mapping,
    MappingKind, Migration, Outcome, Parts, Side, Skips, Status, Step, Worker,
};
pub use waits::plain_wait;

/// When every synthetic run begins.
pub const START_NS: u64 = 5_000_000_000;

/// The facts of a synthetic machine.
pub fn facts() -> Facts {
    Facts {
        host: "testbed".to_owned(),
        kernel: "7.2.13".to_owned(),
        boot_id: Some("2f1c7a52-60f4-4a3c-9d3c-6c1a3d1b7a10".to_owned()),
        clock: "CLOCK_BOOTTIME".to_owned(),
        clocksource: Some("tsc".to_owned()),
        page_size: 4096,
        not_hooked: vec!["migrate_device_pfns".to_owned()],
        attached: Some("fentry".to_owned()),
        filter: None,
        chosen: None,
        record_every: 1,
        details: Details::default(),
        tracer: "0.1.0".to_owned(),
        started_ns: Some(START_NS),
        started_unix_ns: Some(1_795_374_966_000_000_000),
    }
}

/// A stream of migrations of every kind.
pub struct Synthetic {
    seed: u64,
    sequence: u64,
    time_ns: u64,
    lost: [u64; LOSSES],
    /// What the kernel counts by itself, if it does.
    kernel: Option<Kernel>,
    /// Is everything measured that can be asked for?
    detailed: bool,
    /// Are there waits?
    waiting: bool,
    /// How many there were.
    waits: u64,
}

/// Where the pages of a migration were and are: in node 0, and on one device.
fn sides(direction: Direction, ledger: &Ledger) -> (Side, Side) {
    let system = |pages| Side {
        pages: [pages, 0, 0],
        place: (pages > 0).then(|| "node0".into()),
    };
    let device = |pages| Side {
        pages: [0, pages, 0],
        place: (pages > 0).then(|| "0000:03:00.0".into()),
    };
    let (left, arrived) = (ledger.moved, ledger.moved + ledger.populated);
    if direction == Direction::ToDevice {
        (system(left), device(arrived))
    } else {
        (device(left), system(arrived))
    }
}

/// Parts of a step of the driver's: a third for the copy, and so on. None of them by chance, so
/// that what is by chance stays as it was before there were any.
fn driver_parts(step_ns: u64) -> DriverParts {
    DriverParts {
        fence_ns: step_ns / 3,
        lock_ns: step_ns / 6,
        alloc_ns: step_ns / 5,
        dma_map_ns: step_ns / 7,
    }
}

impl Synthetic {
    /// A stream that begins anew; another for each seed.
    pub fn new(seed: u64) -> Self {
        // xorshift stays at 0 for ever if it begins there.
        Self {
            seed: seed.max(1),
            sequence: 0,
            time_ns: START_NS,
            lost: [0; LOSSES],
            kernel: None,
            detailed: false,
            waiting: false,
            waits: 0,
        }
    }

    /// The same migrations, counted by the kernel too.
    pub fn with_totals(self) -> Self {
        Self {
            kernel: Some(Kernel::default()),
            ..self
        }
    }

    /// The same migrations, with everything that can be asked for.
    pub fn with_details(self) -> Self {
        Self {
            detailed: true,
            ..self
        }
    }

    /// The same migrations, and waits beside every third. The numbers that follow are others.
    pub fn with_waits(self) -> Self {
        Self {
            waiting: true,
            ..self
        }
    }

    /// The next number below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % limit
    }

    /// From here on, each status says that this many more were lost, by the index of the loss.
    pub fn lose(&mut self, loss: usize, migrations: u64) {
        self.lost[loss] += migrations;
        self.sequence += migrations;
    }

    /// A batch of `count` migrations and a status.
    pub fn batch(&mut self, count: usize) -> Batch {
        let mut waits = Vec::new();
        let each = |at| {
            let migration = self.migration();
            if self.waiting && at % 3 == 0 {
                waits.push(self.wait(&migration));
            }
            migration
        };
        let migrations = (0..count).map(each).collect();
        Batch {
            migrations,
            waits,
            status: Some(self.status()),
        }
    }

    /// What the tracer would tell of itself now.
    pub fn status(&self) -> Status {
        Status {
            time_ns: self.time_ns,
            ended: self.sequence,
            losses: self.lost,
            hanging_ns: Some(0),
            phases_opened: None,
            exact: self.kernel.as_ref().map(|kernel| Arc::new(kernel.exact())),
        }
    }

    /// The next migration.
    pub fn migration(&mut self) -> Migration {
        let mut migration = self.plain();
        if self.detailed {
            self.detail(&mut migration);
        }
        self.sequence += 1;
        self.time_ns = migration.end_ns() + 100_000 + self.below(1_000_000);
        if let Some(kernel) = &mut self.kernel {
            kernel.count(&migration);
        }
        migration
    }

    fn detail(&mut self, migration: &mut Migration) {
        let setup = migration.steps[0].unwrap_or(0);
        let mut part = |of: u64| self.below(setup / of + 1);
        migration.parts = Some(Parts {
            lru_drain_ns: part(2),
            invalidate_ns: part(8),
            rmap_ns: part(4),
            // Few have to.
            split_ns: part(16).saturating_sub(setup / 17),
        });
        let parts = [1, 3].map(|step| driver_parts(migration.steps[step].unwrap_or(0)));
        migration.driver_parts = Some(parts);
        let lock_ns = parts[0].lock_ns + parts[1].lock_ns;
        migration.contended = (lock_ns > 1_000).then(|| Contended {
            all_ns: lock_ns,
            ns: lock_ns / 2,
            lock: "svms_lock".into(),
            holder: Some(Worker {
                tid: 40,
                comm: "kworker/u8:1".into(),
            }),
            holder_stack: None,
        });
        migration.off_cpu = Some(migration.steps.map(|step| step.unwrap_or(0) / 3));
        migration.pgmap_owner = Some(0xffff_8881_0000_0000 + self.below(2) * 64);
        let function = ["prefetch", "evict", "fault"][self.below(3) as usize];
        migration.kernel_stack = Some(format!("do_syscall_64_[k];{function}_[k]").into());
        migration.user_stack = (self.below(4) > 0).then(|| "main;train;step".into());
        migration.mapping = migration.address.map(mapping_at);
        let phases = [None, Some(""), Some("train"), Some("train/forward")];
        migration.phase = phases[migration.sequence as usize % 4].map(Into::into);
    }

    fn plain(&mut self) -> Migration {
        let outcome = match self.below(20) {
            0 => Outcome::Rejected,
            1 => Outcome::RolledBack,
            2 => Outcome::Abandoned,
            _ => Outcome::Completed,
        };
        let direction = if self.below(3) == 0 {
            Direction::ToSystem
        } else {
            Direction::ToDevice
        };
        let cause = match (direction, self.below(4)) {
            (Direction::ToSystem, 0..=2) => Cause::CpuFault,
            (Direction::ToSystem, _) => Cause::Eviction,
            _ => Cause::Driver,
        };
        let ledger = self.ledger(outcome);
        let steps = self.steps(outcome, ledger.requested);
        let (who, thread) = (self.below(3) as u32, self.below(2) as u32);
        let evicted = cause == Cause::Eviction;
        let worker = (evicted || self.below(8) == 0).then(|| Worker {
            tid: 40 + thread,
            comm: "kworker/u8:1".into(),
        });
        let (from, to) = sides(direction, &ledger);
        Migration {
            sequence: self.sequence,
            time_ns: self.time_ns,
            pid: (!evicted).then_some(1200 + who),
            tid: (!evicted && worker.is_none()).then_some(1200 + who + thread),
            comm: (!evicted).then(|| ["trainer", "solver", "python3"][who as usize].into()),
            worker,
            cgroup: (who > 0).then(|| "/user.slice/job".into()),
            driver: (who < 2).then(|| "migrate_test".into()),
            direction,
            from,
            to,
            cause,
            outcome,
            errno: (outcome == Outcome::Rejected).then_some(22),
            address: (cause != Cause::Eviction)
                .then(|| 0x7f00_0000_0000 + self.below(1 << 20) * 4096),
            mapping: None,
            ledger,
            skips: self.skips(ledger.skipped),
            declined_holes: Some(0),
            free: Some(0),
            steps,
            probe: [
                90 + self.below(20),
                150 + self.below(200),
                60 + self.below(20),
            ],
            pgmap_owner: None,
            kernel_stack: None,
            user_stack: None,
            parts: None,
            driver_parts: None,
            contended: None,
            off_cpu: None,
            phase: None,
            anomalies: 0,
        }
    }

    fn ledger(&mut self, outcome: Outcome) -> Ledger {
        let requested = 1 << self.below(10);
        let mut left = requested;
        let mut part = |this: &mut Self, one_in: u64| {
            let pages = if this.below(one_in) == 0 {
                this.below(left + 1)
            } else {
                0
            };
            left -= pages;
            pages
        };
        let skipped = if outcome == Outcome::Rejected {
            0
        } else {
            part(self, 6)
        };
        let mut ledger = Ledger {
            requested,
            skipped,
            ..Ledger::default()
        };
        match outcome {
            Outcome::Rejected => ledger.rejected = left,
            Outcome::RolledBack => ledger.rolled_back = left,
            Outcome::Abandoned => ledger.skipped = requested,
            Outcome::Completed => {
                ledger.declined = part(self, 9);
                ledger.wasted_copy = part(self, 12);
                ledger.wasted_fill = part(self, 40);
                ledger.populated = part(self, 7);
                ledger.moved = left;
            }
        }
        ledger
    }

    /// Now and then it could not be seen.
    fn skips(&mut self, skipped: u64) -> Option<Skips> {
        let unmap_failed = self.below(skipped + 1);
        (skipped == 0 || self.below(20) > 0).then_some(Skips {
            not_collected: skipped - unmap_failed,
            unmap_failed,
        })
    }

    fn steps(&mut self, outcome: Outcome, pages: u64) -> [Option<u64>; Step::COUNT] {
        let mut step =
            |fixed: u64, per_page: u64| Some(fixed + pages * per_page + self.below(fixed));
        let setup = step(900, 55);
        match outcome {
            Outcome::Rejected | Outcome::Abandoned => [setup, None, None, None, None],
            Outcome::RolledBack => [setup, step(4_000, 600), None, None, step(700, 40)],
            Outcome::Completed => [
                setup,
                step(4_000, 600),
                step(500, 30),
                step(2_000, 90),
                step(700, 60),
            ],
        }
    }
}

/// The mapping at this address: there are some of 1 GiB, of different kinds.
fn mapping_at(address: u64) -> Mapping {
    let start = address >> 30 << 30;
    let (kind, text) = match (address >> 30) % 4 {
        0 => (MappingKind::Named, "weights"),
        1 => (MappingKind::File, "model.bin"),
        2 => (MappingKind::Heap, ""),
        _ => (MappingKind::Anonymous, ""),
    };
    Mapping {
        start,
        end: start + (1 << 30),
        kind: Some(kind),
        name: Mapping::name_of(kind, text).map(Into::into),
        file: (kind == MappingKind::File).then(|| MappedFile {
            device: "8:1".into(),
            inode: 4711,
        }),
    }
}

/// A whole recording of `batches` batches of `size` migrations each, and the batches.
pub fn recording(seed: u64, batches: usize, size: usize) -> (Vec<u8>, Vec<Batch>) {
    let mut synthetic = Synthetic::new(seed);
    let batches: Vec<Batch> = (0..batches).map(|_| synthetic.batch(size)).collect();
    (written(&batches), batches)
}

/// A whole recording of these batches.
pub fn written(batches: &[Batch]) -> Vec<u8> {
    let mut facts = facts();
    if batches
        .iter()
        .flat_map(|batch| &batch.migrations)
        .any(|m| m.parts.is_some())
    {
        facts.details = Details::ALL;
    }
    facts.details.waits |= batches.iter().any(|batch| !batch.waits.is_empty());
    let mut writer = Writer::new(Vec::new(), &facts).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap()
}
