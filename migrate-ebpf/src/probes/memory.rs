//! Which memory pages came from, and which they went to: told by their frame numbers.
//!
//! What a driver asks for does not say: flags select what is collected, and not where it goes.
//! Frame numbers do, on every machine, without a look into `struct page`. Mostly all pages of a
//! call come from one region and go to one, which the bits that their numbers have in common tell;
//! else each page is looked at.

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

use super::{
    folio::pages_behind,
    frames::stop_unless,
    kernel::{FRAME_SHIFT, MIGRATE, VALID, read_entries},
};
use crate::{
    in_flight::{Arrays, Call},
    last_places::{Block, LastPlaces},
};

/// User space keeps it, and so do the hooks of `regions.rs`.
#[map]
pub(super) static REGIONS: Array<Regions> = Array::with_max_entries(1, 0);

#[inline(always)]
fn regions() -> Option<&'static Regions> {
    // SAFETY: the map's value, which lives as long as the program. Others write to it, word by
    // word.
    REGIONS.get_ptr(0).map(|regions| unsafe { &*regions })
}

/// What a set of entries has in common.
#[derive(Clone, Copy)]
pub(super) struct Common {
    /// One of them.
    pub(super) one: u64,
    /// The bits in which any other differs from it.
    pub(super) vary: u64,
}

impl Common {
    /// Of this entry alone.
    #[inline(always)]
    pub(super) fn of(one: u64) -> Self {
        Self { one, vary: 0 }
    }

    /// Adds an entry.
    #[inline(always)]
    pub(super) fn take(&mut self, entry: u64) {
        self.vary |= entry ^ self.one;
    }

    /// Bits that every entry has.
    #[inline(always)]
    pub(super) fn all(self) -> u64 {
        self.one & !self.vary
    }

    /// Bits that any has.
    #[inline(always)]
    pub(super) fn any(self) -> u64 {
        self.one | self.vary
    }

    /// The first and the last of the block of numbers in which all of these frames are: those that
    /// begin with the bits that all have in common.
    #[inline(always)]
    fn block(self) -> (u64, u64) {
        let mask = block(self.vary) >> FRAME_SHIFT;
        let first = self.one >> FRAME_SHIFT & !mask;
        (first, first | mask)
    }
}

impl Block {
    /// As large as it can be, around an entry of this region.
    #[inline(always)]
    fn around(entry: u64, told: u64) -> Self {
        let flags = (1 << FRAME_SHIFT) - 1;
        Self {
            one: entry,
            fixed: !(room_around(entry >> FRAME_SHIFT) << FRAME_SHIFT | flags),
            told,
        }
    }

    /// Are all of these entries in it?
    #[inline(always)]
    fn has(&self, entries: Common) -> bool {
        (entries.one ^ self.one | entries.vary) & self.fixed == 0
    }
}

/// The regions that these two blocks of frames are in, the second in the upper half; each 0 if it
/// is not known, or there may be several. A function of its own for the reason given in
/// [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn regions_of(first_from: u64, last_from: u64, first_to: u64, last_to: u64) -> u64 {
    let Some(regions) = regions() else {
        return 0;
    };
    region_of_block(regions, first_from, last_from)
        | region_of_block(regions, first_to, last_to) << HALF
}

/// The one region that these frames are in; 0 if it is not known, or there may be several.
#[inline(always)]
fn region_of_block(regions: &Regions, first: u64, last: u64) -> u64 {
    for nth in 0..DEVICE_REGIONS {
        // In an entry that is free there is no frame.
        let region = &regions.device[nth];
        if region.end == 0 {
            break;
        }
        if first < region.end && last >= region.start {
            return told_if_within(first, last, region);
        }
    }
    for nth in 0..NODE_REGIONS {
        let region = &regions.node[nth];
        if region.end == 0 {
            break;
        }
        if first < region.end && last >= region.start {
            return told_if_within(first, last, region);
        }
    }
    0
}

#[inline(always)]
fn told_if_within(first: u64, last: u64, region: &Region) -> u64 {
    if first >= region.start && last < region.end {
        told(region)
    } else {
        0
    }
}

