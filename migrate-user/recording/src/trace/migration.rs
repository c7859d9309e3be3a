//! One migration, decoded: what every view and every export reads.

use std::sync::Arc;

use migrate_ebpf::wire::{self, Figure};
pub use migrate_ebpf::wire::{Cause, Direction, Ledger, Memory, Outcome, Parts, Skips};

use super::{Contended, DriverParts, Mapping, ledger};

/// One migration. Unknown is `None`, never 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Counts every migration since the tracer started, reported or lost. From 0.
    pub sequence: u64,
    /// When setup was entered, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// The process whose memory it is; `None` for an eviction, whose pages may be anybody's, and
    /// where nobody owns it any more.
    pub pid: Option<u32>,
    /// The thread of that process that made the calls; `None` where a [`Migration::worker`] did.
    pub tid: Option<u32>,
    /// The command name of that process.
    pub comm: Option<Arc<str>>,
    /// The thread that made the calls, where it is none of that process's own.
    pub worker: Option<Worker>,
    /// The memory cgroup that pays for that process's memory: a path where it could be found, else
    /// `None`.
    pub cgroup: Option<Arc<str>>,
    /// The driver's module name.
    pub driver: Option<Arc<str>>,
    /// Where pages went, or were to go where none arrived.
    pub direction: Direction,
    /// Where the pages that arrived came from.
    pub from: Side,
    /// Where they are now.
    pub to: Side,
    /// Why.
    pub cause: Cause,
    /// How the sequence of calls ended.
    pub outcome: Outcome,
    /// The positive errno of a rejected call.
    pub errno: Option<u32>,
    /// First address of the range; `None` for an eviction, which has none.
    pub address: Option<u64>,
    /// The mapping that the range is in; `None` for an eviction, which is of page frames, where it
    /// was not asked for, and where the kernel does not tell.
    pub mapping: Option<Mapping>,
    /// Where the pages went. Unit: base pages.
    pub ledger: Ledger,
    /// Why some were skipped, if the kernel let it be seen. Both together are the ledger's
    /// `skipped`.
    pub skips: Option<Skips>,
    /// Of [`Ledger::declined`]: nothing was mapped there. `None` where that was not seen. Unit:
    /// base pages.
    pub declined_holes: Option<u64>,
    /// Of [`Ledger::skipped`], in an eviction: nobody used the page. `None` where the kernel did
    /// not let it be seen. Unit: base pages.
    pub free: Option<u64>,
    /// How long each step took, nanoseconds, by [`Step`]; `None` where it did not happen.
    pub steps: [Option<u64>; Step::COUNT],
    /// The tracer's own time, in none of the steps, by kernel call: setup, pages, finalize.
    /// Nanoseconds.
    pub probe: [u64; 3],
    /// `pgmap_owner` of the call, which tells devices apart: only its identity means something.
    /// `None` where there is none.
    pub pgmap_owner: Option<u64>,
    /// The kernel's stack at setup, folded: outermost first, `;` between frames. `None` unless
    /// asked for.
    pub kernel_stack: Option<Arc<str>>,
    /// The user's stack that led there, folded. `None` unless asked for.
    pub user_stack: Option<Arc<str>>,
    /// Parts of setup; `None` unless asked for.
    pub parts: Option<Parts>,
    /// Parts of the driver's steps: of `alloc_and_copy`, and of `finalize_and_map`. `None` unless
    /// asked for.
    pub driver_parts: Option<[DriverParts; 2]>,
    /// The locks that the thread waited for in those steps; `None` unless asked for, or if it
    /// waited for none. Altogether as long as the parts say.
    pub contended: Option<Contended>,
    /// How long the thread did not run in each step, nanoseconds, by [`Step`]; `None` unless asked
    /// for.
    pub off_cpu: Option<[u64; Step::COUNT]>,
    /// What the program was doing when it began: names of phases, the outermost first, `/` between
    /// them; empty for none. `None` unless asked for, or where nobody can tell.
    pub phase: Option<Arc<str>>,
    /// Bits of [`wire::anomaly`]; 0 for a record to be trusted.
    pub anomalies: u8,
}

/// A thread that migrates memory of others: a thread of the kernel, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its number.
    pub tid: u32,
    /// Its command name.
    pub comm: Arc<str>,
}

