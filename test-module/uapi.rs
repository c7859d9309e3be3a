// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! What crosses between `/dev/migrate_test` and its users. The driver and the workload compile this same file.
//!
//! `read()` on the device takes whole [`Truth`]s out of the log of migrations that no ioctl returns (those made
//! by CPU faults): as many as there are and as fit into the buffer, 0 bytes when the log is empty. It never
//! waits. A buffer smaller than one `Truth` is `EINVAL`.
//!
//! Every number is in the machine's byte order; there is no padding that is not spelt out.

use core::mem::size_of;

/// Folder entry of the device.
pub const DEVICE_PATH: &str = "/dev/migrate_test";

/// Most pages that one ioctl takes: 1 GiB of 4 KiB pages.
pub const MAX_PAGES: u64 = 262_144;

/// A step that did not happen.
pub const UNKNOWN: u64 = u64::MAX;

/// Bits of [`Migrate::flags`].
pub mod flags {
    /// Give pages to collected holes (zeroed). Without it, holes are declined.
    pub const POPULATE: u32 = 1 << 0;
    /// Finalize without `migrate_vma_pages`, after copying as usual: the call is rolled back.
    pub const ROLL_BACK: u32 = 1 << 1;
    /// Take large folios (2 MiB) whole, as one entry of the kernel's arrays: `MIGRATE_VMA_SELECT_COMPOUND`.
    /// Where no large destination can be had, the entry is split as with [`SPLIT`].
    pub const COMPOUND: u32 = 1 << 2;
    /// With [`COMPOUND`] only: base pages as destinations of large folios, so that the kernel splits them.
    pub const SPLIT: u32 = 1 << 3;
    /// Every bit that has a meaning. Others are `EINVAL`.
    pub const ALL: u32 = POPULATE | ROLL_BACK | COMPOUND | SPLIT;
}

/// Values of [`Truth::direction`].
pub mod direction {
    /// From system memory to the device.
    pub const TO_DEVICE: u32 = 1;
    /// From the device to system memory.
    pub const TO_SYSTEM: u32 = 2;
}

/// Values of [`Truth::trigger`].
pub mod trigger {
    /// A CPU touched a page on the device.
    pub const FAULT: u32 = 1;
    /// An ioctl asked for it.
    pub const DRIVER: u32 = 2;
    /// Device memory was cleared without a VMA.
    pub const EVICTION: u32 = 3;
}

/// Values of [`Truth::outcome`].
pub mod outcome {
    /// Setup, pages, finalize.
    pub const COMPLETED: u32 = 1;
    /// Setup, finalize.
    pub const ROLLED_BACK: u32 = 2;
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
    }

    /// Whether every page that was requested went somewhere, and only once.
    pub const fn balances(&self) -> bool {
        self.requested == self.accounted()
    }
}

/// How long each step took, nanoseconds of the kernel's CLOCK_BOOTTIME; [`UNKNOWN`] where it did not happen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The call of `migrate_vma_setup`.
    pub setup_ns: u64,
    /// From its return to the call of `migrate_vma_pages` (of `migrate_vma_finalize`, when rolled back): the driver
    /// allocates and copies.
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

/// One migration as the driver saw it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// CLOCK_BOOTTIME right before setup.
    pub time_ns: u64,
    /// First address of the range; 0 for an eviction, which has none.
    pub address: u64,
    /// Process (the kernel's tgid, of the initial pid namespace).
    pub pid: u32,
    /// Thread (the kernel's pid).
    pub tid: u32,
    /// One of [`direction`].
    pub direction: u32,
    /// One of [`trigger`].
    pub trigger: u32,
    /// One of [`outcome`].
    pub outcome: u32,
    /// Why setup refused, positive; else 0.
    pub errno: u32,
    /// 1 where the driver's own counts do not add up: a bug of the driver, nothing here is to be trusted. Else 0.
    pub unbalanced: u32,
    /// Always 0.
    pub reserved: u32,
    /// Pages on which [`Migrate::pin_every`] got a pin.
    pub pinned: u64,
    /// Base pages of the folios on which [`Migrate::reference_every`] took a reference.
    pub referenced: u64,
    /// Base pages that were moved or populated as whole large folios; the rest went page by page.
    pub whole: u64,
    /// Where the pages went.
    pub ledger: Ledger,
    /// How long it took.
    pub steps: Steps,
}