/// In which bits of a frame's number others can differ from it and be of the same region: up to the
/// nearest place where any region begins or ends. A function of its own for the reason given in
/// [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn room_around(frame: u64) -> u64 {
    let Some(regions) = regions() else {
        return 0;
    };
    let (mut first, mut end) = (0, u64::MAX);
    for nth in 0..DEVICE_REGIONS {
        let region = &regions.device[nth];
        if region.end == 0 {
            break;
        }
        narrow(&mut first, &mut end, frame, region.start);
        narrow(&mut first, &mut end, frame, region.end);
    }
    for nth in 0..NODE_REGIONS {
        let region = &regions.node[nth];
        if region.end == 0 {
            break;
        }
        narrow(&mut first, &mut end, frame, region.start);
        narrow(&mut first, &mut end, frame, region.end);
    }
    // A block of frames whose numbers begin alike ends before the first bit in which this one
    // differs from what is outside.
    let below = block(frame ^ first.wrapping_sub(1)) >> 1;
    let above = block(frame ^ end) >> 1;
    below & above
}

/// A region begins or ends at this frame.
#[inline(always)]
fn narrow(first: &mut u64, end: &mut u64, frame: u64, at: u64) {
    if at <= frame {
        *first = (*first).max(at);
    } else {
        *end = (*end).min(at);
    }
}

/// Half a word.
const HALF: u32 = 32;
/// Bits of a memory, below those of a place.
const MEMORY_BITS: u32 = 2;

/// A region in half a word: its place, and below that its memory.
#[inline(always)]
fn told(region: &Region) -> u64 {
    u64::from(region.place << MEMORY_BITS | region.memory)
}

/// All bits up to the highest that is set.
#[inline(always)]
fn block(vary: u64) -> u64 {
    if vary == 0 {
        return 0;
    }
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
pub(super) fn note_common(call: &mut Call, from: Common, to: Common, pages: u64) -> bool {
    let Some((from, to)) = told_of(call, from, to) else {
        return false;
    };
    set(&mut call.record.from, from, pages);
    set(&mut call.record.to, to, pages);
    true
}

/// The same where some pages moved, and holes were populated: what of them has a page in common.
#[inline(always)]
pub(super) fn note_arrived(
    call: &mut Call,
    from: Common,
    to: Common,
    moved: u64,
    populated: u64,
) -> bool {
    // What fills a hole comes from nowhere: then one is asked for that is known.
    let from = if moved == 0 { to } else { from };
    let Some((from, to)) = told_of(call, from, to) else {
        return false;
    };
    if moved != 0 {
        set(&mut call.record.from, from, moved);
    }
    set(&mut call.record.to, to, moved + populated);
    true
}

/// The regions that entries with this in common came from, and went to.
#[inline(always)]
fn told_of(call: &mut Call, from: Common, to: Common) -> Option<(u64, u64)> {
    let (changes, last) = (changes(), &call.last);
    let is_current = changes != 0 && last.changes == changes;
    if is_current && last.one.has(from) && last.other.has(to) {
        Some((last.one.told, last.other.told))
    } else if is_current && last.other.has(from) && last.one.has(to) {
        Some((last.other.told, last.one.told))
    } else if find(&mut call.last, changes, from, to) {
        Some((call.last.one.told, call.last.other.told))
    } else {
        None
    }
}

/// Looks for the regions, and keeps what was found.
#[inline(always)]
fn find(last: &mut LastPlaces, changes: u64, from: Common, to: Common) -> bool {
    let ((first_from, last_from), (first_to, last_to)) = (from.block(), to.block());
    let regions = regions_of(first_from, last_from, first_to, last_to);
    let (told_from, told_to) = (regions & u64::from(u32::MAX), regions >> HALF);
    if told_from == 0 || told_to == 0 {
        return false;
    }
    *last = LastPlaces {
        changes,
        one: Block::around(from.one, told_from),
        other: Block::around(to.one, told_to),
    };
    true
}

/// How often regions have changed, never 0 once they were told.
#[inline(always)]
fn changes() -> u64 {
    let Some(regions) = regions() else {
        return 0;
    };
    // SAFETY: a valid, aligned word. Volatile, because others write it.
    unsafe { core::ptr::read_volatile(&raw const regions.changes) }
}

#[inline(always)]
fn set(side: &mut Side, region: u64, pages: u64) {
    // Not by an index, which the verifier would add up with that of the slot.
    for (memory, of) in side.pages.iter_mut().enumerate() {
        if memory as u64 == memory_of(region) {
            *of = pages as u32;
        }
    }
    side.place = place_of(region);
}

/// The memory of a region that was [`told`].
#[inline(always)]
fn memory_of(told: u64) -> u64 {
    told & ((1 << MEMORY_BITS) - 1)
}

/// Its place.
#[inline(always)]
fn place_of(told: u64) -> u32 {
    (told >> MEMORY_BITS) as u32
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
    /// Around the first page that came from a region that is known, and around the first that went
    /// to one: most of the others are there, too.
    near_from: Block,
    near_to: Block,
    src: [u64; CHUNK],
    dst: [u64; CHUNK],
}

#[map]
static LOOKS: PerCpuArray<Look> = PerCpuArray::with_max_entries(2, 0);

/// Looks at each page that arrived. `arrays` are as they are after pages.
#[inline(always)]
pub(super) fn note_each(record: &mut Record, arrays: Arrays, after: After) {
    let Some(look) = scratch(after as u32) else {
        return;
    };
    look.arrays = arrays;
    (look.from, look.to) = (NOWHERE, NOWHERE);
    (look.near_from.told, look.near_to.told) = (0, 0);
    let chunks = arrays.entries.div_ceil(CHUNK as u64).min(1 << 23) as u32;
    let mut which = after as u32;
    let context = (&raw mut which).cast::<c_void>();
    // SAFETY: the callback takes the context for what it is.
    unsafe { bpf_loop(chunks, look_at_nth as *mut c_void, context, 0) };
    (record.from, record.to) = (look.from, look.to);
}

/// Nothing arrived yet.
pub(super) const NOWHERE: Side = Side {
    pages: [0; Memory::ALL.len()],
    place: NO_PLACE,
};

#[inline(always)]
fn scratch(after: u32) -> Option<&'static mut Look> {
    // SAFETY: this CPU's value, used by one program only (see `After`).
    LOOKS.get_ptr_mut(after).map(|look| unsafe { &mut *look })
}

