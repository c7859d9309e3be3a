// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! What crosses between the devices (`/dev/migrate_test`, `/dev/migrate_test1` ...) and their
//! users. The driver and the workload compile this same file.
//!
//! An open file belongs to the address space that opened it: migrating through it from another one
//! (after `fork` or `exec`, or when the file was passed on) is `EPERM`. Reading and asking is open
//! to whoever has it.
//!
//! `read()` takes whole [`Truth`]s out of the device's log of migrations that no ioctl returns
//! (those made by CPU faults, evictions in the middle of another migration, and plays of real
//! drivers): as many as there are and as fit into the buffer, 0 bytes when the log is empty. It
//! never waits. A buffer smaller than one `Truth` is `EINVAL`.
//!
//! The same totals as [`TOTALS`] and [`FILE_TOTALS`], of every device and open file, are in debugfs
//! as text: `migrate_test/totals`, whose first line names the columns.
//!
//! Another log has each call in which somebody may wait, one by one: [`TAKE_WAITS`].
//!
//! Every number is in the machine's byte order; there is no padding that is not spelt out.

use core::mem::size_of;

#[path = "uapi_play.rs"]
mod played;
pub use played::{MAX_BLOCK, Play, play, play_flags};

#[path = "uapi_waits.rs"]
mod waited;
pub use waited::{Exclusive, Map, TakeWaits, Wait, WaitTotal, WaitTotals, wait, wait_result};

/// Folder entry of the first device. Others have their number behind it, from 1.
pub const DEVICE_PATH: &str = "/dev/migrate_test";

/// Most devices that the module makes, beside those below.
pub const MAX_DEVICES: u32 = 4;

/// Folder entry of the first of the devices that may take what is on another of them: their pages
/// have one owner. The second has a 1 behind it.
pub const PEER_PATH: &str = "/dev/migrate_test_peer";

/// Most of these.
pub const MAX_PEERS: u32 = 2;

/// Folder entry of the device whose memory CPUs can reach.
pub const COHERENT_PATH: &str = "/dev/migrate_test_coherent";

/// Most pages that one ioctl takes: 1 GiB of 4 KiB pages.
pub const MAX_PAGES: u64 = 262_144;

/// Longest delay, and longest time that the copy engine may take for a call's set-up, a mirror to
/// invalidate a range, a CPU fault to copy, and a call to wait for a fence or a mutex: four
/// seconds.
pub const MAX_DELAY_NS: u64 = 4_000_000_000;

/// Longest time that a call hangs in one place: a minute.
pub const MAX_HANG_NS: u64 = 60_000_000_000;

/// A step that did not happen.
pub const UNKNOWN: u64 = u64::MAX;

/// Bits of [`Migrate::flags`].
pub mod flags {
    /// Give pages to collected holes (zeroed). Without it, holes are declined.
    pub const POPULATE: u32 = 1 << 0;
    /// Finalize without `migrate_vma_pages`, after copying as usual: the call is rolled back.
    pub const ROLL_BACK: u32 = 1 << 1;
    /// Take large folios (2 MiB) whole, as one entry of the kernel's arrays:
    /// `MIGRATE_VMA_SELECT_COMPOUND`. Where no large destination can be had, the entry is split as
    /// with [`SPLIT`].
    pub const COMPOUND: u32 = 1 << 2;
    /// With [`COMPOUND`] only: base pages as destinations of large folios, so that the kernel
    /// splits them. Those that are not writable, so perhaps mapped by others as well, cannot be
    /// split and are declined.
    pub const SPLIT: u32 = 1 << 3;
    /// When setup collects nothing, return without the other two calls, as some drivers do: the
    /// call is abandoned.
    pub const ABANDON: u32 = 1 << 4;
    /// When device memory is full, evict some of it in the middle of the call (between setup and
    /// pages), as many pages as are still needed (at least
    /// [`EVICTED_AT_ONCE`](super::EVICTED_AT_ONCE)), instead of declining.
    pub const EVICT: u32 = 1 << 5;
    /// To the device only: collect pages that are on this device already, too, and move them within
    /// it.
    pub const DEVICE_TOO: u32 = 1 << 6;
    /// Spend the delays asleep. Without it they are spent busy.
    pub const SLEEP: u32 = 1 << 7;
    /// Every bit that has a meaning. Others are `EINVAL`.
    pub const ALL: u32 =
        POPULATE | ROLL_BACK | COMPOUND | SPLIT | ABANDON | EVICT | DEVICE_TOO | SLEEP;
}

