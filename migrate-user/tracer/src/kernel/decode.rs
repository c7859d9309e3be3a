//! From the wire to the model.

use std::collections::HashSet;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, MapData, StackTraceMap};
use migrate_ebpf::wire::{
    self, Asked, Cause, Details, Direction, DriverParts, HolderStack, NO_STACK, Outcome, Phases,
    Record, Skips, Steps, UNKNOWN, WaitKind, WaitResult, names,
};
use zerocopy::FromBytes as _;

use super::TracerError;
use super::cgroups::Cgroups;
use super::mappings::Mappings;
use super::options::Options;
use super::phases::Paths;
use super::regions::Places;
use super::symbols::{Stack, StackId, Symbols};
use super::within;
use migscope_recording::trace::{Contended, Migration, Side, Wait, Worker};

/// Do these bytes of the ring tell of a wait? Nothing else is so long.
pub(super) fn is_wait(bytes: &[u8]) -> bool {
    WAITS.contains(&bytes.len())
}

/// How long a wait is, without phases and with them.
const WAITS: [usize; 2] = [
    size_of::<wire::Wait>(),
    size_of::<wire::Wait>() + size_of::<Phases>(),
];

const _: () = {
    let others = [
        size_of::<Record>(),
        size_of::<Record>() + size_of::<Details>(),
        size_of::<wire::MappingName>(),
    ];
    assert!(others[0] != others[2] && others[1] != others[2]);
    let mut at = 0;
    while at < others.len() {
        assert!(others[at] != WAITS[0] && others[at] != WAITS[1]);
        at += 1;
    }
};

/// Decodes records. Keeps each name once.
pub(super) struct Decoder {
    names: HashSet<Arc<str>>,
    cgroups: Cgroups,
    mappings: Mappings,
    stacks: Option<Stacks>,
    phases: Option<Paths>,
    asked: Options,
}

/// Names kept before starting afresh: a machine that makes new ones for ever must not fill memory.
const NAMES: usize = 4096;

/// The stacks that the kernel keeps, and the names of what is in them.
struct Stacks {
    /// Those that were asked for.
    map: StackTraceMap<MapData>,
    /// Those by which drivers are told.
    ways: StackTraceMap<MapData>,
    /// Those of threads that held locks.
    holders: Array<MapData, [u64; HOLDER_WORDS]>,
    symbols: Symbols,
}

const HOLDER_WORDS: usize = size_of::<HolderStack>() / 8;

/// The addresses of a stack, innermost first; none if it was not kept.
fn addresses(map: &StackTraceMap<MapData>, id: i32) -> Option<Vec<u64>> {
    let id = u32::try_from(id).ok()?;
    // A stack that cannot be read (any more) is unknown.
    let trace = map.get(&id, 0).ok()?;
    Some(trace.frames().iter().map(|frame| frame.ip).collect())
}

impl Stacks {
    /// Where a thread was that held a lock.
    fn of_holder(&mut self, place: u32, time_ns: u64) -> Option<Stack> {
        let place = place.checked_sub(1)?;
        let Self {
            holders, symbols, ..
        } = self;
        symbols.kernel(StackId::Holder(place), time_ns, || {
            let [_hash, frames @ ..] = holders.get(&place, 0).ok()?;
            Some(frames.into_iter().take_while(|frame| *frame != 0).collect())
        })
    }

    /// `asked`: whether stacks of the kernel were asked for.
    fn kernel(&mut self, id: i32, time_ns: u64, asked: bool) -> Option<Stack> {
        let Self {
            map, ways, symbols, ..
        } = self;
        let map = if asked { map } else { ways };
        symbols.kernel(StackId::Caller(id), time_ns, || addresses(map, id))
    }

    fn user(&mut self, id: i32, pid: u32) -> Option<Stack> {
        let addresses = addresses(&self.map, id)?;
        Some(self.symbols.user(pid, &addresses))
    }
}

/// The record that these bytes of the ring begin with, and what follows it.
pub(super) fn record(bytes: &[u8]) -> Result<(Record, &[u8]), TracerError> {
    Record::read_from_prefix(bytes).map_err(|_| TracerError::Record {
        length: bytes.len(),
        what: "length",
    })
}

/// The wait that they begin with, and what follows it.
pub(super) fn wait(bytes: &[u8]) -> Result<(wire::Wait, &[u8]), TracerError> {
    wire::Wait::read_from_prefix(bytes).map_err(|_| TracerError::Record {
        length: bytes.len(),
        what: "length",
    })
}

