//! Counts a call in which each entry of the arrays is one page.
//!
//! After pages, the low bits of `src` say it all for what arrived: `MIGRATE` and `VALID`, a page
//! moved; `MIGRATE` alone, a hole got a page. When that is everything that was requested, and
//! mostly it is, nothing was declined or wasted. Else what was given a destination has to be known.
//! Where setup collected every page, both arrays tell that after pages as well: what had a
//! destination and did not arrive was wasted, the rest was declined. Where it did not, an entry
//! that is 0 after pages can be one that was never collected, and there are drivers that give those
//! a destination, too: then the arrays are looked at before pages. The kernel never writes to
//! `dst`.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_loop, macros::map, maps::PerCpuArray};
use migrate_ebpf::wire::{WORDS, anomaly};

use super::{
    super::{
        frames::stop_unless,
        kernel::{COMPOUND, MIGRATE, MigrateVma, VALID, read_entries},
        memory::{self, After, Common},
        words::{self, Reader, Words},
    },
    Chunk, MAX_CHUNKS, each_chunk,
};
use crate::in_flight::{Arrays, Call, Kinds};

/// Entries copied at once.
const CHUNK: usize = 64;
/// Entries that a function looks at by loads.
const BLOCK: u64 = 4096;
/// Fewer entries than that are looked at where they are wanted, others by a function.
const FEW: u64 = 32;
/// Entries counted between two looks whether there are more.
const GROUP: usize = 4;

/// What is read, and what is counted, in a map for the reason given in [`super::walk`].
#[repr(C)]
struct Count {
    arrays: Arrays,
    /// `MIGRATE` and `VALID`.
    moved: u64,
    /// `MIGRATE` alone.
    populated: u64,
    /// Not 0: something did not move.
    uneven: u64,
    /// What entries of `src` have in common, and those of `dst`: those that arrived. Where entries
    /// are not read by loads, all of them.
    from: Common,
    to: Common,
    /// All bits, if there was one of them.
    has_from: u64,
    has_to: u64,
    /// What was given a destination: real pages, and holes.
    attempted: Kinds,
    /// What was not.
    declined: Kinds,
    unreadable: u64,
    src: [u64; CHUNK + GROUP],
    dst: [u64; CHUNK + GROUP],
}

/// By [`Stop`]: a program is never preempted by itself.
#[map]
static COUNT: PerCpuArray<Count> = PerCpuArray::with_max_entries(2, 0);

/// Where the arrays are looked at.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Stop {
    Before,
    After,
}

/// After setup, which has counted what it collected.
#[inline(always)]
pub(super) fn count_collected(call: &mut Call, cpages: u64) {
    // Whether they are pages or holes is seen later.
    call.collected = Kinds {
        pages: cpages,
        holes: 0,
    };
    // More than were requested wrap here, and show as an unbalanced ledger.
    call.record.ledger.skipped = call.record.ledger.requested.wrapping_sub(cpages);
}

/// Before pages: is there anything that is not seen after pages?
#[inline(always)]
pub(super) fn counts_attempted(call: &Call) -> bool {
    call.record.ledger.skipped != 0
}

/// Before pages, where [`counts_attempted`] says so.
#[inline(always)]
pub(super) fn count_attempted(call: &mut Call) {
    let Some(count) = Count::scratch(Stop::Before) else {
        return;
    };
    count.begin(call.arrays);
    if !walk(call.arrays, attempted_chunk) {
        count.unreadable = 1;
    }
    call.attempted = count.attempted;
    decline(call, count.declined);
    call.unreadable(count.unreadable);
}

#[inline(always)]
fn decline(call: &mut Call, declined: Kinds) {
    call.record.ledger.declined = declined.sum();
    call.record.apart.declined_holes = declined.holes;
}

/// After pages.
#[inline(always)]
pub(super) fn count_arrived(call: &mut Call, migrate: impl MigrateVma) {
    call.arrays.dst = call.forget(migrate.dst());
    let all = words::reader().is_some_and(|reader| all_arrived(call, reader));
    if !all {
        count_each(call);
    }
}

