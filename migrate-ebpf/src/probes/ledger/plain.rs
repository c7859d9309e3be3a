//! Counts a call in which each entry of the arrays is one page.
//!
//! After pages, the low bits of `src` say it all for what arrived: `MIGRATE` and `VALID`, a page moved; `MIGRATE`
//! alone, a hole got a page. When that is everything that was collected, and mostly it is, nothing was declined or wasted, and `dst`
//! need not be read. Else a second look, at both arrays, tells what was given a destination: the rest was declined, and what
//! had one and did not arrive was wasted. The kernel never writes to `dst`.

use core::ffi::c_void;

use aya_ebpf::{macros::map, maps::PerCpuArray};
use migrate_ebpf::wire::anomaly;

use super::{
    super::kernel::{COMPOUND, MIGRATE, MigrateVma, VALID, read_entries},
    Chunk, each_chunk,
};
use crate::in_flight::{Call, Kinds};

/// Entries copied at once.
const CHUNK: usize = 512;
/// Entries counted between two looks whether there are more.
const GROUP: usize = 4;

/// What is read, and what is counted, in a map for the reason given in [`super::walk`].
#[repr(C)]
struct Count {
    /// Where the arrays lie, and how many entries they have.
    src_at: u64,
    dst_at: u64,
    entries: u64,
    /// `MIGRATE` and `VALID`.
    moved: u64,
    /// `MIGRATE` alone.
    populated: u64,
    /// A destination was given.
    attempted: u64,
    /// `VALID` alone, and a destination was given.
    wasted_copy: u64,
    unreadable: u64,
    /// Every bit that was set in an entry.
    bits: u64,
    src: [u64; CHUNK + GROUP],
    dst: [u64; CHUNK + GROUP],
}

/// Used by the program after `migrate_vma_pages` only, which is never preempted by itself.
#[map]
static COUNT: PerCpuArray<Count> = PerCpuArray::with_max_entries(1, 0);

/// After setup, which has counted what it collected.
#[inline(always)]
pub(super) fn count_collected(call: &mut Call, cpages: u64) {
    // Whether they are pages or holes is seen after pages.
    call.collected = Kinds {
        pages: cpages,
        holes: 0,
    };
    // More than were requested wrap here, and show as an unbalanced ledger.
    call.record.ledger.skipped = call.record.ledger.requested.wrapping_sub(cpages);
}

/// After pages.
#[inline(always)]
pub(super) fn count_arrived(call: &mut Call, migrate: impl MigrateVma) {
    let Some(count) = Count::scratch() else {
        return;
    };
    count.src_at = call.arrays.src;
    count.entries = call.arrays.entries;
    (count.moved, count.populated, count.bits, count.unreadable) = (0, 0, 0, 0);
    count.arrived(0);
    if count.entries > CHUNK as u64 {
        walk(count, arrived_chunk);
    }
    let collected = call.collected.sum();
    let arrived = count.moved + count.populated;
    call.record.ledger.moved = count.moved;
    call.record.ledger.populated = count.populated;
    if arrived != collected {
        count.dst_at = migrate.dst();
        (count.attempted, count.wasted_copy) = (0, 0);
        walk(count, attempted_chunk);
        let wasted = count.attempted.wrapping_sub(arrived);
        let ledger = &mut call.record.ledger;
        ledger.declined = collected.wrapping_sub(count.attempted);
        ledger.wasted_copy = count.wasted_copy;
        ledger.wasted_fill = wasted.wrapping_sub(count.wasted_copy);
    }
    if count.unreadable != 0 {
        call.record.anomalies |= anomaly::UNREADABLE;
    }
    if count.bits & COMPOUND != 0 {
        // Not what it was taken for.
        call.record.anomalies |= anomaly::UNBALANCED;
    }
}

/// Walks the arrays once.
#[inline(always)]
fn walk(count: &mut Count, chunk: Chunk) {
    if !each_chunk(count.entries, CHUNK, chunk) {
        count.unreadable = 1;
    }
}

/// # Safety
///
/// Called by `bpf_loop`, from the program after pages, which has counted the first chunk by itself: most calls have no other.
unsafe extern "C" fn arrived_chunk(index: u64, _context: *mut c_void) -> i64 {
    match Count::scratch() {
        Some(count) if index > 0 => i64::from(!count.arrived(index)),
        _ => 0,
    }
}

