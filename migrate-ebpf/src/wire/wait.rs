//! What threads wait for besides the steps of their own migrations.

use super::histogram::BUCKETS;
use super::numbered::{wire_enum, wire_figures};

wire_enum! {
    /// What a thread waits for.
    WaitKind {
        /// It touched a page that is on a device, and waits until it can: `do_swap_page` of such an
        /// entry, or `do_huge_pmd_device_private`.
        Fault = 1 "fault",
        /// It needs a page that somebody is migrating just then: `migration_entry_wait`, or
        /// `do_swap_page` where the page on the device is locked.
        Migrating = 2 "migrating",
        /// A device needs to know where memory is: `hmm_range_fault`.
        RangeFault = 3 "range_fault",
        /// Whoever mirrors an address space waits for an invalidation to end:
        /// `mmu_interval_read_begin`.
        Notifier = 4 "notifier",
        /// A device wants a page for itself: `make_device_exclusive`.
        Exclusive = 5 "exclusive",
        /// Memory changes, and whoever changes it waits for the devices that mirror it:
        /// `__mmu_notifier_invalidate_range_start`, but not that of a migration, which is a part of
        /// its setup.
        Invalidation = 6 "invalidation",
    }
}

wire_enum! {
    /// What came of a wait.
    WaitResult {
        /// The thread's own migration brought the page of a fault.
        Moved = 1 "moved",
        /// The page of a fault is on the device no more, and the thread has not moved it.
        MovedByOther = 2 "moved_by_other",
        /// The page of a fault is where it was.
        Nothing = 3 "nothing",
        /// What was waited for is over.
        Done = 4 "done",
        /// It has to be tried again: `hmm_range_fault` returned `-EBUSY`.
        Retry = 5 "retry",
        /// It was refused.
        Failed = 6 "failed",
        /// A fault whose page cannot be looked at, and that moved nothing itself. An invalidation
        /// for a reason that is new.
        Unknown = 7 "unknown",
        /// What is invalidated is unmapped, or moved to another address.
        Unmapped = 8 "unmapped",
        /// Its entries in the page table are cleared: it is given back, or gets other pages.
        Cleared = 9 "cleared",
        /// It gets other rights, all of it.
        Protected = 10 "protected",
        /// Pages of it may not be written to any more, or may again.
        PageProtected = 11 "page_protected",
        /// It is watched for writes.
        SoftDirty = 12 "soft_dirty",
        /// Its process ends.
        Released = 13 "released",
        /// A page of it becomes a device's alone.
        MadeExclusive = 14 "made_exclusive",
    }
}

/// The lock that a thread slept for longest.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Contended {
    /// How long it slept for locks altogether, nanoseconds.
    pub all_ns: u64,
    /// Of it for this lock.
    pub ns: u64,
    /// Where the lock is; 0 if it slept for none.
    pub lock: u64,
    /// The command name of the thread that held it when the wait began, padded with zero bytes;
    /// zero where the lock does not tell.
    pub holder_comm: [u64; 2],
    /// The number of that thread; 0 where the lock does not tell.
    pub holder_tid: u32,
    /// Where that thread was then: a place among the [`HolderStack`]s, counted from 1; 0 where it
    /// was on its CPU, or the kernel does not tell.
    pub holder_stack: u32,
}

/// How many stacks of threads that hold locks are kept. A power of two, which the probes rely on.
pub const HOLDER_STACKS: usize = 1024;
/// How many frames of each, the innermost.
pub const HOLDER_FRAMES: usize = 32;

/// The stack of a thread that had a lock, and was off its CPU. Once it is there it stays.
#[repr(C)]
pub struct HolderStack {
    /// Of the frames; 0 where none are kept.
    pub hash: u64,
    /// Addresses, innermost first; 0 behind the last.
    pub frames: [u64; HOLDER_FRAMES],
}

impl Contended {
    /// Adds a time that the thread slept for this lock.
    #[inline(always)]
    pub fn add(&mut self, lock: &Self, ns: u64) {
        let all_ns = self.all_ns + ns;
        if ns >= self.ns {
            *self = *lock;
            self.ns = ns;
        }
        self.all_ns = all_ns;
    }
}