/// Bits of [`Configuration::flags`].
pub mod configuration {
    /// The driver waits for the copy engine between pages and finalize, as amdgpu and nouveau do.
    /// Without it, it waits between setup and pages.
    pub const WAIT_AFTER_PAGES: u64 = 1 << 0;
    /// A CPU fault takes the device's lock first, as amdgpu's does (`svms.lock`), which plays of
    /// amdgpu hold.
    pub const LOCKED_FAULTS: u64 = 1 << 1;
    /// Calls hang after their copies, until this is no longer set, the caller has a signal to take,
    /// or [`MAX_HANG_NS`](super::MAX_HANG_NS) are over.
    pub const HANG_IN_COPY: u64 = 1 << 2;
    /// The same after pages.
    pub const HANG_IN_MAP: u64 = 1 << 3;
    /// The same in setup: the device's mirror, where there is one, does not let go of a range.
    pub const HANG_IN_SETUP: u64 = 1 << 4;
    /// A CPU fault takes the mutex of the file that brought the page, before setup, and has it
    /// until after finalize, as amdgpu's does with the lock of a process. On large folios it only
    /// tries, and leaves it to the next fault where another has it. Where the file is closed there
    /// is no mutex. `EINVAL` with [`LOCKED_FAULTS`].
    pub const FAULT_MUTEX: u64 = 1 << 5;
    /// CPU faults spend [`Configuration::fault_ns`](super::Configuration::fault_ns) asleep. Without
    /// it they spend it busy.
    pub const FAULT_SLEEPS: u64 = 1 << 6;
    /// Calls wait after their copies for a fence (`struct dma_fence`), which is signalled after
    /// [`Configuration::fence_ns`](super::Configuration::fence_ns). `ENODEV` where the kernel has
    /// no fences (`CONFIG_DMA_SHARED_BUFFER`).
    pub const FENCE_IN_COPY: u64 = 1 << 7;
    /// The same after pages.
    pub const FENCE_IN_MAP: u64 = 1 << 8;
    /// Calls wait after their copies for a mutex, which another thread has taken just before and
    /// has for [`Configuration::mutex_ns`](super::Configuration::mutex_ns).
    pub const MUTEX_IN_COPY: u64 = 1 << 9;
    /// The same after pages.
    pub const MUTEX_IN_MAP: u64 = 1 << 10;
    /// The driver waits for the copy engine by a fence, which is signalled when that is done, as
    /// drivers do whose devices copy. `ENODEV` where the kernel has no fences.
    pub const FENCED_ENGINE: u64 = 1 << 11;
    /// Those that want a kernel with fences.
    pub const FENCES: u64 = FENCE_IN_COPY | FENCE_IN_MAP | FENCED_ENGINE;
    /// Every bit that has a meaning. Others are `EINVAL`.
    pub const ALL: u64 = WAIT_AFTER_PAGES
        | LOCKED_FAULTS
        | HANG_IN_COPY
        | HANG_IN_MAP
        | HANG_IN_SETUP
        | FAULT_MUTEX
        | FAULT_SLEEPS
        | FENCES
        | MUTEX_IN_COPY
        | MUTEX_IN_MAP;
}

/// Values of [`Truth::direction`]: where the pages that arrived were, and where they are now. Where
/// none arrived, what was asked for.
pub mod direction {
    /// Nothing arrived, and it was not said where to.
    pub const UNKNOWN: u32 = 0;
    /// To a device, from system memory (or from there too, or only holes were filled).
    pub const TO_DEVICE: u32 = 1;
    /// To system memory, from a device (or from there too, or only holes were filled).
    pub const TO_SYSTEM: u32 = 2;
    /// Between devices, or within one.
    pub const DEVICE_TO_DEVICE: u32 = 3;
    /// Between the nodes of system memory.
    pub const SYSTEM_TO_SYSTEM: u32 = 4;
    /// How many there are.
    pub const COUNT: usize = 5;
}