/// Looks at all entries by loads: true if each is a page that was collected, and that arrived,
/// which is noted then.
#[inline(always)]
fn all_arrived(call: &mut Call, reader: Reader) -> bool {
    let Arrays { src, dst, entries } = call.arrays;
    let (from, to) = in_common(reader, src, dst, entries);
    if !are_moved(from, to) || from.any() & COMPOUND != 0 || call.collected.sum() != entries {
        return false;
    }
    call.record.ledger.moved = entries;
    if !memory::note_common(call, from, to, entries) {
        memory::note_each(&mut call.record, call.arrays, After::Vma);
    }
    true
}

/// Have all that have this in common arrived, as pages?
#[inline(always)]
fn are_moved(from: Common, to: Common) -> bool {
    from.all() & to.all() & VALID != 0 && from.all() & MIGRATE != 0
}

/// Counts entries one by one, where they are not all the same.
#[inline(always)]
fn count_each(call: &mut Call) {
    let Some(count) = Count::scratch(Stop::After) else {
        return;
    };
    count.begin(call.arrays);
    if !walk(call.arrays, arrived_chunk) {
        count.unreadable = 1;
    }
    let collected = call.collected.sum();
    let (moved, populated) = (count.moved, count.populated);
    call.record.ledger.moved = moved;
    call.record.ledger.populated = populated;
    if moved + populated != collected {
        waste(call, count);
    }
    call.unreadable(count.unreadable);
    if count.from.any() & COMPOUND != 0 {
        // Not what it was taken for.
        call.record.anomalies |= anomaly::UNBALANCED;
    }
    if moved + populated != 0 && !note_where(call, count) {
        memory::note_each(&mut call.record, call.arrays, After::Vma);
    }
}

/// Notes where the pages were and are, if that is the same for all that arrived.
#[inline(always)]
fn note_where(call: &mut Call, count: &Count) -> bool {
    let (from, to) = (count.from, count.to);
    if words::reader().is_some() {
        memory::note_arrived(call, from, to, count.moved, count.populated)
    } else {
        count.uneven == 0 && memory::note_common(call, from, to, count.moved)
    }
}

/// What was collected and did not arrive.
#[inline(always)]
fn waste(call: &mut Call, count: &mut Count) {
    let (moved, populated) = (count.moved, count.populated);
    if !counts_attempted(call) {
        if !walk(call.arrays, tried_chunk) {
            count.unreadable = 1;
        }
        call.attempted = Kinds {
            pages: moved + count.attempted.pages,
            holes: populated + count.attempted.holes,
        };
        decline(call, count.declined);
    }
    let ledger = &mut call.record.ledger;
    // More arrivals than attempts wrap here, and show as an unbalanced ledger.
    ledger.wasted_copy = call.attempted.pages.wrapping_sub(moved);
    ledger.wasted_fill = call.attempted.holes.wrapping_sub(populated);
}

/// Walks the arrays once; false if not to the end. What the chunks write is in [`COUNT`], and no
/// reference to it is given here, by which the compiler would take it for unchanged.
#[inline(always)]
fn walk(arrays: Arrays, chunk: Chunk) -> bool {
    each_chunk(arrays.entries, CHUNK, chunk)
}

/// # Safety
///
/// Called by `bpf_loop`, from the program after pages.
unsafe extern "C" fn arrived_chunk(index: u64, _context: *mut c_void) -> i64 {
    stop_unless(arrived(index))
}

/// # Safety
///
/// Called by `bpf_loop`, from the program before pages.
unsafe extern "C" fn attempted_chunk(index: u64, _context: *mut c_void) -> i64 {
    stop_unless(attempted(index))
}

/// # Safety
///
/// Called by `bpf_loop`, from the program after pages.
unsafe extern "C" fn tried_chunk(index: u64, _context: *mut c_void) -> i64 {
    stop_unless(tried(index))
}

/// Defines a function that counts a chunk, and returns 0 if it cannot be read: one of its own for
/// the reason given in `probes/frames.rs`.
macro_rules! count {
    ($name:ident, $stop:expr) => {
        #[unsafe(no_mangle)]
        #[inline(never)]
        extern "C" fn $name(index: u64) -> u64 {
            Count::scratch($stop).map_or(0, |count| u64::from(count.$name(index)))
        }
    };
}

count!(arrived, Stop::After);
count!(attempted, Stop::Before);
count!(tried, Stop::After);

