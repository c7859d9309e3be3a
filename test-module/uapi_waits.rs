// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Calls in which somebody may wait, one by one and added up: a part of `uapi.rs`.

use super::UNKNOWN;

/// Values of [`Wait::what`].
pub mod wait {
    /// A call of `migrate_to_ram`: a CPU, or the kernel, touched a page on the device.
    pub const FAULT: u32 = 1;
    /// A touch of memory. The driver knows nothing of it: the workload measures its own.
    pub const TOUCH: u32 = 2;
    /// A call of `hmm_range_fault`.
    pub const RANGE_FAULT: u32 = 3;
    /// A call of `mmu_interval_read_begin`, which waits while the range is changed.
    pub const READ_BEGIN: u32 = 4;
    /// A call of `make_device_exclusive`, for one page.
    pub const EXCLUSIVE: u32 = 5;
    /// The kernel tells a mirror of the address space that memory changes, and waits for it. Not
    /// for a migration, whose setup waits.
    pub const INVALIDATION: u32 = 6;
    /// How many there are, and one more.
    pub const COUNT: usize = 7;
}

/// Values of [`Wait::result`].
pub mod wait_result {
    /// It did what it was called for: pages moved, a range could be used, a page is exclusive.
    pub const DONE: u32 = 1;
    /// A fault that moved nothing. It is not known why, and will be tried again.
    pub const NOTHING: u32 = 2;
    /// It failed: with [`Wait::errno`](super::Wait::errno).
    pub const FAILED: u32 = 3;
    /// A range fault during which the range changed: `EBUSY`. It is called anew.
    pub const BUSY: u32 = 4;
    /// A range fault after which the range changed, before what it found could be used:
    /// `mmu_interval_read_retry`. It is called anew.
    pub const RETRY: u32 = 5;
    /// What is invalidated is unmapped, or moved.
    pub const UNMAPPED: u32 = 6;
    /// It is given back, or gets other pages.
    pub const CLEARED: u32 = 7;
    /// It gets other rights.
    pub const PROTECTED: u32 = 8;
    /// Pages of it get other rights.
    pub const PAGE_PROTECTED: u32 = 9;
    /// It is invalidated for another reason.
    pub const CHANGED: u32 = 10;
    /// How many there are, and one more.
    pub const COUNT: usize = 11;
}

/// One call in which a thread may have waited. Times are of the kernel's CLOCK_BOOTTIME.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// One of [`wait`].
    pub what: u32,
    /// One of [`wait_result`].
    pub result: u32,
    /// Why it failed, positive; else 0.
    pub errno: u32,
    /// Number of the device.
    pub device: u32,
    /// Process that the memory belongs to; 0: unknown.
    pub owner: u32,
    /// Process that called.
    pub pid: u32,
    /// Thread that called, and waited.
    pub tid: u32,
    /// A fault that takes a mutex: the thread that had it when this one began to wait. 0: none had,
    /// or it was just about to change hands.
    pub holder: u32,
    /// The address, of a range the first one.
    pub address: u64,
    /// Base pages: of a fault, those that came home; else those of the range.
    pub pages: u64,
    /// When it was called.
    pub began_ns: u64,
    /// How long it took until it returned.
    pub total_ns: u64,
    /// A fault that takes a mutex: how long it waited for that. Else [`UNKNOWN`].
    pub lock_wait_ns: u64,
    /// When it had it. [`UNKNOWN`] where it takes none, or did not get it.
    pub locked_ns: u64,
    /// A fault: when it called `migrate_vma_setup`. [`UNKNOWN`] where it did not.
    pub setup_ns: u64,
}

/// Sums over the calls of one kind and result.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitTotal {
    /// How many.
    pub calls: u64,
    /// Their pages.
    pub pages: u64,
    /// Sum of [`Wait::total_ns`].
    pub total_ns: u64,
    /// Sum of [`Wait::lock_wait_ns`], where it is known.
    pub lock_wait_ns: u64,
}

/// Answer of [`WAIT_TOTALS`](super::WAIT_TOTALS): of a device, since the module was loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTotals {
    /// By kind and result, in the order of [`WaitTotals::index`].
    pub by_kind: [WaitTotal; WaitTotals::KINDS],
    /// Calls that fell out of the log because nobody took them in time.
    pub lost: u64,
}