/// Values of [`Truth::cause`]: why pages were migrated.
pub mod cause {
    /// Nobody knows. The driver always does.
    pub const UNKNOWN: u32 = 0;
    /// User code of the owner's touched a page on the device.
    pub const CPU_FAULT: u32 = 1;
    /// The kernel touched one: in a system call, for another device, for another process.
    pub const KERNEL_ACCESS: u32 = 2;
    /// The device touched a page that was elsewhere.
    pub const DEVICE_FAULT: u32 = 3;
    /// Somebody asked for memory to be moved ahead.
    pub const PREFETCH: u32 = 4;
    /// Room was needed on the device.
    pub const EVICTION: u32 = 5;
    /// An ioctl asked for it, or the driver thought it well.
    pub const DRIVER: u32 = 6;
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// Values of [`Truth::outcome`].
pub mod outcome {
    /// Setup, pages, finalize.
    pub const COMPLETED: u32 = 1;
    /// Setup, finalize.
    pub const ROLLED_BACK: u32 = 2;
    /// Setup, which collected nothing; nothing more.
    pub const ABANDONED: u32 = 3;
    /// Setup refused; [`Truth::errno`](super::Truth::errno) says why.
    pub const REJECTED: u32 = 4;
}

/// Where the pages of one call went. Unit: base pages. The same names as in the tracer's records.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The range that was asked for.
    pub requested: u64,
    /// Not collected by setup.
    pub skipped: u64,
    /// Collected, and given no destination.
    pub declined: u64,
    /// Pages that now live at their destination.
    pub moved: u64,
    /// Holes that now have a page.
    pub populated: u64,
    /// Copied, and not moved.
    pub wasted_copy: u64,
    /// Holes for which a page was made that was not inserted.
    pub wasted_fill: u64,
    /// Collected, then finalized without `migrate_vma_pages`.
    pub rolled_back: u64,
    /// Everything requested by a call that setup refused.
    pub rejected: u64,
    /// Of the declined: holes.
    pub declined_holes: u64,
    /// Of the skipped, in an eviction: pages that nobody used.
    pub free: u64,
}

impl Ledger {
    /// Where the pages went, added up.
    pub const fn accounted(&self) -> u64 {
        self.skipped
            + self.declined
            + self.moved
            + self.populated
            + self.wasted_copy
            + self.wasted_fill
            + self.rolled_back
            + self.rejected
    }

    /// Adds another ledger to this one.
    pub fn add(&mut self, other: &Self) {
        self.requested += other.requested;
        self.skipped += other.skipped;
        self.declined += other.declined;
        self.moved += other.moved;
        self.populated += other.populated;
        self.wasted_copy += other.wasted_copy;
        self.wasted_fill += other.wasted_fill;
        self.rolled_back += other.rolled_back;
        self.rejected += other.rejected;
        self.declined_holes += other.declined_holes;
        self.free += other.free;
    }

    /// Whether every page that was requested went somewhere, and only once.
    pub const fn balances(&self) -> bool {
        self.requested == self.accounted()
            && self.declined_holes <= self.declined
            && self.free <= self.skipped
    }
}

/// How long each step took, nanoseconds of the kernel's CLOCK_BOOTTIME; [`UNKNOWN`] where it did
/// not happen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The call of `migrate_vma_setup`.
    pub setup_ns: u64,
    /// From its return to the call of `migrate_vma_pages` (of `migrate_vma_finalize`, when rolled
    /// back): the driver allocates and copies.
    pub alloc_and_copy_ns: u64,
    /// The call of `migrate_vma_pages`.
    pub pages_ns: u64,
    /// From its return to the call of `migrate_vma_finalize`: the driver updates its page table.
    pub finalize_and_map_ns: u64,
    /// The call of `migrate_vma_finalize`.
    pub finalize_ns: u64,
}