impl Decoder {
    /// Of the records of this tracer.
    pub(super) fn open(
        tracer: &mut Ebpf,
        symbols: Symbols,
        phases: Option<Paths>,
        asked: &Options,
    ) -> Result<Self, TracerError> {
        let mut take = |name| tracer.take_map(name).ok_or(TracerError::Object(name));
        let (stacks, ways) = (take(names::STACKS)?, take(names::WAY_STACKS)?);
        let holders = take(names::HOLDERS)?;
        let stacks = Stacks {
            map: StackTraceMap::try_from(stacks).map_err(TracerError::Map)?,
            ways: StackTraceMap::try_from(ways).map_err(TracerError::Map)?,
            holders: Array::try_from(holders).map_err(TracerError::Map)?,
            symbols,
        };
        let mappings = Mappings::open(tracer)?;
        Ok(Self {
            phases,
            ..Self::new(Some(stacks), mappings, asked.clone())
        })
    }

    fn new(stacks: Option<Stacks>, mappings: Mappings, asked: Options) -> Self {
        Self {
            names: HashSet::new(),
            cgroups: Cgroups::default(),
            mappings,
            stacks,
            phases: None,
            asked,
        }
    }

    /// Names of mappings.
    pub(super) fn mappings(&mut self) -> &mut Mappings {
        &mut self.mappings
    }

    /// Names of functions.
    pub(super) fn symbols(&mut self) -> Option<&mut Symbols> {
        self.stacks.as_mut().map(|stacks| &mut stacks.symbols)
    }

    /// Whether functions of the kernel have names, and so drivers.
    pub(super) fn names_functions(&self) -> bool {
        let stacks = self.stacks.as_ref();
        stacks.is_some_and(|stacks| stacks.symbols.kernel_readable())
    }

    /// The migration that these bytes of the ring tell.
    pub(super) fn migration(
        &mut self,
        bytes: &[u8],
        places: &Places,
    ) -> Result<Migration, TracerError> {
        let bad = |what| TracerError::Record {
            length: bytes.len(),
            what,
        };
        let (record, rest) = record(bytes)?;
        let details = match rest {
            [] => None,
            rest => Some(Details::read_from_bytes(rest).map_err(|_| bad("length"))?),
        };
        let steps = steps(&record.steps);
        let sub_steps = details.filter(|_| self.asked.sub_steps);
        let driver_parts = sub_steps.and_then(|details| within::driver_parts(&details, &steps));
        let kernel = self.kernel_stack(record.kernel_stack, record.time_ns);
        let worker = self.worker(record.worker_comm, record.tid);
        let user_stack = self.user_stack(record.user_stack, record.pid).or_else(|| {
            let driver = kernel.as_ref()?.driver.as_ref()?;
            self.stack_of_asker(&record, &details?.asked, driver)
        });
        let pid = (record.pid != 0).then_some(record.pid);
        let paths = self.phases.as_mut();
        let phase = paths.and_then(|paths| paths.path(details?.phases, pid));
        Ok(Migration {
            sequence: record.sequence,
            time_ns: record.time_ns,
            pid,
            tid: worker.is_none().then_some(record.tid),
            comm: self.name(record.comm),
            worker,
            cgroup: known(record.cgroup).and_then(|id| self.cgroups.path(id)),
            driver: kernel.as_ref().and_then(|stack| stack.driver.clone()),
            direction: Direction::from_wire(record.direction).ok_or_else(|| bad("direction"))?,
            from: side(&record.from, places),
            to: side(&record.to, places),
            cause: Cause::from_wire(record.cause).ok_or_else(|| bad("cause"))?,
            outcome: Outcome::from_wire(record.outcome).ok_or_else(|| bad("outcome"))?,
            errno: (record.errno < 0).then(|| record.errno.unsigned_abs()),
            address: known(record.address),
            mapping: self.mappings.mapping(record.mapping),
            ledger: record.ledger,
            skips: skips(record.skips),
            declined_holes: known(record.apart.declined_holes),
            free: known(record.apart.free),
            steps,
            probe: [
                record.probe.setup_ns,
                record.probe.pages_ns,
                record.probe.finalize_ns,
            ],
            pgmap_owner: (record.pgmap_owner != 0).then_some(record.pgmap_owner),
            // Else it is another migration's, by which only the driver is told.
            kernel_stack: kernel
                .filter(|_| self.asked.kernel_stacks)
                .map(|stack| stack.folded),
            user_stack,
            parts: sub_steps.and_then(|details| within::parts(&details, &steps)),
            driver_parts,
            contended: driver_parts
                .and_then(|parts| self.contended_in(&details?.contended, &parts, record.time_ns)),
            off_cpu: details
                .filter(|_| self.asked.off_cpu)
                .and_then(|details| within::off_cpu(&details, &steps)),
            phase,
            anomalies: record.anomalies,
        })
    }