impl WaitTotals {
    /// Kinds times results.
    pub const KINDS: usize = wait::COUNT * wait_result::COUNT;

    /// Where in [`WaitTotals::by_kind`] a kind and a result are counted.
    pub const fn index(what: u32, result: u32) -> usize {
        what as usize * wait_result::COUNT + result as usize
    }

    /// What is counted at a place in [`WaitTotals::by_kind`]: kind and result.
    pub const fn kind(index: usize) -> (u32, u32) {
        (
            (index / wait_result::COUNT) as u32,
            (index % wait_result::COUNT) as u32,
        )
    }

    /// Counts one.
    pub fn count(&mut self, wait: &Wait) {
        let total = &mut self.by_kind[Self::index(wait.what, wait.result)];
        total.calls += 1;
        total.pages += wait.pages;
        total.total_ns += wait.total_ns;
        if wait.lock_wait_ns != UNKNOWN {
            total.lock_wait_ns += wait.lock_wait_ns;
        }
    }
}

impl Default for WaitTotals {
    fn default() -> Self {
        Self {
            by_kind: [WaitTotal::default(); Self::KINDS],
            lost: 0,
        }
    }
}

/// Argument of [`TAKE_WAITS`](super::TAKE_WAITS): takes calls out of the device's log, the oldest
/// first. It never waits.
///
/// `EFAULT` where they cannot be written; the one that could not is lost, and counted so.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakeWaits {
    /// Address of an array of [`Wait`]s.
    pub to: u64,
    /// How many it has room for.
    pub room: u64,
    /// Out: how many were taken.
    pub taken: u64,
}

/// Argument of [`MAP`](super::MAP): the device maps a range of the caller's memory in its own page
/// table, where its pages are, as `Documentation/mm/hmm.rst` says: an interval notifier, and
/// `hmm_range_fault` until nothing has changed meanwhile. Pages that are on this device stay there,
/// those of another device come home, and holes get pages.
///
/// `EINVAL` for an address that is not a multiple of the page size, no pages, more than
/// [`MAX_PAGES`](super::MAX_PAGES), an overflowing range, something in the reserved field, or a
/// delay over [`MAX_DELAY_NS`](super::MAX_DELAY_NS); `EPERM` for a file of another address space;
/// `EBUSY` where the range changed in every attempt; `EINTR` for a signal; `EFAULT` where nothing
/// is mapped.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// First address, a multiple of the page size.
    pub address: u64,
    /// Length in base pages.
    pub pages: u64,
    /// Attempts at most; 0: 10,000.
    pub attempts: u32,
    /// 0.
    pub reserved: u32,
    /// Time that the driver spends, busy, between `hmm_range_fault` and its own lock, in which the
    /// range may change; nanoseconds.
    pub delay_ns: u64,
    /// Out: calls of `hmm_range_fault`.
    pub range_faults: u64,
    /// Out, of these: those that said `EBUSY`.
    pub busy: u64,
    /// Out, of these: those after which `mmu_interval_read_retry` said that the range had changed.
    pub retries: u64,
    /// Out: how long they took.
    pub range_fault_ns: u64,
    /// Out: how long the calls of `mmu_interval_read_begin` took, one for each.
    pub read_begin_ns: u64,
    /// Out: pages that the device could reach in the end.
    pub mapped: u64,
}

/// Argument of [`EXCLUSIVE`](super::EXCLUSIVE): the device gets pages of the caller's memory for
/// itself, one by one, until a CPU touches them: `make_device_exclusive`. Pages that are on a
/// device come home for it, and holes get pages.
///
/// Pages of which the kernel does not allow it (those of files, those that may not be written to,
/// holes in the address space) are no error, and counted. `EINVAL`, `EPERM` and `EINTR` as for
/// [`Map`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exclusive {
    /// First address, a multiple of the page size.
    pub address: u64,
    /// Length in base pages.
    pub pages: u64,
    /// Out: pages that the device has for itself.
    pub made: u64,
    /// Out: those of which the kernel did not allow it.
    pub refused: u64,
    /// Out: how long the calls took, nanoseconds.
    pub total_ns: u64,
}

const _: () = assert!(size_of::<Wait>() == 88);
const _: () = assert!(size_of::<Map>() == 80);