impl Steps {
    /// No step happened.
    pub const NONE: Self = Self {
        setup_ns: UNKNOWN,
        alloc_and_copy_ns: UNKNOWN,
        pages_ns: UNKNOWN,
        finalize_and_map_ns: UNKNOWN,
        finalize_ns: UNKNOWN,
    };
}

impl Default for Steps {
    fn default() -> Self {
        Self::NONE
    }
}

/// No place, or more than one.
pub const NO_PLACE: u32 = u32::MAX;

/// What kinds of memory the pages that arrived were in, or are in now. Unit: base pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Of the system.
    pub system: u64,
    /// Of devices, where CPUs cannot reach it.
    pub device_private: u64,
    /// Of devices, where CPUs can.
    pub device_coherent: u64,
    /// The node of all the system's; [`NO_PLACE`] where there are none, or several nodes'.
    pub node: u32,
    /// The number of the device of all the devices'; [`NO_PLACE`] where there are none, or several
    /// devices'.
    pub device: u32,
}

impl Memory {
    /// No pages.
    pub const NONE: Self = Self {
        system: 0,
        device_private: 0,
        device_coherent: 0,
        node: NO_PLACE,
        device: NO_PLACE,
    };

    /// All of them.
    pub const fn pages(&self) -> u64 {
        self.system + self.on_devices()
    }

    /// Those on devices.
    pub const fn on_devices(&self) -> u64 {
        self.device_private + self.device_coherent
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::NONE
    }
}

/// A task's name, as the kernel has it: bytes, filled up with zeroes.
pub type Comm = [u8; 16];

/// One migration as the driver saw it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// CLOCK_BOOTTIME right before setup.
    pub time_ns: u64,
    /// First address of the range; 0 for an eviction by page frames, which has none.
    pub address: u64,
    /// First address of the mapping that the range is in, and the first behind it; 0 for an
    /// eviction by page frames.
    pub mapping_start: u64,
    /// See `mapping_start`.
    pub mapping_end: u64,
    /// Process that the memory belongs to (the kernel's tgid, of the initial pid namespace); 0 for
    /// an eviction by page frames, which may be anybody's.
    pub owner: u32,
    /// 1 where the calling thread is none of the owner's. Else 0.
    pub worker: u32,
    /// Name of the owner.
    pub comm: Comm,
    /// Name of the calling thread, where it is none of the owner's. Else empty.
    pub worker_comm: Comm,
    /// Process that called (its tgid).
    pub pid: u32,
    /// Thread that called (the kernel's pid).
    pub tid: u32,
    /// One of [`direction`].
    pub direction: u32,
    /// One of [`cause`].
    pub cause: u32,
    /// One of [`outcome`].
    pub outcome: u32,
    /// Why setup refused, positive; else 0.
    pub errno: u32,
    /// 1 where the driver's own counts do not add up: a bug of the driver, nothing here is to be
    /// trusted. Else 0.
    pub unbalanced: u32,
    /// Number of the device.
    pub device: u32,
    /// Pages on which [`Migrate::pin`] got a pin.
    pub pinned: u64,
    /// Pages whose folio [`Migrate::lock`] locked.
    pub locked: u64,
    /// Base pages of the folios on which [`Migrate::reference`] took a reference.
    pub referenced: u64,
    /// Collected base pages for which no destination could be had, by [`Migrate::fail`], by
    /// [`Migrate::allocations`] or because memory was full: part of the ledger's declined.
    pub failed: u64,
    /// Base pages that were moved or populated as whole large folios; the rest went page by page.
    pub whole: u64,
    /// Base pages of large folios (and holes) that were given base pages, for the kernel to split.
    pub split: u64,
    /// Evictions made in the middle of this migration; each has a truth of its own, in the log.
    pub evictions: u64,
    /// How long the driver waited until the copy engine was done, nanoseconds.
    pub engine_ns: u64,
    /// How long mirrors of the address space took to invalidate the range, while setup waited for
    /// them; nanoseconds.
    pub invalidate_ns: u64,
    /// How long the driver waited for fences, nanoseconds; for that of the copy engine, too.
    pub fence_ns: u64,
    /// How long it waited for a mutex between the kernel's calls, nanoseconds.
    pub mutex_ns: u64,
    /// Where the pages went.
    pub ledger: Ledger,
    /// Where those that moved were.
    pub from: Memory,
    /// Where those that moved or were populated are.
    pub to: Memory,
    /// How long it took.
    pub steps: Steps,
}

