//! Which memory pages came from, and which they went to: told by their frame numbers.
//!
//! What a driver asks for does not say: flags select what is collected, and not where it goes. Frame numbers do, on every machine,
//! without a look into `struct page`. Mostly all pages of a call come from one region and go to one, which the bits that their
//! numbers have in common tell; else each page is looked at.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_loop,
    macros::map,
    maps::{Array, PerCpuArray},
};
use migrate_ebpf::wire::{
    DEVICE_REGIONS, Direction, Ledger, Memory, NO_PLACE, NODE_REGIONS, Record, Region, Regions,
    SEVERAL_PLACES, Side,
};

use super::kernel::{COMPOUND, FRAME_SHIFT, MIGRATE, VALID, compound_pages, read_entries};
use crate::in_flight::Arrays;

/// User space keeps it, and so do the hooks of `regions.rs`.
#[map]
pub(super) static REGIONS: Array<Regions> = Array::with_max_entries(1, 0);

#[inline(always)]
fn regions() -> Option<&'static Regions> {
    // SAFETY: the map's value, which lives as long as the program. Others write to it, word by word.
    REGIONS.get_ptr(0).map(|regions| unsafe { &*regions })
}

/// What a set of entries has in common.
#[derive(Clone, Copy)]
pub(super) struct Common {
    /// Bits that every entry has.
    pub(super) all: u64,
    /// Bits that any has.
    pub(super) any: u64,
}

impl Common {
    /// Of no entry.
    pub(super) const NONE: Self = Self {
        all: u64::MAX,
        any: 0,
    };

    /// The one region that all of these frames are in; `None` if it is not known, or there are several.
    #[inline(always)]
    fn region(self) -> Option<Region> {
        // Every frame is within the block of numbers that begin with the bits that all have in common.
        let vary = self.all ^ self.any;
        let mask = block(vary) >> FRAME_SHIFT;
        let first = self.any >> FRAME_SHIFT & !mask;
        let last = first | mask;
        let regions = regions()?;
        for region in &regions.device[..DEVICE_REGIONS] {
            if region.end == 0 {
                break;
            }
            if first >= region.start && last < region.end {
                return Some(*region);
            }
            if first < region.end && last >= region.start {
                return None;
            }
        }
        for region in &regions.node[..NODE_REGIONS] {
            if region.end == 0 {
                break;
            }
            if first >= region.start && last < region.end {
                return Some(*region);
            }
            if first < region.end && last >= region.start {
                return None;
            }
        }
        None
    }
}

/// All bits up to the highest that is set.
#[inline(always)]
fn block(vary: u64) -> u64 {
    let mut bits = vary;
    bits |= bits >> 1;
    bits |= bits >> 2;
    bits |= bits >> 4;
    bits |= bits >> 8;
    bits |= bits >> 16;
    bits |= bits >> 32;
    bits
}

/// All pages came from one region and went to one. False if they did not, or that is not known.
#[inline(always)]
pub(super) fn note_common(record: &mut Record, from: Common, to: Common, pages: u64) -> bool {
    let (Some(from), Some(to)) = (from.region(), to.region()) else {
        return false;
    };
    set(&mut record.from, &from, pages);
    set(&mut record.to, &to, pages);
    true
}

#[inline(always)]
fn set(side: &mut Side, region: &Region, pages: u64) {
    if let Some(of) = side.pages.get_mut(region.memory as usize) {
        *of = pages as u32;
        side.place = region.place;
    }
}

/// A hook after pages. A program is never preempted by itself, so that each has a place of its own.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum After {
    Vma,
    Device,
}

/// Entries that are read at once.
const CHUNK: usize = 16;

/// One look at each page. In a map for the reason given in [`super::ledger`].
#[repr(C)]
struct Look {
    arrays: Arrays,
    from: Side,
    to: Side,
    /// The region of the last source, and of the last destination: mostly that of the next as well.
    last_from: Region,
    last_to: Region,
    src: [u64; CHUNK],
    dst: [u64; CHUNK],
}

#[map]
static LOOKS: PerCpuArray<Look> = PerCpuArray::with_max_entries(2, 0);

/// Looks at each page that arrived. `arrays` are as they are after pages.
#[inline(always)]
pub(super) fn note_each(record: &mut Record, arrays: Arrays, after: After) {
    let Some(look) = scratch(after) else {
        return;
    };
    look.arrays = arrays;
    (look.from, look.to) = (NOWHERE, NOWHERE);
    (look.last_from.end, look.last_to.end) = (0, 0);
    let chunks = arrays.entries.div_ceil(CHUNK as u64).min(1 << 23) as u32;
    let callback = match after {
        After::Vma => look_vma,
        After::Device => look_device,
    } as unsafe extern "C" fn(u64, *mut c_void) -> i64;
    // SAFETY: the callback finds what it counts by itself and uses no context.
    unsafe { bpf_loop(chunks, callback as *mut c_void, core::ptr::null_mut(), 0) };
    (record.from, record.to) = (look.from, look.to);
}

/// Nothing arrived yet.
pub(super) const NOWHERE: Side = Side {
    pages: [0; Memory::ALL.len()],
    place: NO_PLACE,
};