    /// The wait that they tell.
    pub(super) fn wait(&mut self, bytes: &[u8]) -> Result<Wait, TracerError> {
        let bad = |what| TracerError::Record {
            length: bytes.len(),
            what,
        };
        let (wait, rest) = wait(bytes)?;
        let phases = match rest {
            [] => None,
            rest => Some(Phases::read_from_bytes(rest).map_err(|_| bad("length"))?),
        };
        let pid = (wait.pid != 0).then_some(wait.pid);
        let paths = self.phases.as_mut();
        let phase = paths.and_then(|paths| paths.path(phases?, pid));
        let worker = self.worker(wait.worker_comm, wait.tid);
        // Not those of others: there are stacks only where they were asked for.
        let kernel_stack = self.kernel_stack(wait.kernel_stack, wait.time_ns);
        let made_one = wait.before_setup_ns != UNKNOWN;
        Ok(Wait {
            sequence: wait.sequence,
            time_ns: wait.time_ns,
            kind: WaitKind::from_wire(wait.kind).ok_or_else(|| bad("kind"))?,
            result: WaitResult::from_wire(wait.result).ok_or_else(|| bad("result"))?,
            errno: (wait.errno < 0).then(|| wait.errno.unsigned_abs()),
            pid,
            tid: worker.is_none().then_some(wait.tid),
            comm: self.name(wait.comm),
            worker,
            cgroup: known(wait.cgroup).and_then(|id| self.cgroups.path(id)),
            address: known(wait.address),
            pages: (wait.pages != 0).then_some(wait.pages),
            total_ns: wait.total_ns,
            before_setup_ns: known(wait.before_setup_ns),
            in_migration_ns: made_one.then_some(wait.in_migration_ns),
            page_lock_ns: wait.page_lock_ns,
            migration: known(wait.migration),
            contended: self.contended(&wait.contended, wait.time_ns),
            kernel_stack: kernel_stack.map(|stack| stack.folded),
            user_stack: self.user_stack(wait.user_stack, wait.pid),
            phase,
        })
    }

    /// The locks that a thread waited for in the driver's steps, altogether as long as their parts
    /// say.
    fn contended_in(
        &mut self,
        contended: &wire::Contended,
        parts: &[DriverParts; 2],
        time_ns: u64,
    ) -> Option<Contended> {
        let contended = self.contended(contended, time_ns)?;
        let of_steps = parts.iter().map(|parts| parts.lock_ns);
        Some(Contended {
            all_ns: of_steps.sum(),
            ..contended
        })
    }

    /// The locks that a thread slept for; `None` if it slept for none.
    fn contended(&mut self, contended: &wire::Contended, time_ns: u64) -> Option<Contended> {
        if contended.lock == 0 {
            return None;
        }
        let stacks = self.stacks.as_mut();
        let (name, holder_stack) = stacks.map_or((None, None), |stacks| {
            (
                stacks.symbols.variable(contended.lock, time_ns),
                stacks.of_holder(contended.holder_stack, time_ns),
            )
        });
        Some(Contended {
            all_ns: contended.all_ns,
            ns: contended.ns,
            lock: name.unwrap_or_else(|| format!("{:#x}", contended.lock).into()),
            holder: self.worker(contended.holder_comm, contended.holder_tid),
            holder_stack: holder_stack
                .map(|stack| stack.folded)
                .filter(|frames| !frames.is_empty()),
        })
    }

    /// A thread, if it has a name.
    fn worker(&mut self, comm: [u64; 2], tid: u32) -> Option<Worker> {
        self.name(comm).map(|comm| Worker { tid, comm })
    }

    fn kernel_stack(&mut self, id: i32, time_ns: u64) -> Option<Stack> {
        let asked = self.asked.kernel_stacks;
        self.stacks.as_mut()?.kernel(id, time_ns, asked)
    }

    fn user_stack(&mut self, id: i32, pid: u32) -> Option<Arc<str>> {
        if id == NO_STACK {
            return None;
        }
        // The user's frames are those of the thread that called; a worker has none.
        let stack = self.stacks.as_mut()?.user(id, pid)?;
        Some(stack.folded)
    }

    /// The stack of the owner's thread that asked the driver last, where a thread of the kernel's
    /// migrates.
    fn stack_of_asker(
        &mut self,
        record: &Record,
        asked: &[Asked],
        driver: &Arc<str>,
    ) -> Option<Arc<str>> {
        let symbols = &self.stacks.as_ref()?.symbols;
        let is_drivers = |asked: &&Asked| {
            asked.handler != 0
                && asked.who != 0
                && symbols
                    .module_at(asked.handler, record.time_ns)
                    .is_some_and(|module| module == *driver)
        };
        let stack = asked.iter().find(is_drivers)?.stack();
        self.user_stack(stack, record.pid)
    }