/// Positions of a range at which a fault is injected: indices from 0. A large folio (or hole) that
/// is taken as one entry is one thing: its position is its first page's, divided by the pages in a
/// large folio.
///
/// Both ways can be used at once. All zeroes: nowhere.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strike {
    /// Every n-th position: `n - 1`, `2n - 1`, `3n - 1` ...; 0 means none.
    pub every: u32,
    /// This many positions in a million, chosen by [`Migrate::seed`], the kind of fault and the
    /// position alone: the same call strikes the same positions. More than a million is `EINVAL`.
    pub per_million: u32,
}

/// Argument of [`TO_DEVICE`] and [`TO_SYSTEM`]: one range, migrated with exactly one sequence of
/// kernel calls.
///
/// Refused before the kernel is asked: `EINVAL` for an address that is not a multiple of the page
/// size, no pages, more than [`MAX_PAGES`], an overflowing range, unknown flags, [`flags::SPLIT`]
/// without [`flags::COMPOUND`], [`flags::DEVICE_TOO`] to the system, or a delay over
/// [`MAX_DELAY_NS`]; `EFAULT` where nothing is mapped; `EPERM` for a file of another address space.
/// What `migrate_vma_setup` refuses (a range that leaves its VMA, a VMA that is not ordinary
/// memory) is no error: the ioctl succeeds and the truth says [`outcome::REJECTED`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrate {
    /// First address, a multiple of the page size.
    pub address: u64,
    /// Length in base pages.
    pub pages: u64,
    /// Bits of [`flags`].
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Chooses the positions of [`Strike::per_million`].
    pub seed: u64,
    /// Hold these pages before setup, until after finalize, so that the kernel skips them. Always
    /// by base-page position. To the device: a long-term pin, where a writable system page is
    /// mapped. To the system: two references on the device page, where this file brought one there
    /// (device pages cannot be pinned; the kernel puts up with one reference). Positions with no
    /// such page are left alone; [`Truth::pinned`] counts what was held.
    pub pin: Strike,
    /// Lock the folios of these pages before setup, until after finalize, as another thread would
    /// that is using them: the kernel does not collect what it cannot lock. By base-page position,
    /// and for pages as with [`Migrate::pin`]; a folio that is locked already is left alone.
    pub lock: Strike,
    /// Give these no destination, although they were collected. Pages of a folio that is being
    /// split are declined one by one, except that its first page and all of a hole stand for the
    /// whole entry.
    pub decline: Strike,
    /// Let the allocation of a destination fail for these. Where a large destination fails, the
    /// entry is split instead (and each page of it may fail), unless it cannot be.
    pub fail: Strike,
    /// Take a reference between setup and pages on the folios collected at these positions, unless
    /// they have no destination: they are copied, and cannot move.
    pub reference: Strike,
    /// Destinations that may be allocated, in base pages: then memory is out, in the middle of the
    /// call. 0 means as many as there are.
    pub allocations: u64,
    /// Time to spend between setup and pages (or finalize, when rolled back), besides the copying.
    pub alloc_and_copy_delay_ns: u64,
    /// Time to spend between pages and finalize.
    pub finalize_and_map_delay_ns: u64,
    /// Out: what happened.
    pub truth: Truth,
}

/// How [`EVICT`] goes about it.
pub mod evict {
    /// Those pages of the range that are in use, by `migrate_device_pfns`.
    pub const PFNS: u32 = 1;
    /// The whole range, by `migrate_device_range`; pages that are not in use are skipped.
    pub const RANGE: u32 = 2;
}