/// Where pages came from, or where they went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Base pages, by [`Memory`].
    pub pages: [u64; Memory::ALL.len()],
    /// The node or the device, where it is known and all pages are in one.
    pub place: Option<Arc<str>>,
}

/// The kind of memory of several pages that are not all in one kind.
pub const MIXED: &str = "mixed";

impl Side {
    /// The kind of memory: the name of a [`Memory`], or [`MIXED`]. `None` where nothing arrived, or
    /// in memory that is not known.
    pub fn kind(&self) -> Option<&'static str> {
        let mut kinds = Memory::ALL
            .iter()
            .zip(self.pages)
            .filter(|(_, pages)| *pages > 0);
        let (first, _) = kinds.next()?;
        Some(kinds.next().map_or(first.name(), |_| MIXED))
    }

    /// Pages in the memory of devices, private or coherent. Unit: base pages.
    #[inline]
    pub fn on_devices(&self) -> u64 {
        on_devices(self.pages)
    }

    /// The device, where it is known and all pages are in its memory.
    #[inline]
    pub fn device(&self) -> Option<&Arc<str>> {
        self.place.as_ref().filter(|_| are_devices(self.pages))
    }
}

impl Migration {
    /// The direction's name; `None` where this kernel could not tell.
    pub fn known_direction(&self) -> Option<&'static str> {
        (self.direction != Direction::Unknown).then(|| self.direction.name())
    }

    /// The cause's name; `None` where this kernel could not tell.
    pub fn known_cause(&self) -> Option<&'static str> {
        (self.cause != Cause::Unknown).then(|| self.cause.name())
    }

    /// The tracer's own time in this migration, nanoseconds.
    pub fn probe_ns(&self) -> u64 {
        sum(self.probe)
    }

    /// The five steps together, nanoseconds; those that did not happen count nothing.
    pub fn total_ns(&self) -> u64 {
        sum(self.steps.into_iter().flatten())
    }

    /// When it ended, nanoseconds of the recording's clock.
    pub fn end_ns(&self) -> u64 {
        sum([self.time_ns, self.total_ns(), self.probe_ns()])
    }

    /// Does every requested page stand in exactly one row?
    pub fn is_balanced(&self) -> bool {
        is_balanced(&self.ledger, self.anomalies)
    }
}

/// Are there such pages, and no others?
#[inline]
pub(crate) fn are_devices(pages: [u64; Memory::ALL.len()]) -> bool {
    on_devices(pages) > 0 && pages[Memory::System as usize] == 0
}

/// Of pages by [`Memory`], those in the memory of devices.
#[inline]
pub(crate) fn on_devices([_, private, coherent]: [u64; Memory::ALL.len()]) -> u64 {
    private.saturating_add(coherent)
}

/// All of them together. A sum that only bad input can reach stays at the largest number.
pub(super) fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

#[inline]
pub(super) fn is_balanced(of: &Ledger, anomalies: u8) -> bool {
    ledger::balance(of) == Some(of.requested) && anomalies & wire::anomaly::UNBALANCED == 0
}

/// The five steps of a migration, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Kernel: collect, lock, unmap.
    Setup,
    /// Driver: allocate the destination and copy.
    AllocAndCopy,
    /// Kernel: move `struct page` metadata.
    Pages,
    /// Driver: map on the device; some wait for the copy here.
    FinalizeAndMap,
    /// Kernel: CPU page tables, unlock, put.
    Finalize,
}

impl Step {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Setup,
        Self::AllocAndCopy,
        Self::Pages,
        Self::FinalizeAndMap,
        Self::Finalize,
    ];

    /// The name used on screen, in JSON, in columns and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::AllocAndCopy => "alloc_and_copy",
            Self::Pages => "pages",
            Self::FinalizeAndMap => "finalize_and_map",
            Self::Finalize => "finalize",
        }
    }
}

impl From<Step> for Figure {
    fn from(step: Step) -> Self {
        match step {
            Step::Setup => Self::Setup,
            Step::AllocAndCopy => Self::AllocAndCopy,
            Step::Pages => Self::Pages,
            Step::FinalizeAndMap => Self::FinalizeAndMap,
            Step::Finalize => Self::Finalize,
        }
    }
}