/// One wait. [`Phases`](super::Phases) follow it in the ring, in the same entry, where those are
/// followed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Wait {
    /// Counts every wait that ended since the tracer started, reported or lost. From 0.
    pub sequence: u64,
    /// When it began, CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// The first address that is needed; [`UNKNOWN`](super::UNKNOWN) where the call has none.
    pub address: u64,
    /// How many base pages; 0 where the call has no range.
    pub pages: u64,
    /// As [`Record::cgroup`](super::Record::cgroup).
    pub cgroup: u64,
    /// How long it took, nanoseconds, the tracer's own time in it included.
    pub total_ns: u64,
    /// Of it until the thread's own migration began; [`UNKNOWN`](super::UNKNOWN) where it made
    /// none.
    pub before_setup_ns: u64,
    /// Of it in migrations of its own.
    pub in_migration_ns: u64,
    /// Of it asleep until somebody else let go of the page.
    pub page_lock_ns: u64,
    /// The [`Record::sequence`](super::Record::sequence) of the last migration that it made itself;
    /// [`UNKNOWN`](super::UNKNOWN) where it made none.
    pub migration: u64,
    /// Where it slept for locks, if that was asked for; else zero.
    pub contended: Contended,
    /// As [`Record::comm`](super::Record::comm).
    pub comm: [u64; 2],
    /// As [`Record::worker_comm`](super::Record::worker_comm).
    pub worker_comm: [u64; 2],
    /// The process whose memory it is; 0 where nobody owns it any more.
    pub pid: u32,
    /// The thread that waited.
    pub tid: u32,
    /// What the function returned when it failed, negative; else 0.
    pub errno: i32,
    /// A [`WaitKind`].
    pub kind: u8,
    /// A [`WaitResult`].
    pub result: u8,
    /// Nothing.
    pub padding: u16,
    /// As [`Record::kernel_stack`](super::Record::kernel_stack), where stacks were asked for.
    pub kernel_stack: i32,
    /// As [`Record::user_stack`](super::Record::user_stack).
    pub user_stack: i32,
}

/// Combinations of what was waited for and what came of it.
pub const WAIT_CLASSES: usize = WaitKind::ALL.len() * WaitResult::ALL.len();

/// The place of such a combination, by their numbers on the wire.
#[inline(always)]
pub const fn wait_class(kind: u8, result: u8) -> usize {
    (kind as usize - 1) * WaitResult::ALL.len() + result as usize - 1
}

/// Sums over the waits of one kind and result.
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
pub struct WaitCounts {
    /// How many there were.
    pub waits: u64,
    /// [`Wait::pages`].
    pub pages: u64,
    /// [`Wait::total_ns`].
    pub total_ns: u64,
    /// [`Wait::before_setup_ns`], where it is known.
    pub before_setup_ns: u64,
    /// [`Wait::in_migration_ns`].
    pub in_migration_ns: u64,
    /// [`Wait::page_lock_ns`].
    pub page_lock_ns: u64,
}

wire_figures! {
    /// What there is a histogram of. Nanoseconds.
    WaitFigure {
        /// [`Wait::total_ns`] of [`WaitKind::Fault`], and so on: by the number of the kind less
        /// one.
        Fault = 0 "fault_ns",
        /// Of [`WaitKind::Migrating`].
        Migrating = 1 "migrating_ns",
        /// Of [`WaitKind::RangeFault`].
        RangeFault = 2 "range_fault_ns",
        /// Of [`WaitKind::Notifier`].
        Notifier = 3 "notifier_ns",
        /// Of [`WaitKind::Exclusive`].
        Exclusive = 4 "exclusive_ns",
        /// Of [`WaitKind::Invalidation`].
        Invalidation = 5 "invalidation_ns",
        /// [`Wait::before_setup_ns`] of faults that made a migration.
        BeforeSetup = 6 "before_setup_ns",
    }
}

impl From<WaitKind> for WaitFigure {
    fn from(kind: WaitKind) -> Self {
        match kind {
            WaitKind::Fault => Self::Fault,
            WaitKind::Migrating => Self::Migrating,
            WaitKind::RangeFault => Self::RangeFault,
            WaitKind::Notifier => Self::Notifier,
            WaitKind::Exclusive => Self::Exclusive,
            WaitKind::Invalidation => Self::Invalidation,
        }
    }
}

/// The histogram of one figure, in the places of [`super::histogram`]. 34 KiB.
pub type WaitHistogram = [u64; BUCKETS];

const _: () = assert!(size_of::<Contended>() == 48);
const _: () = assert!(size_of::<Wait>() == 184);