/// What so many entries of both arrays have in common, by loads.
#[inline(always)]
fn in_common(reader: Reader, src: u64, dst: u64, entries: u64) -> (Common, Common) {
    if (2..FEW).contains(&entries) {
        return in_common_of_few(reader, src, dst, entries);
    }
    let mut from = Common::of(reader.word(src));
    let mut to = Common::of(reader.word(dst));
    if entries > BLOCK {
        from.vary = vary_in_blocks(src, entries, from.one);
        to.vary = vary_in_blocks(dst, entries, to.one);
    } else if entries > 1 {
        from.vary = vary(src, entries, from.one);
        to.vary = vary(dst, entries, to.one);
    }
    (from, to)
}

/// The same of several, but fewer than [`FEW`]. Each number of them has loads of its own, which
/// read no entry twice.
#[inline(always)]
fn in_common_of_few(reader: Reader, src: u64, dst: u64, entries: u64) -> (Common, Common) {
    // Not loops, which the compiler would leave as such.
    macro_rules! first {
        ($($some:literal: $($less:literal)*),*) => {$(
            if entries >= $some {
                let mut from = Common::of_some::<$some>(reader, src);
                let mut to = Common::of_some::<$some>(reader, dst);
                let (mut at, mut left) = ($some * 8, entries - $some);
                $(
                    if left == 0 {
                        return (from, to);
                    }
                    if left >= $less {
                        from.take_some::<$less>(reader, src.wrapping_add(at));
                        to.take_some::<$less>(reader, dst.wrapping_add(at));
                        at += $less * 8;
                        left -= $less;
                    }
                )*
                let _ = (at, left);
                return (from, to);
            }
        )*};
    }
    first!(16: 8 4 2 1, 8: 4 2 1, 4: 2 1);
    let mut from = Common::of_some::<2>(reader, src);
    let mut to = Common::of_some::<2>(reader, dst);
    if entries > 2 {
        from.take_some::<1>(reader, src.wrapping_add(16));
        to.take_some::<1>(reader, dst.wrapping_add(16));
    }
    (from, to)
}

impl Common {
    /// Adds an entry if `is_one` is all bits, and not 0. `has_any` is all bits once there is one.
    /// Without a branch, which the verifier would follow for each entry.
    #[inline(always)]
    fn take_if(&mut self, is_one: u64, has_any: &mut u64, entry: u64) {
        self.one |= entry & is_one & !*has_any;
        *has_any |= is_one;
        self.vary |= (entry ^ self.one) & is_one;
    }

    /// Of so many entries at this address, at most [`WORDS`], by loads.
    #[inline(always)]
    fn of_some<const SOME: usize>(reader: Reader, address: u64) -> Self {
        let words = reader.words(address);
        let mut common = Self::of(words.nth(0));
        for nth in 1..SOME {
            common.take(words.nth(nth));
        }
        common
    }

    /// Adds so many.
    #[inline(always)]
    fn take_some<const SOME: usize>(&mut self, reader: Reader, address: u64) {
        self.take_words::<0, SOME>(reader.words(address));
    }

    #[inline(always)]
    fn take_words<const FIRST: usize, const END: usize>(&mut self, words: Words) {
        for nth in FIRST..END {
            self.take(words.nth(nth));
        }
    }

    /// Adds entries, fewer than [`FEW`], by loads.
    #[inline(always)]
    fn take_rest(&mut self, reader: Reader, address: u64, entries: u64) {
        let (mut at, mut left) = (address, entries);
        macro_rules! take {
            ($($some:literal)*) => {$(
                if left == 0 {
                    return;
                }
                if left >= $some {
                    self.take_some::<$some>(reader, at);
                    at = at.wrapping_add($some * 8);
                    left -= $some;
                }
            )*};
        }
        take!(32 16 8 4 2 1);
        let _ = (at, left);
    }
}

const _: () = assert!(FEW == 32 && WORDS == 64);

/// Many entries, of which the bits are looked for in which they differ from one.
#[repr(C)]
struct Blocks {
    address: u64,
    entries: u64,
    one: u64,
    vary: u64,
}

#[inline(always)]
fn vary_in_blocks(address: u64, entries: u64, one: u64) -> u64 {
    let mut blocks = Blocks {
        address,
        entries,
        one,
        vary: 0,
    };
    let context = (&raw mut blocks).cast::<c_void>();
    let number = entries.div_ceil(BLOCK);
    // More than can be walked: as if they differed in every bit, so that they are looked at one by
    // one, which tells of it.
    if number > MAX_CHUNKS {
        return u64::MAX;
    }
    // SAFETY: the callback takes the context for what it is.
    unsafe { bpf_loop(number as u32, vary_in_nth as *mut c_void, context, 0) };
    blocks.vary
}

