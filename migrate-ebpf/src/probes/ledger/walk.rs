//! Counts a call with large folios: walks `src` and `dst` after setup, before pages and after
//! pages.
//!
//! The arrays are as long as the driver likes, so they are walked in chunks by `bpf_loop` (Linux
//! 5.17): one chunk is copied to scratch memory, and its entries are counted by a bounded loop.
//!
//! Everything that a walk counts lives in scratch memory, too. The verifier follows the values of
//! registers and of the stack through every path of every iteration, and inside a callback it
//! merges two paths only where they are equal: a counter on the stack makes it give up after a
//! million instructions. What is loaded from a map is unknown to it from the start, and so always
//! equal.

use core::ffi::c_void;

use aya_ebpf::{macros::map, maps::PerCpuArray};
use migrate_ebpf::wire::UNKNOWN;

use super::{
    super::{
        folio::{folio_pages, is_free, pages_at, pages_behind},
        kernel::{COMPOUND, MIGRATE, VALID, read_entries},
    },
    Chunk, each_chunk,
};
use crate::in_flight::{Arrays, Call, Kinds};

/// Entries copied at once. The verifier follows each of them: with more, loading takes longer than
/// walking gains.
const CHUNK: usize = 16;

/// One walk: what it reads, how far it has come, what it counted.
#[repr(C)]
struct Walk {
    arrays: Arrays,
    /// Base pages that this walk is about (collected, attempted, arrived).
    taken: Kinds,
    /// Base pages that are not (skipped, declined).
    left: u64,
    /// Of those: nobody uses them.
    free: u64,
    /// The number of the first page of an eviction's range.
    first_frame: u64,
    /// The entries are those of an eviction.
    device: u64,
    unreadable: u64,
    tails: Tails,
    src: [u64; CHUNK],
    dst: [u64; CHUNK],
}

/// Where a walk is made. A program can be preempted in the middle by another on the same CPU, but
/// never by itself (the kernel skips it and says so), so each has a walk of its own.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(in super::super) enum Stop {
    VmaCollected,
    VmaAttempted,
    VmaArrived,
    RangeCollected,
    PfnsCollected,
    DeviceAttempted,
    DeviceArrived,
    Unmapping,
}

#[map]
static WALKS: PerCpuArray<Walk> = PerCpuArray::with_max_entries(Stop::Unmapping as u32 + 1, 0);

/// When the kernel begins to unmap: what was collected until then, in base pages.
#[inline(always)]
pub(in super::super) fn count_before_unmap(call: &mut Call) {
    let arrays = call.setup;
    if let Some(walk) = Walk::over(call, arrays, Stop::Unmapping) {
        call.before_unmap = add_known(call.before_unmap, walk.taken.sum());
    }
}

/// Several setups can make one eviction. What the first counts begins at unknown.
#[inline(always)]
fn add_known(sum: u64, more: u64) -> u64 {
    if sum == UNKNOWN { more } else { sum + more }
}

/// After setup: what was collected, and what was skipped.
#[inline(always)]
pub(in super::super) fn count_collected(call: &mut Call, stop: Stop) {
    let arrays = call.setup;
    let Some(walk) = Walk::over(call, arrays, stop) else {
        return;
    };
    // Entries past those that setup filled were never reached.
    let unreached = call.setup_requested.saturating_sub(arrays.entries);
    call.collected.pages += walk.taken.pages;
    call.collected.holes += walk.taken.holes;
    call.record.ledger.skipped += walk.left + unreached;
    note_free(call, walk);
}

/// How many of the skipped pages nobody used: of an eviction only, where a page can be found by its
/// number.
#[inline(always)]
fn note_free(call: &mut Call, walk: &Walk) {
    let free = &mut call.record.apart.free;
    if *free == UNKNOWN || walk.device == 0 || walk.left == 0 {
        return;
    }
    *free = if walk.first_frame != UNKNOWN && pages_at() != 0 {
        *free + walk.free
    } else {
        UNKNOWN
    };
}

/// Before pages: for what the driver gave a destination. The rest of what was collected it
/// declined.
#[inline(always)]
pub(in super::super) fn count_attempted(call: &mut Call, stop: Stop) {
    let arrays = call.arrays;
    let Some(walk) = Walk::over(call, arrays, stop) else {
        return;
    };
    call.attempted = walk.taken;
    // More than were collected wrap here, and show as an unbalanced ledger.
    let declined = Kinds {
        pages: call.collected.pages.wrapping_sub(walk.taken.pages),
        holes: call.collected.holes.wrapping_sub(walk.taken.holes),
    };
    call.record.ledger.declined = declined.pages.wrapping_add(declined.holes);
    call.record.apart.declined_holes = declined.holes;
}

