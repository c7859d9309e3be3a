//! One record per migration, written once, when the migration ends.

use super::Mapping;
use super::numbered::wire_enum;

/// A number that the kernel could not tell. Shown as unknown, exported as `null`, never counted as
/// 0.
pub const UNKNOWN: u64 = u64::MAX;

/// A stack that was not taken, or was lost.
pub const NO_STACK: i32 = -1;

/// Where the pages of one call went. Unit: base pages.
///
/// Balances always: `requested = skipped + declined + moved + populated + wasted_copy + wasted_fill
/// + rolled_back + rejected`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Ledger {
    /// The range given to setup, read at its entry (setup may shorten `end`).
    pub requested: u64,
    /// Not collected, or collected and not unmapped (pinned, locked, absent): `src == 0` after
    /// setup.
    pub skipped: u64,
    /// Collected, but the driver gave no destination.
    pub declined: u64,
    /// Pages that now live at their destination.
    pub moved: u64,
    /// Holes in which the driver created a page.
    pub populated: u64,
    /// Pages that were copied and did not move: the copy was thrown away.
    pub wasted_copy: u64,
    /// Holes for which the driver made a page that was not inserted.
    pub wasted_fill: u64,
    /// Collected, then finalized without `migrate_vma_pages`.
    pub rolled_back: u64,
    /// Everything requested by a call that setup refused.
    pub rejected: u64,
}

/// Why pages were skipped. Unit: base pages. Together they are [`Ledger::skipped`], or both are
/// [`UNKNOWN`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Skips {
    /// Never collected: absent, locked by somebody else, anonymous and pinned, or of a kind that
    /// was not asked for.
    pub not_collected: u64,
    /// Collected, and given back by `migrate_device_unmap`: somebody else refers to it, which a pin
    /// of a shared or file's page does as well.
    pub unmap_failed: u64,
}

/// What a ledger's rows are made of, as far as it matters. Unit: base pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Apart {
    /// Of [`Ledger::declined`]: nothing was mapped there. [`UNKNOWN`] where that was not seen.
    pub declined_holes: u64,
    /// Of [`Ledger::skipped`], in an eviction: nobody used the page, so that there was nothing to
    /// move. [`UNKNOWN`] where this kernel does not let it be seen; 0 in other migrations.
    pub free: u64,
}

/// A kind of memory that pages live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum Memory {
    /// The machine's own, in a NUMA node.
    System = 0,
    /// A device's, which no CPU can reach (`MEMORY_DEVICE_PRIVATE`).
    DevicePrivate = 1,
    /// A device's, which CPUs can reach (`MEMORY_DEVICE_COHERENT`).
    DeviceCoherent = 2,
}

impl Memory {
    /// Every kind, in the order of [`Side::pages`].
    pub const ALL: [Self; 3] = [Self::System, Self::DevicePrivate, Self::DeviceCoherent];

    /// The name used on screen, in JSON, in columns and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::DevicePrivate => "device_private",
            Self::DeviceCoherent => "device_coherent",
        }
    }
}

/// A place in memory that is not known, or none.
pub const NO_PLACE: u32 = 0;
/// More places than one.
pub const SEVERAL_PLACES: u32 = u32::MAX;

/// Where the pages of one migration came from, or where they went: those that arrived.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Side {
    /// Base pages by [`Memory`]. Pages of memory that is not known are in none.
    pub pages: [u32; 3],
    /// The [`Region::place`](super::Region::place) of all of them; [`NO_PLACE`] or
    /// [`SEVERAL_PLACES`].
    pub place: u32,
}

/// How long each step took, nanoseconds of CLOCK_BOOTTIME without the probe's own work.
/// [`UNKNOWN`] where the step did not happen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Steps {
    /// Inside `migrate_vma_setup` (or `migrate_device_range`, `migrate_device_pfns`): the kernel
    /// collects, locks and unmaps.
    pub setup_ns: u64,
    /// Return of setup to entry of pages: the driver allocates and copies. In a call that is rolled
    /// back, to the entry of finalize.
    pub alloc_and_copy_ns: u64,
    /// Inside `migrate_vma_pages`: the kernel moves `struct page` metadata.
    pub pages_ns: u64,
    /// Return of pages to entry of finalize: the driver maps, and may wait for the copy.
    pub finalize_and_map_ns: u64,
    /// Inside `migrate_vma_finalize`: the kernel restores CPU page tables.
    pub finalize_ns: u64,
}

/// The tracer's own time at each of the three calls, nanoseconds. It is in none of the [`Steps`],
/// but whoever times the calls from outside (the driver itself, say) sees the step and this
/// together. A hook that does less than a second reading of the clock takes is not measured, and is
/// in the interval around it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Probe {
    /// At entry and return of setup.
    pub setup_ns: u64,
    /// At entry and return of pages.
    pub pages_ns: u64,
    /// At the return of finalize, until the record is written.
    pub finalize_ns: u64,
}