/// # Safety
///
/// Called by `bpf_loop`, from [`vary_in_blocks`], whose context are [`Blocks`].
unsafe extern "C" fn vary_in_nth(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let blocks = unsafe { &mut *context.cast::<Blocks>() };
    let first = index * BLOCK;
    let entries = blocks.entries.saturating_sub(first).min(BLOCK);
    blocks.vary |= vary(blocks.address.wrapping_add(first * 8), entries, blocks.one);
    0
}

/// The bits in which entries at an address, at most [`BLOCK`], differ from `one`; by loads. A
/// function of its own for the reason given in `probes/frames.rs`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn vary(address: u64, entries: u64, one: u64) -> u64 {
    // Older verifiers look at a function even if nothing that runs calls it.
    let Some(reader) = words::reader() else {
        return 0;
    };
    let mut common = Common::of(one);
    let (mut at, mut left) = (address, entries);
    // The verifier sees by this that the loop ends.
    if entries > BLOCK {
        return u64::MAX;
    }
    while left >= WORDS as u64 {
        let words = reader.words(at);
        // Not in one loop, which the compiler would leave as such.
        common.take_words::<0, { WORDS / 2 }>(words);
        common.take_words::<{ WORDS / 2 }, WORDS>(words);
        at = at.wrapping_add(WORDS as u64 * 8);
        left -= WORDS as u64;
    }
    common.take_rest(reader, at, left);
    common.vary
}

/// Adds entries that were copied, a group at a time; what they have in common.
#[inline(always)]
fn add_copied(common: &mut Common, copied: &[u64; CHUNK + GROUP], entries: u32) -> Common {
    let mut of = Common::of(common.one);
    for group in 0..CHUNK / GROUP {
        if (group * GROUP) as u32 >= entries {
            break;
        }
        // Behind the last is a copy of the first, which has nothing in common with them that they
        // have not.
        for nth in 0..GROUP {
            of.take(copied[group * GROUP + nth]);
        }
    }
    common.vary |= of.vary;
    of
}

const _: () = assert!(VALID == 1 && MIGRATE == 2 && CHUNK < 1 << 16);