/// After pages: what arrived. What was attempted and did not arrive was wasted.
#[inline(always)]
pub(in super::super) fn count_arrived(call: &mut Call, stop: Stop) {
    let arrays = call.arrays;
    let Some(walk) = Walk::over(call, arrays, stop) else {
        return;
    };
    let ledger = &mut call.record.ledger;
    ledger.moved = walk.taken.pages;
    ledger.populated = walk.taken.holes;
    // More arrivals than attempts wrap here, and show as an unbalanced ledger.
    ledger.wasted_copy = call.attempted.pages.wrapping_sub(walk.taken.pages);
    ledger.wasted_fill = call.attempted.holes.wrapping_sub(walk.taken.holes);
}

impl Stop {
    /// How the entries are counted here. Constant in each program.
    #[inline(always)]
    fn chunk(self) -> Chunk {
        match self {
            Self::VmaCollected => vma_collected,
            Self::VmaAttempted => vma_attempted,
            Self::VmaArrived => vma_arrived,
            Self::RangeCollected => range_collected,
            Self::PfnsCollected => pfns_collected,
            Self::DeviceAttempted => device_attempted,
            Self::DeviceArrived => device_arrived,
            Self::Unmapping => unmapping,
        }
    }
}

impl Walk {
    /// Walks the arrays of a call. Marks its record where they could not be read to the end.
    #[inline(always)]
    fn over(call: &mut Call, arrays: Arrays, stop: Stop) -> Option<&'static mut Self> {
        let walk = Self::scratch(stop)?;
        walk.arrays = arrays;
        walk.taken = Kinds::NONE;
        (walk.left, walk.free) = (0, 0);
        walk.first_frame = call.first_frame;
        walk.device = u64::from(call.migrate_vma().is_none());
        walk.unreadable = 0;
        walk.tails.start(0, 0);
        if !each_chunk(arrays.entries, CHUNK, stop.chunk()) {
            walk.unreadable = 1;
        }
        call.unreadable(walk.unreadable);
        Some(walk)
    }

    #[inline(always)]
    fn scratch(stop: Stop) -> Option<&'static mut Self> {
        // SAFETY: this CPU's value, used by one program only (see `Stop`), which does not migrate.
        WALKS
            .get_ptr_mut(stop as u32)
            .map(|walk| unsafe { &mut *walk })
    }

    /// Copies chunk `index` of the arrays; returns how many entries it has, or nothing if it cannot
    /// be read.
    #[inline(always)]
    fn read(&mut self, index: u64, with_dst: bool) -> Option<u32> {
        let first = index * CHUNK as u64;
        let count = self.arrays.entries.saturating_sub(first).min(CHUNK as u64) as u32;
        let src = self.arrays.src.wrapping_add(first * 8);
        let dst = self.arrays.dst.wrapping_add(first * 8);
        // SAFETY: both arrays have room for `CHUNK` words, and `count` is at most that.
        let readable = unsafe {
            read_entries(self.src.as_mut_ptr(), src, count)
                && (!with_dst || read_entries(self.dst.as_mut_ptr(), dst, count))
        };
        if readable {
            return Some(count);
        }
        self.unreadable = 1;
        None
    }

    /// Counts `pages` base pages behind an entry with this `VALID` bit.
    #[inline(always)]
    fn take(&mut self, valid: u64, pages: u64) {
        if valid != 0 {
            self.taken.pages += pages;
        } else {
            self.taken.holes += pages;
        }
    }

    /// After setup: every entry with `MIGRATE` was collected; the others are skipped, but for the
    /// tails of a compound entry, which are collected with it. (An eviction leaves `COMPOUND` alone
    /// where it found a large folio that it did not get: one that is locked, or one that was freed
    /// and still has its order.)
    #[inline(always)]
    fn collected(&mut self, src: u64, index: u64) {
        if src & MIGRATE != 0 {
            let pages = pages_behind(src);
            self.take(src & VALID, pages);
            if src & COMPOUND != 0 {
                self.tails.start(pages - 1, src & VALID);
            }
        } else if src & COMPOUND != 0 && self.first_frame != UNKNOWN && pages_at() != 0 {
            // The entry tells no frame, but the range does. Where that or the folio cannot be
            // looked at, each of its entries is skipped like any other: whether they are free is
            // not known either.
            let pages = folio_pages(self.first_frame + index);
            self.leave(pages, index);
            self.tails.start(pages - 1, 0);
        } else if !self.tails.next() {
            self.leave(1, index);
        }
    }

    /// Counts `pages` base pages from entry `index` on that were not collected, and as free if
    /// nobody uses the first: the others of a folio have no count of their own.
    #[inline(always)]
    fn leave(&mut self, pages: u64, index: u64) {
        self.left += pages;
        if pages_at() != 0 && self.first_frame != UNKNOWN && is_free(self.first_frame + index) {
            self.free += pages;
        }
    }

    /// Before pages: a collected page is attempted when its `dst` is valid. A compound `src` with a
    /// base-page `dst` will be split, and each of its pages has a `dst` of its own.
    #[inline(always)]
    fn attempted(&mut self, src: u64, dst: u64) {
        let mut valid = src & VALID;
        if src & MIGRATE == 0 {
            if !self.tails.next() {
                return;
            }
            valid = self.tails.valid();
        } else if src & COMPOUND != 0 {
            let pages = pages_behind(src);
            // An eviction is never split: a base page for a large folio is a copy of all of it in
            // vain.
            let whole = if self.device != 0 {
                VALID
            } else {
                VALID | COMPOUND
            };
            if dst & whole == whole {
                self.tails.start(0, 0);
                self.take(valid, pages);
                return;
            }
            self.tails.start(pages - 1, valid);
        }
        if dst & VALID != 0 {
            self.take(valid, 1);
        }
    }

    /// After pages: what still has `MIGRATE`, and has a destination, arrived. The kernel has
    /// cleared `COMPOUND` where it split.
    #[inline(always)]
    fn arrived(&mut self, src: u64, dst: u64) {
        if src & MIGRATE != 0 && dst & VALID != 0 {
            self.take(src & VALID, pages_behind(src));
        }
    }
}