    /// A command name: the text before the first zero byte; `None` for none at all.
    fn name(&mut self, comm: [u64; 2]) -> Option<Arc<str>> {
        let comm = comm.map(u64::to_ne_bytes);
        let comm = comm.as_flattened();
        if comm[0] == 0 {
            return None;
        }
        let end = comm
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(comm.len());
        let name = String::from_utf8_lossy(&comm[..end]);
        if let Some(known) = self.names.get(&*name) {
            return Some(Arc::clone(known));
        }
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name));
        Some(name)
    }
}

/// Where pages came from, or went to.
fn side(side: &wire::Side, places: &Places) -> Side {
    Side {
        pages: side.pages.map(u64::from),
        place: places.name(side.place),
    }
}

fn steps(steps: &Steps) -> [Option<u64>; 5] {
    [
        steps.setup_ns,
        steps.alloc_and_copy_ns,
        steps.pages_ns,
        steps.finalize_and_map_ns,
        steps.finalize_ns,
    ]
    .map(known)
}

/// Both or none: one alone would leave the other to be worked out.
fn skips(skips: Skips) -> Option<Skips> {
    known(skips.not_collected)
        .and(known(skips.unmap_failed))
        .map(|_| skips)
}

fn known(number: u64) -> Option<u64> {
    (number != UNKNOWN).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> Decoder {
        Decoder::new(None, Mappings::default(), Options::default())
    }

    #[test]
    fn refuses_bytes_that_are_no_record() {
        let mut decoder = decoder();
        assert!(matches!(
            decoder.migration(&[0; 8], &Places::default()),
            Err(TracerError::Record { length: 8, .. })
        ));
        // All zero: no direction has that number.
        let zeros = [0; size_of::<Record>()];
        assert!(matches!(
            decoder.migration(&zeros, &Places::default()),
            Err(TracerError::Record {
                what: "direction",
                ..
            })
        ));
    }

    /// An abandoned eviction of no pages, and whatever `change` does to it.
    fn record(change: impl Fn(&mut [u8])) -> Migration {
        let mut bytes = [0; size_of::<Record>()];
        for (place, value) in [
            (std::mem::offset_of!(Record, direction), 2),
            (std::mem::offset_of!(Record, cause), 5),
            (std::mem::offset_of!(Record, outcome), 3),
        ] {
            bytes[place] = value;
        }
        change(&mut bytes);
        decoder().migration(&bytes, &Places::default()).unwrap()
    }

    #[test]
    fn unknown_is_none_and_zero_is_zero() {
        let migration = record(|_| {});
        assert_eq!(migration.cause, Cause::Eviction);
        assert_eq!(migration.outcome, Outcome::Abandoned);
        assert_eq!(migration.address, Some(0));
        let none = Skips {
            not_collected: 0,
            unmap_failed: 0,
        };
        assert_eq!(migration.skips, Some(none));
        assert_eq!(migration.steps, [Some(0); 5]);

        let migration = record(|bytes| {
            for (place, size) in [
                (std::mem::offset_of!(Record, address), 8),
                (std::mem::offset_of!(Record, skips), size_of::<Skips>()),
                (std::mem::offset_of!(Record, steps), size_of::<Steps>()),
            ] {
                bytes[place..place + size].fill(0xff);
            }
        });
        assert_eq!(migration.address, None);
        assert_eq!(migration.skips, None);
        assert_eq!(migration.steps, [None; 5]);
    }

    #[test]
    fn reasons_are_known_both_or_not_at_all() {
        let one = std::mem::offset_of!(Record, skips) + std::mem::offset_of!(Skips, unmap_failed);
        let migration = record(|bytes| bytes[one..one + 8].fill(0xff));
        assert_eq!(migration.skips, None);
    }

    #[test]
    fn a_name_ends_at_its_first_zero_byte() {
        let mut decoder = decoder();
        let mut name = |bytes: &[u8; 16]| {
            let (first, second) = bytes.split_at(8);
            let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
            decoder.name([word(first), word(second)])
        };
        assert_eq!(name(b"python3\0\0garbage").as_deref(), Some("python3"));
        assert_eq!(
            name(b"sixteen-bytes-ok").as_deref(),
            Some("sixteen-bytes-ok")
        );
        let strange = name(b"\xff\xfe\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(strange.as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(name(&[0; 16]), None);
    }
}