impl Count {
    #[inline(always)]
    fn scratch(stop: Stop) -> Option<&'static mut Self> {
        // SAFETY: this CPU's value, used by one program only (see `COUNT`).
        COUNT
            .get_ptr_mut(stop as u32)
            .map(|count| unsafe { &mut *count })
    }

    #[inline(always)]
    fn begin(&mut self, arrays: Arrays) {
        self.arrays = arrays;
        (self.moved, self.populated, self.uneven) = (0, 0, 0);
        (self.from, self.to) = (Common::of(0), Common::of(0));
        (self.has_from, self.has_to) = (0, 0);
        (self.attempted, self.declined) = (Kinds::NONE, Kinds::NONE);
        self.unreadable = 0;
    }

    /// Counts what arrived of a chunk, by a copy. False if it cannot be read.
    #[inline(always)]
    fn arrived(&mut self, index: u64) -> bool {
        let Some(entries) = self.read(index) else {
            return false;
        };
        if words::reader().is_none() {
            if index == 0 {
                self.from = Common::of(self.src[0]);
                self.to = Common::of(self.dst[0]);
            }
            let from = add_copied(&mut self.from, &self.src, entries);
            let to = add_copied(&mut self.to, &self.dst, entries);
            if are_moved(from, to) {
                self.moved += u64::from(entries);
                return true;
            }
        }
        self.uneven = 1;
        self.count(entries);
        true
    }

    /// Counts the entries that were read, one by one.
    #[inline(always)]
    fn count(&mut self, entries: u32) {
        // A lane of 16 bits for each of the four states: no chunk has more entries than fit.
        let mut lanes = 0u64;
        for group in 0..CHUNK / GROUP {
            if (group * GROUP) as u32 >= entries {
                break;
            }
            for entry in group * GROUP..(group + 1) * GROUP {
                let (src, dst) = (self.src[entry], self.dst[entry]);
                let arrived = src & MIGRATE & dst << 1;
                lanes += 1 << ((src & VALID | arrived) << 4);
                if words::reader().is_some() {
                    let is_to = (arrived >> 1).wrapping_neg();
                    let is_from = (src & VALID).wrapping_neg() & is_to;
                    self.from.take_if(is_from, &mut self.has_from, src);
                    self.to.take_if(is_to, &mut self.has_to, dst);
                }
            }
        }
        let arrived = self.src[0] & MIGRATE & self.dst[0] << 1;
        lanes -= behind(entries) << ((self.src[0] & VALID | arrived) << 4);
        self.moved += lanes >> ((MIGRATE | VALID) << 4) & 0xffff;
        self.populated += lanes >> (MIGRATE << 4) & 0xffff;
    }

    /// Counts what of a chunk is given a destination, before pages. False if it cannot be read.
    #[inline(always)]
    fn attempted(&mut self, index: u64) -> bool {
        self.each(index, |src, dst| {
            let collected = (src / MIGRATE) & VALID;
            // A page that was collected and is no longer to migrate was given back by the driver.
            (src & VALID, collected & !src & VALID, collected & dst)
        })
    }

    /// Counts what of a chunk was given a destination, but did not arrive, after pages, where
    /// everything was collected. False if it cannot be read.
    #[inline(always)]
    fn tried(&mut self, index: u64) -> bool {
        self.each(index, |src, dst| {
            let stayed = !((src / MIGRATE) & dst) & VALID;
            (stayed & src, stayed & !src & VALID, dst)
        })
    }

    /// Adds up, over a chunk, whether each entry is about a page or about a hole, and whether it
    /// has a destination: bits 0 or 1.
    #[inline(always)]
    fn each(&mut self, index: u64, of: impl Fn(u64, u64) -> (u64, u64, u64)) -> bool {
        let Some(entries) = self.read(index) else {
            return false;
        };
        // A lane of 16 bits for each: attempted pages and holes, declined pages and holes.
        let lanes_of = |src: u64, dst: u64| {
            let (page, hole, given) = of(src, dst);
            let given = given & VALID;
            (page & given) | (hole & given) << 16 | (page & !given) << 32 | (hole & !given) << 48
        };
        let mut lanes = 0u64;
        for group in 0..CHUNK / GROUP {
            if (group * GROUP) as u32 >= entries {
                break;
            }
            for entry in group * GROUP..(group + 1) * GROUP {
                lanes += lanes_of(self.src[entry], self.dst[entry]);
            }
        }
        lanes -= behind(entries) * lanes_of(self.src[0], self.dst[0]);
        self.attempted.pages += lanes & 0xffff;
        self.attempted.holes += lanes >> 16 & 0xffff;
        self.declined.pages += lanes >> 32 & 0xffff;
        self.declined.holes += lanes >> 48;
        true
    }

    /// Copies a chunk of both arrays, with a copy of its first entry behind its last. How many
    /// entries it has; `None` if it cannot be read.
    #[inline(always)]
    fn read(&mut self, index: u64) -> Option<u32> {
        let first = index * CHUNK as u64;
        let entries = self.arrays.entries.saturating_sub(first).min(CHUNK as u64) as u32;
        let (src, dst) = (self.arrays.src, self.arrays.dst);
        if read(&mut self.src, src.wrapping_add(first * 8), entries)
            && read(&mut self.dst, dst.wrapping_add(first * 8), entries)
        {
            return Some(entries);
        }
        self.unreadable = 1;
        None
    }
}

/// Entries that are counted with the last group and are behind the last; they are as the first.
#[inline(always)]
fn behind(entries: u32) -> u64 {
    u64::from(entries.wrapping_neg()) & (GROUP as u64 - 1)
}

/// Copies entries, and the first behind the last: so many that they can be counted in groups.
#[inline(always)]
fn read(to: &mut [u64; CHUNK + GROUP], from: u64, entries: u32) -> bool {
    // SAFETY: there is room for `CHUNK` words, and `entries` is at most that.
    if entries as usize > CHUNK || !unsafe { read_entries(to.as_mut_ptr(), from, entries) } {
        return false;
    }
    let first = to[0];
    for behind in &mut to[entries as usize..entries as usize + GROUP] {
        *behind = first;
    }
    true
}