/// What is still to come of a compound entry: its tails follow with `src == 0`.
///
/// Volatile, so that the compiler does not keep it in a register, for the reason given on top.
#[repr(C)]
struct Tails {
    left: u64,
    /// The `VALID` bit of the compound entry.
    valid: u64,
}

impl Tails {
    #[inline(always)]
    fn start(&mut self, count: u64, valid: u64) {
        // SAFETY: valid, aligned fields.
        unsafe {
            core::ptr::write_volatile(&raw mut self.left, count);
            core::ptr::write_volatile(&raw mut self.valid, valid);
        }
    }

    /// Is this entry, whose `src` is 0, a tail? Counts it off if so.
    #[inline(always)]
    fn next(&mut self) -> bool {
        // SAFETY: a valid, aligned field.
        let left = unsafe { core::ptr::read_volatile(&raw const self.left) };
        if left == 0 {
            return false;
        }
        // SAFETY: as above.
        unsafe { core::ptr::write_volatile(&raw mut self.left, left - 1) };
        true
    }

    #[inline(always)]
    fn valid(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.valid) }
    }
}

/// Defines the callback of one walk: copies a chunk and counts its entries.
macro_rules! chunk {
    ($name:ident, $stop:expr, |$walk:ident, $src:ident, $dst:ident, $index:ident| $count:expr, dst: $with_dst:literal) => {
        /// # Safety
        ///
        /// Called by `bpf_loop`, from the program that the walk belongs to.
        unsafe extern "C" fn $name(index: u64, _context: *mut c_void) -> i64 {
            let Some($walk) = Walk::scratch($stop) else {
                return 1;
            };
            let Some(count) = $walk.read(index, $with_dst) else {
                return 1;
            };
            for entry in 0..CHUNK {
                if entry as u32 >= count {
                    break;
                }
                let ($src, $dst) = ($walk.src[entry], $walk.dst[entry]);
                let $index = index * CHUNK as u64 + entry as u64;
                $count;
            }
            0
        }
    };
}

chunk!(vma_collected, Stop::VmaCollected, |walk, src, _dst, index| walk.collected(src, index), dst: false);
chunk!(range_collected, Stop::RangeCollected, |walk, src, _dst, index| walk.collected(src, index), dst: false);
chunk!(pfns_collected, Stop::PfnsCollected, |walk, src, _dst, index| walk.collected(src, index), dst: false);
chunk!(unmapping, Stop::Unmapping, |walk, src, _dst, index| walk.collected(src, index), dst: false);
chunk!(vma_attempted, Stop::VmaAttempted, |walk, src, dst, _index| walk.attempted(src, dst), dst: true);
chunk!(device_attempted, Stop::DeviceAttempted, |walk, src, dst, _index| walk.attempted(src, dst), dst: true);
chunk!(vma_arrived, Stop::VmaArrived, |walk, src, dst, _index| walk.arrived(src, dst), dst: true);
chunk!(device_arrived, Stop::DeviceArrived, |walk, src, dst, _index| walk.arrived(src, dst), dst: true);