/// Argument of [`EVICT`]: pages of the device's memory that are to go home, whoever's they are,
/// with one sequence of calls.
///
/// `EINVAL` for an unknown way, no pages, a range that is not within the device's memory, and one
/// that does not begin and end at multiples of the pages in a large folio, or where the memory ends
/// (it could cut one in two).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evict {
    /// First page, from the start of the device's memory.
    pub first: u64,
    /// How many.
    pub pages: u64,
    /// One of [`evict`].
    pub how: u32,
    /// 0.
    pub reserved: u32,
    /// Out: what happened.
    pub truth: Truth,
}

/// Pages that an eviction in the middle of a migration takes at least, if there are as many.
pub const EVICTED_AT_ONCE: u64 = 64;

/// Argument of [`CONFIGURE`]: how the device behaves from now on. All zeroes is how it begins.
///
/// `EINVAL` for flags that are unknown or contradict each other, a time over [`MAX_DELAY_NS`], and
/// fault pages that are no power of two or more than a large folio has.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Pages of device memory that may be in use; 0 means all. What is in use already stays. A
    /// large folio comes out of the same number.
    pub capacity: u64,
    /// What the copy engine takes for each migration that copies or clears anything, nanoseconds.
    pub engine_setup_ns: u64,
    /// What the copy engine does beyond that, MB/s (bytes in a microsecond); 0 means that copies
    /// take the time that the CPU needs. There is one engine, which does one migration's copies
    /// after the other's.
    pub engine_bandwidth: u64,
    /// Pages that a CPU fault brings home, aligned to their number; 0 and 1: only the page itself.
    /// A large folio comes home whole in any case.
    pub fault_pages: u64,
    /// How long the device's mirror of an address space takes to invalidate a range that is to be
    /// migrated, nanoseconds. With 0 there is none. An open file's address space is mirrored from
    /// the first migration that is asked for while it is not 0, until the file is closed.
    pub invalidate_ns: u64,
    /// Bits of [`configuration`].
    pub flags: u64,
    /// Of the pages that a CPU fault could bring home besides the one that was touched, every n-th
    /// is collected and left alone, as xe does with pages that it has retired; 0 means none.
    pub retired_every: u64,
    /// Time that a CPU fault spends between setup and pages, besides the copying, nanoseconds: with
    /// the mutex held where it takes one.
    pub fault_ns: u64,
    /// After how long a fence is signalled that a call waits for, nanoseconds.
    pub fence_ns: u64,
    /// How long another thread has the mutex that a call waits for, nanoseconds.
    pub mutex_ns: u64,
}

/// Answer of [`TOTALS`] (of a device, since the module was loaded) and [`FILE_TOTALS`] (of an open
/// file: the migrations made through it, plays among them, those that its evictions caused, and CPU
/// faults on pages which it brought to the device while it is open).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// By direction and cause, in the order of [`Totals::index`].
    pub by_kind: [Total; Totals::KINDS],
    /// Truths of the device's that were lost because nobody read the log in time.
    pub log_lost: u64,
    /// Truths that did not balance.
    pub unbalanced: u64,
}

/// Sums over the migrations of one direction and cause.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub migrations: u64,
    /// Sum of their ledgers.
    pub ledger: Ledger,
}

impl Totals {
    /// Directions times causes.
    pub const KINDS: usize = direction::COUNT * cause::COUNT;

    /// Where in [`Totals::by_kind`] a direction and a cause are counted.
    pub const fn index(direction: u32, cause: u32) -> usize {
        direction as usize * cause::COUNT + cause as usize
    }

    /// What is counted at a place in [`Totals::by_kind`]: direction and cause.
    pub const fn kind(index: usize) -> (u32, u32) {
        ((index / cause::COUNT) as u32, (index % cause::COUNT) as u32)
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            by_kind: [Total::default(); Self::KINDS],
            log_lost: 0,
            unbalanced: 0,
        }
    }
}