/// Argument of [`TO_DEVICE`] and [`TO_SYSTEM`]: one range, migrated with exactly one sequence of kernel calls.
///
/// Refused before the kernel is asked: `EINVAL` for an address that is not a multiple of the page size, no pages,
/// more than [`MAX_PAGES`], an overflowing range, unknown flags, [`flags::SPLIT`] without [`flags::COMPOUND`],
/// and a range that leaves its VMA; `EFAULT` where nothing is mapped. What `migrate_vma_setup` refuses is no
/// error: the ioctl succeeds and the truth says [`outcome::REJECTED`].
///
/// # Faults to inject
///
/// Positions are indices into the range, from 0. *Every n-th* means the positions `n - 1`, `2n - 1`, `3n - 1` ...;
/// 0 means none. A large folio that is taken as one entry (whole or split) is one thing: its position is its
/// first page's, divided by the pages in a large folio.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrate {
    /// First address, a multiple of the page size.
    pub address: u64,
    /// Length in base pages.
    pub pages: u64,
    /// Bits of [`flags`].
    pub flags: u32,
    /// Hold the page at every n-th position before setup, until after finalize, so that the kernel skips it.
    /// Always by base-page position. To the device: a long-term pin, where a writable system page is mapped. To
    /// the system: two references on the device page, where this file brought one there (device pages cannot be
    /// pinned; the kernel puts up with one reference). Positions with no such page are left alone;
    /// [`Truth::pinned`] counts what was held.
    pub pin_every: u32,
    /// Give no destination to what was collected at every n-th position. Pages of a folio that is being split are
    /// declined one by one, except that its first page and all of a hole stand for the whole entry.
    pub decline_every: u32,
    /// Take a reference between setup and pages on the folio collected at every n-th position, unless it is
    /// declined: it is copied, and cannot move.
    pub reference_every: u32,
    /// Out: what happened.
    pub truth: Truth,
}

/// Answer of [`TOTALS`]: everything since the module was loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By direction and trigger, in the order of [`Totals::index`].
    pub by_kind: [Total; Totals::KINDS],
    /// Truths of faults that were lost because nobody read the log in time.
    pub log_lost: u64,
    /// Truths that did not balance.
    pub unbalanced: u64,
}

/// Sums over the migrations of one direction and trigger.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub migrations: u64,
    /// Sum of their ledgers.
    pub ledger: Ledger,
}

impl Totals {
    /// Directions times triggers.
    pub const KINDS: usize = 6;

    /// Where in [`Totals::by_kind`] a direction and a trigger are counted.
    pub const fn index(direction: u32, trigger: u32) -> usize {
        (direction as usize - 1) * 3 + trigger as usize - 1
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
    /// Base pages in a large folio; 1 where this kernel does not migrate them whole.
    pub compound_pages: u64,
}

const NR_TO_DEVICE: u32 = 1;
const NR_TO_SYSTEM: u32 = 2;
const NR_EVICT: u32 = 3;
const NR_TOTALS: u32 = 4;
const NR_INFO: u32 = 5;

/// Migrates a range of the caller's memory to the device. Argument: [`Migrate`].
pub const TO_DEVICE: u32 = number(WRITE | READ, NR_TO_DEVICE, size_of::<Migrate>());
/// Migrates a range of the caller's memory to system memory. Argument: [`Migrate`].
pub const TO_SYSTEM: u32 = number(WRITE | READ, NR_TO_SYSTEM, size_of::<Migrate>());
/// Clears device memory, whoever's it is, with one sequence of calls. Argument: [`Truth`], written.
pub const EVICT: u32 = number(READ, NR_EVICT, size_of::<Truth>());
/// What the driver did since it was loaded. Argument: [`Totals`], written.
pub const TOTALS: u32 = number(READ, NR_TOTALS, size_of::<Totals>());
/// What the device is. Argument: [`Info`], written.
pub const INFO: u32 = number(READ, NR_INFO, size_of::<Info>());

const WRITE: u32 = 1;
const READ: u32 = 2;

/// An ioctl number in the layout of `include/uapi/asm-generic/ioctl.h`.
const fn number(direction: u32, number: u32, size: usize) -> u32 {
    assert!(size < 1 << 14);
    (direction << 30) | ((size as u32) << 16) | ((b'm' as u32) << 8) | number
}

const _: () = assert!(size_of::<Truth>() == 184);
const _: () = assert!(size_of::<Migrate>() == 216);
const _: () = assert!(Totals::index(direction::TO_DEVICE, trigger::FAULT) == 0);
const _: () = assert!(Totals::index(direction::TO_SYSTEM, trigger::EVICTION) == 5);