/// # Safety
///
/// Called by `bpf_loop`, from [`note_each`], whose context is an [`After`].
unsafe extern "C" fn look_at_nth(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    stop_unless(look_at_entries(unsafe { *context.cast::<u32>() }, index))
}

/// [`Look::look_at`], as a function of its own for the reason given in [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_at_entries(after: u32, index: u64) -> u64 {
    scratch(after).map_or(0, |look| u64::from(look.look_at(index, after)))
}

impl Look {
    /// Looks at a chunk. False if it cannot be read.
    #[inline(always)]
    fn look_at(&mut self, index: u64, after: u32) -> bool {
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
            arrive(after, self.src[entry], self.dst[entry]);
        }
        readable
    }
}

/// Counts an entry, if it arrived. A function of its own for the reason given in [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn arrive(after: u32, src: u64, dst: u64) -> u32 {
    let Some(look) = LOOKS.get_ptr_mut(after) else {
        return 0;
    };
    // SAFETY: this CPU's value, used by the program only that calls.
    let look = unsafe { &mut *look };
    if src & MIGRATE == 0 || dst & VALID == 0 {
        return 0;
    }
    let pages = pages_behind(src) as u32;
    count(&mut look.to, &mut look.near_to, dst, pages);
    if src & VALID != 0 {
        count(&mut look.from, &mut look.near_from, src, pages);
    }
    0
}

/// Counts the pages of an entry where they are.
#[inline(always)]
fn count(side: &mut Side, near: &mut Block, entry: u64, pages: u32) {
    let region = region_near(near, entry);
    let mut place = SEVERAL_PLACES;
    // Else it is memory that nobody has told of.
    if region != 0 {
        place = place_of(region);
        if let Some(of) = side.pages.get_mut(memory_of(region) as usize) {
            *of += pages;
        }
    }
    if side.place == NO_PLACE {
        side.place = place;
    } else if side.place != place {
        side.place = SEVERAL_PLACES;
    }
}

/// The region of an entry's frame, as [`told`]; 0 if it is not known.
#[inline(always)]
fn region_near(near: &mut Block, entry: u64) -> u64 {
    if near.told != 0 && near.has(Common::of(entry)) {
        return near.told;
    }
    let region = region_of(entry >> FRAME_SHIFT);
    if near.told == 0 && region != 0 {
        *near = Block::around(entry, region);
    }
    region
}

/// The region of a frame, as [`told`]; 0 if it is not known. A function of its own for the
/// reason given in [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn region_of(frame: u64) -> u64 {
    regions().map_or(0, |regions| region_of_block(regions, frame, frame))
}

/// Where pages went. Where none arrived, what was asked for stands; where they arrived in memory
/// that is not known, nothing does.
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