/// Answer of [`INFO`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Pages of device memory.
    pub device_pages: u64,
    /// Those in use.
    pub device_pages_used: u64,
    /// Bytes in a base page.
    pub page_bytes: u64,
    /// Base pages in a large folio; 1 where this kernel does not migrate them whole, and on the
    /// coherent device.
    pub compound_pages: u64,
    /// Number of the device.
    pub device: u64,
}

const NR_TO_DEVICE: u32 = 1;
const NR_TO_SYSTEM: u32 = 2;
const NR_EVICT: u32 = 3;
const NR_TOTALS: u32 = 4;
const NR_INFO: u32 = 5;
const NR_FILE_TOTALS: u32 = 6;
const NR_CONFIGURE: u32 = 7;
const NR_PLAY: u32 = 8;
const NR_TAKE_WAITS: u32 = 9;
const NR_WAIT_TOTALS: u32 = 10;
const NR_MAP: u32 = 11;
const NR_EXCLUSIVE: u32 = 12;

/// Migrates a range of the caller's memory to the device. Argument: [`Migrate`].
pub const TO_DEVICE: u32 = number(WRITE | READ, NR_TO_DEVICE, size_of::<Migrate>());
/// Migrates a range of the caller's memory to system memory. Argument: [`Migrate`].
pub const TO_SYSTEM: u32 = number(WRITE | READ, NR_TO_SYSTEM, size_of::<Migrate>());
/// Clears a part of device memory. Argument: [`Evict`].
pub const EVICT: u32 = number(WRITE | READ, NR_EVICT, size_of::<Evict>());
/// What the driver did on this device since it was loaded. Argument: [`Totals`], written.
pub const TOTALS: u32 = number(READ, NR_TOTALS, size_of::<Totals>());
/// What the driver did for this file since it was opened. Argument: [`Totals`], written.
pub const FILE_TOTALS: u32 = number(READ, NR_FILE_TOTALS, size_of::<Totals>());
/// What the device is. Argument: [`Info`], written.
pub const INFO: u32 = number(READ, NR_INFO, size_of::<Info>());
/// Sets how the device behaves. Argument: [`Configuration`], read.
pub const CONFIGURE: u32 = number(WRITE, NR_CONFIGURE, size_of::<Configuration>());

/// Treats a range of the caller's memory as a real driver would. Argument: [`Play`].
pub const PLAY: u32 = number(WRITE | READ, NR_PLAY, size_of::<Play>());

/// Takes calls in which somebody may have waited out of the device's log. Argument: [`TakeWaits`].
pub const TAKE_WAITS: u32 = number(WRITE | READ, NR_TAKE_WAITS, size_of::<TakeWaits>());
/// All of them on this device since it was loaded. Argument: [`WaitTotals`], written.
pub const WAIT_TOTALS: u32 = number(READ, NR_WAIT_TOTALS, size_of::<WaitTotals>());
/// Has the device map a range of the caller's memory. Argument: [`Map`].
pub const MAP: u32 = number(WRITE | READ, NR_MAP, size_of::<Map>());
/// Has the device get pages of the caller's memory for itself. Argument: [`Exclusive`].
pub const EXCLUSIVE: u32 = number(WRITE | READ, NR_EXCLUSIVE, size_of::<Exclusive>());

const WRITE: u32 = 1;
const READ: u32 = 2;

/// An ioctl number in the layout of `include/uapi/asm-generic/ioctl.h`.
const fn number(direction: u32, number: u32, size: usize) -> u32 {
    assert!(size < 1 << 14);
    (direction << 30) | ((size as u32) << 16) | ((b'm' as u32) << 8) | number
}

const _: () = assert!(size_of::<Truth>() == 384);
const _: () = assert!(size_of::<Migrate>() == 480);
const _: () = assert!(size_of::<Evict>() == 408);
const _: () = assert!(size_of::<Play>() == 160);
const _: () = assert!(Totals::index(0, 0) == 0);
const _: () =
    assert!(Totals::index(direction::SYSTEM_TO_SYSTEM, cause::DRIVER) == Totals::KINDS - 1);
