//! One record per migration, written once, when the migration ends.

/// A number that the kernel could not tell. Shown as unknown, exported as `null`, never counted as 0.
pub const UNKNOWN: u64 = u64::MAX;

/// A stack that was not taken, or was lost.
pub const NO_STACK: i32 = -1;

/// Where the pages of one call went. Unit: base pages.
///
/// Balances always:
/// `requested = skipped + declined + moved + populated + wasted_copy + wasted_fill + rolled_back + rejected`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Ledger {
    /// The range given to setup, read at its entry (setup may shorten `end`).
    pub requested: u64,
    /// Not collected, or collected and not unmapped (pinned, locked, absent): `src == 0` after setup.
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

/// Why pages were skipped. Unit: base pages. Together they are [`Ledger::skipped`], or both are [`UNKNOWN`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Skips {
    /// Never collected: absent, locked by somebody else, anonymous and pinned, or of a kind that was not asked for.
    pub not_collected: u64,
    /// Collected, and given back by `migrate_device_unmap`: somebody else refers to it, which a pin of a shared or file's
    /// page does as well.
    pub unmap_failed: u64,
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
    /// Inside `migrate_vma_setup` (or `migrate_device_range`, `migrate_device_pfns`): the kernel collects, locks and
    /// unmaps.
    pub setup_ns: u64,
    /// Return of setup to entry of pages: the driver allocates and copies. In a call that is rolled back, to the
    /// entry of finalize.
    pub alloc_and_copy_ns: u64,
    /// Inside `migrate_vma_pages`: the kernel moves `struct page` metadata.
    pub pages_ns: u64,
    /// Return of pages to entry of finalize: the driver maps, and may wait for the copy.
    pub finalize_and_map_ns: u64,
    /// Inside `migrate_vma_finalize`: the kernel restores CPU page tables.
    pub finalize_ns: u64,
}

/// The tracer's own time at each of the three calls, nanoseconds. It is in none of the [`Steps`], but whoever
/// times the calls from outside (the driver itself, say) sees the step and this together. A hook that does less than a second
/// reading of the clock takes is not measured, and is in the interval around it.
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

/// One migration. 256 bytes.
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
    /// The id of the memory cgroup that pays for the process's memory; [`UNKNOWN`] for an eviction, whose pages may be
    /// anybody's, and where this kernel does not tell.
    pub cgroup: u64,
    /// `pgmap_owner` of the call: tells devices apart. Only its identity means something. 0 where there is none.
    pub pgmap_owner: u64,
    /// Where the pages went.
    pub ledger: Ledger,
    /// Why some were skipped.
    pub skips: Skips,
    /// How long each step took.
    pub steps: Steps,
    /// The tracer's own time.
    pub probe: Probe,
    /// Process (the kernel's tgid).
    pub pid: u32,
    /// Thread (the kernel's pid).
    pub tid: u32,
    /// What setup returned when it refused, negative; else 0.
    pub errno: i32,
    /// A [`Direction`].
    pub direction: u8,
    /// A [`Trigger`].
    pub trigger: u8,
    /// An [`Outcome`].
    pub outcome: u8,
    /// Bits of [`anomaly`]. Anything but 0 means that this record is not to be trusted.
    pub anomalies: u8,
    /// The thread's command name, padded with zero bytes: two little-endian words.
    pub comm: [u64; 2],
    /// The kernel's stack at setup, as an id of the map `STACKS`; [`NO_STACK`]. Unless stacks of every migration were
    /// asked for, it is one of an earlier migration with the same `pgmap_owner`: good to tell the driver by.
    pub kernel_stack: i32,
    /// The user's stack that led there, where it was asked for; or [`NO_STACK`].
    pub user_stack: i32,
    /// Keeps the size a multiple of a cache line.
    pub reserved: [u8; 24],
}

const _: () = assert!(size_of::<Ledger>() == 72);
const _: () = assert!(size_of::<Skips>() == 16);
const _: () = assert!(size_of::<Steps>() == 40);
const _: () = assert!(size_of::<Probe>() == 24);
const _: () = assert!(size_of::<Record>() == 256);

/// What went wrong while the tracer counted one migration.
pub mod anomaly {
    /// The ledger does not balance: a bug of the tracer, or a driver that rewrote `src`.
    pub const UNBALANCED: u8 = 1 << 0;
    /// An array of the call could not be read.
    pub const UNREADABLE: u8 = 1 << 1;
}

macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $value,)* }

        impl $name {
            /// Every value, in the order in which views list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used on screen, in JSON, in columns and in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value with this number on the wire.
            pub const fn from_wire(value: u8) -> Option<Self> {
                match value { $($value => Some(Self::$variant),)* _ => None }
            }

            /// The value with this [`name`](Self::name).
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

wire_enum! {
    /// Where pages were to go.
    Direction {
        /// From system memory to a device.
        ToDevice = 1 "to_device",
        /// From a device back to system memory.
        ToSystem = 2 "to_system",
        /// This kernel has no `flags` field to tell.
        Unknown = 3 "unknown",
    }
}

wire_enum! {
    /// Why a migration happened.
    Trigger {
        /// A CPU touched a page that was on the device (`fault_page` is set).
        Fault = 1 "fault",
        /// The driver's own decision: a prefetch, a device fault, a system call.
        Driver = 2 "driver",
        /// Device memory was reclaimed without a VMA (`migrate_device_*`).
        Eviction = 3 "eviction",
        /// This kernel has no `fault_page` field to tell.
        Unknown = 4 "unknown",
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