#[inline(always)]
fn scratch(after: After) -> Option<&'static mut Look> {
    // SAFETY: this CPU's value, used by one program only (see `After`).
    LOOKS
        .get_ptr_mut(after as u32)
        .map(|look| unsafe { &mut *look })
}

/// # Safety
///
/// Called by `bpf_loop`, from [`note_each`].
unsafe extern "C" fn look_vma(index: u64, _context: *mut c_void) -> i64 {
    scratch(After::Vma).map_or(1, |look| i64::from(!look.look_at(index)))
}

/// # Safety
///
/// Called by `bpf_loop`, from [`note_each`].
unsafe extern "C" fn look_device(index: u64, _context: *mut c_void) -> i64 {
    scratch(After::Device).map_or(1, |look| i64::from(!look.look_at(index)))
}

impl Look {
    /// Looks at a chunk. False if it cannot be read.
    #[inline(always)]
    fn look_at(&mut self, index: u64) -> bool {
        let first = index * CHUNK as u64;
        let count = self.arrays.entries.saturating_sub(first).min(CHUNK as u64) as u32;
        let (src, dst) = (
            self.arrays.src.wrapping_add(first * 8),
            self.arrays.dst.wrapping_add(first * 8),
        );
        // SAFETY: both have room for `CHUNK` words, and `count` is at most that.
        let readable = unsafe {
            read_entries(self.src.as_mut_ptr(), src, count)
                && read_entries(self.dst.as_mut_ptr(), dst, count)
        };
        for entry in 0..CHUNK {
            if !readable || entry as u32 >= count {
                break;
            }
            self.arrive(entry);
        }
        readable
    }

    /// Counts an entry, if it arrived.
    #[inline(always)]
    fn arrive(&mut self, entry: usize) {
        let (src, dst) = (self.src[entry], self.dst[entry]);
        if src & MIGRATE == 0 || dst & VALID == 0 {
            return;
        }
        let pages = if src & COMPOUND != 0 {
            compound_pages() as u32
        } else {
            1
        };
        count(&mut self.to, &mut self.last_to, dst, pages);
        if src & VALID != 0 {
            count(&mut self.from, &mut self.last_from, src, pages);
        }
    }
}

/// Counts the pages of an entry where they are.
#[inline(always)]
fn count(side: &mut Side, last: &mut Region, entry: u64, pages: u32) {
    let frame = entry >> FRAME_SHIFT;
    if frame < last.start || frame >= last.end {
        find(frame, last);
    }
    // SAFETY: aligned words. Volatile, so that the verifier need not follow which region was found.
    let (memory, place, end) = unsafe {
        (
            core::ptr::read_volatile(&raw const last.memory),
            core::ptr::read_volatile(&raw const last.place),
            core::ptr::read_volatile(&raw const last.end),
        )
    };
    // Else it is memory that nobody has told of.
    if end != 0
        && let Some(of) = side.pages.get_mut(memory as usize)
    {
        *of += pages;
    }
    let place = if end != 0 { place } else { SEVERAL_PLACES };
    if side.place == NO_PLACE {
        side.place = place;
    } else if side.place != place {
        side.place = SEVERAL_PLACES;
    }
}

/// The region of a frame; an empty one if it is not known.
#[inline(always)]
fn find(frame: u64, found: &mut Region) {
    found.end = 0;
    let Some(regions) = regions() else {
        return;
    };
    for region in &regions.device[..DEVICE_REGIONS] {
        if region.end == 0 {
            break;
        }
        if frame >= region.start && frame < region.end {
            take(found, region);
            return;
        }
    }
    for region in &regions.node[..NODE_REGIONS] {
        if region.end == 0 {
            break;
        }
        if frame >= region.start && frame < region.end {
            take(found, region);
            return;
        }
    }
}

#[inline(always)]
fn take(found: &mut Region, region: &Region) {
    // SAFETY: aligned words, which other CPUs may write meanwhile. Volatile, so that the compiler does not copy through registers what
    // the verifier would then follow.
    unsafe {
        core::ptr::write_volatile(&raw mut found.start, region.start);
        core::ptr::write_volatile(&raw mut found.memory, region.memory);
        core::ptr::write_volatile(&raw mut found.place, region.place);
        core::ptr::write_volatile(&raw mut found.end, region.end);
    }
}

/// Where pages went. Where none arrived, what was asked for stands; where they arrived in memory that is not known, nothing does.
#[inline(always)]
pub(super) fn direction(from: &Side, to: &Side, ledger: &Ledger, asked: u8) -> u8 {
    if ledger.moved + ledger.populated == 0 {
        return asked;
    }
    let device = |side: &Side| side.pages[1] + side.pages[2];
    let (from_system, to_system) = (from.pages[0], to.pages[0]);
    let direction = match (device(to) != 0, to_system != 0) {
        (true, false) if from_system != 0 || ledger.moved == 0 => Direction::ToDevice,
        (true, false) if device(from) != 0 => Direction::DeviceToDevice,
        (false, true) if device(from) != 0 || ledger.moved == 0 => Direction::ToSystem,
        (false, true) if from_system != 0 => Direction::SystemToSystem,
        _ => Direction::Unknown,
    };
    direction as u8
}