/// # Safety
///
/// As [`arrived_chunk`], and for every chunk.
unsafe extern "C" fn attempted_chunk(index: u64, _context: *mut c_void) -> i64 {
    match Count::scratch() {
        Some(count) => i64::from(!count.attempted(index)),
        None => 1,
    }
}

const _: () = assert!(VALID == 1 && MIGRATE == 2 && CHUNK < 1 << 16);

impl Count {
    #[inline(always)]
    fn scratch() -> Option<&'static mut Self> {
        // SAFETY: this CPU's value, used by one program only.
        COUNT.get_ptr_mut(0).map(|count| unsafe { &mut *count })
    }

    /// Counts what arrived of a chunk. False if it cannot be read.
    #[inline(always)]
    fn arrived(&mut self, index: u64) -> bool {
        let Some(entries) = self.read_src(index) else {
            return false;
        };
        // A lane of 16 bits for each of the four states: no chunk has more entries than fit.
        let (mut lanes, mut bits) = (0u64, 0u64);
        for group in 0..CHUNK / GROUP {
            if (group * GROUP) as u32 >= entries {
                break;
            }
            for entry in group * GROUP..(group + 1) * GROUP {
                let src = self.src[entry];
                lanes += 1 << ((src & (MIGRATE | VALID)) << 4);
                bits |= src;
            }
        }
        self.moved += lanes >> ((MIGRATE | VALID) << 4) & 0xffff;
        self.populated += lanes >> (MIGRATE << 4) & 0xffff;
        self.bits |= bits;
        true
    }

    /// Counts what was given a destination of a chunk, and what of it was wasted. False if it cannot be read.
    #[inline(always)]
    fn attempted(&mut self, index: u64) -> bool {
        let Some(entries) = self.read_both(index) else {
            return false;
        };
        let (mut attempted, mut wasted_copy) = (0u64, 0u64);
        for group in 0..CHUNK / GROUP {
            if (group * GROUP) as u32 >= entries {
                break;
            }
            for entry in group * GROUP..(group + 1) * GROUP {
                let (src, dst) = (self.src[entry], self.dst[entry]);
                attempted += dst & VALID;
                wasted_copy += dst & src & !(src / MIGRATE) & VALID;
            }
        }
        self.attempted += attempted;
        self.wasted_copy += wasted_copy;
        true
    }

    #[inline(always)]
    fn read_src(&mut self, index: u64) -> Option<u32> {
        let (first, entries) = self.chunk(index);
        let from = self.src_at.wrapping_add(first * 8);
        let read = read(&mut self.src, from, entries);
        self.or_unreadable(read, entries)
    }

    #[inline(always)]
    fn read_both(&mut self, index: u64) -> Option<u32> {
        let (first, entries) = self.chunk(index);
        let (src, dst) = (self.src_at, self.dst_at);
        let read = read(&mut self.src, src.wrapping_add(first * 8), entries)
            && read(&mut self.dst, dst.wrapping_add(first * 8), entries);
        self.or_unreadable(read, entries)
    }

    /// The first entry of a chunk, and how many it has.
    #[inline(always)]
    fn chunk(&self, index: u64) -> (u64, u32) {
        let first = index * CHUNK as u64;
        let entries = self.entries.saturating_sub(first);
        (first, entries.min(CHUNK as u64) as u32)
    }

    #[inline(always)]
    fn or_unreadable(&mut self, read: bool, entries: u32) -> Option<u32> {
        if !read {
            self.unreadable = 1;
            return None;
        }
        Some(entries)
    }
}

/// Copies entries, and clears those behind them that are counted with the last group.
#[inline(always)]
fn read(to: &mut [u64; CHUNK + GROUP], from: u64, entries: u32) -> bool {
    if entries as usize > CHUNK {
        return false;
    }
    for behind in &mut to[entries as usize..entries as usize + GROUP] {
        *behind = 0;
    }
    // SAFETY: there is room for `CHUNK` words, and `entries` is at most that.
    unsafe { read_entries(to.as_mut_ptr(), from, entries) }
}