/// One migration.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Record {
    /// Counts every migration that ended since the tracer started, reported or lost. From 0.
    pub sequence: u64,
    /// When setup was entered, CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// First address of the range; [`UNKNOWN`] for an eviction, which has none.
    pub address: u64,
    /// The id of the memory cgroup that pays for the owner's memory; [`UNKNOWN`] for an eviction,
    /// whose pages may be anybody's, and where this kernel does not tell.
    pub cgroup: u64,
    /// `pgmap_owner` of the call: tells drivers apart, and some devices. Only its identity means
    /// something. 0 where there is none.
    pub pgmap_owner: u64,
    /// The mapping that the range is in.
    pub mapping: Mapping,
    /// Where the pages went.
    pub ledger: Ledger,
    /// Why some were skipped.
    pub skips: Skips,
    /// What rows are made of.
    pub apart: Apart,
    /// Where the pages that arrived came from.
    pub from: Side,
    /// Where they went.
    pub to: Side,
    /// How long each step took.
    pub steps: Steps,
    /// The tracer's own time.
    pub probe: Probe,
    /// The process whose memory it is (the kernel's tgid); 0 for an eviction, and where nobody owns
    /// it any more.
    pub pid: u32,
    /// The thread that made the calls (the kernel's pid).
    pub tid: u32,
    /// What setup returned when it refused, negative; else 0.
    pub errno: i32,
    /// A [`Direction`].
    pub direction: u8,
    /// A [`Cause`].
    pub cause: u8,
    /// An [`Outcome`].
    pub outcome: u8,
    /// Bits of [`anomaly`]. Anything but 0 means that this record is not to be trusted.
    pub anomalies: u8,
    /// The owner's command name, padded with zero bytes: two little-endian words. Zero where there
    /// is no owner.
    pub comm: [u64; 2],
    /// The command name of the thread that made the calls, where it is none of the owner's; else
    /// zero.
    pub worker_comm: [u64; 2],
    /// The kernel's stack at setup, as an id of the map `STACKS` if such were asked for, else of
    /// `WAY_STACKS`; [`NO_STACK`]. Unless stacks of every migration were asked for, it is one of an
    /// earlier migration that came the same way: good to tell the driver by.
    pub kernel_stack: i32,
    /// The user's stack that led there, where it was asked for; or [`NO_STACK`].
    pub user_stack: i32,
}

const _: () = assert!(size_of::<Ledger>() == 72);
const _: () = assert!(size_of::<Skips>() == 16);
const _: () = assert!(size_of::<Steps>() == 40);
const _: () = assert!(size_of::<Probe>() == 24);
const _: () = assert!(size_of::<Record>() == 320);

/// What went wrong while the tracer counted one migration.
pub mod anomaly {
    /// The ledger does not balance: a bug of the tracer, or a driver that rewrote `src`.
    pub const UNBALANCED: u8 = 1 << 0;
    /// An array of the call could not be read.
    pub const UNREADABLE: u8 = 1 << 1;
}

wire_enum! {
    /// Where pages went: from the memory of those that arrived; where none did, what was asked for.
    Direction {
        /// From system memory to a device.
        ToDevice = 1 "to_device",
        /// From a device back to system memory.
        ToSystem = 2 "to_system",
        /// From one device to another, or within one.
        DeviceToDevice = 3 "device_to_device",
        /// From one NUMA node to another, or within one. On coherent machines the memory of a GPU
        /// is a node.
        SystemToSystem = 4 "system_to_system",
        /// Nothing arrived, and what was asked for does not tell; or it is memory that the tracer
        /// does not know.
        Unknown = 5 "unknown",
    }
}

wire_enum! {
    /// Why a migration happened: told from the functions on the kernel's stack at setup.
    Cause {
        /// A CPU touched a page that was on a device, in code of the process that owns it.
        CpuFault = 1 "cpu_fault",
        /// The kernel, or somebody else, needed such a page: a system call, a worker, another
        /// device.
        KernelAccess = 2 "kernel_access",
        /// A device touched a page.
        DeviceFault = 3 "device_fault",
        /// Somebody asked for memory to be moved ahead.
        Prefetch = 4 "prefetch",
        /// Device memory was needed for something else.
        Eviction = 5 "eviction",
        /// The driver's own decision; nothing more is known.
        Driver = 6 "driver",
        /// Nothing tells.
        Unknown = 7 "unknown",
    }
}

wire_enum! {
    /// How the sequence of calls ended.
    Outcome {
        /// Setup, pages, finalize.
        Completed = 1 "completed",
        /// Setup, finalize.
        RolledBack = 2 "rolled_back",
        /// Setup, then nothing.
        Abandoned = 3 "abandoned",
        /// Setup returned an error.
        Rejected = 4 "rejected",
    }
}
