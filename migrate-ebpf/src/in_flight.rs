//! The table of calls in flight: what is known of a migration between its setup and its end.
//!
//! A global, because its address is part of the program, where a hash map costs a call, a hash and
//! a bucket lock at each hook. It is set-associative: a thread's calls live in the [`WAYS`] slots
//! of one set. A slot is taken by compare-and-swap on its owner; from then on only its thread
//! touches it.
//!
//! A call whose setup collected nothing may never be heard of again. Its thread sets it aside: from
//! then on whoever wants it, the thread itself or the sweep on another CPU, has to win it by
//! compare-and-swap.

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel};
use migrate_ebpf::wire::{Details, Record, UNKNOWN, anomaly};

use crate::{
    atomic::{compare_and_swap, publish},
    clock,
    last_places::LastPlaces,
    lock_wait::LockWait,
};

/// Sets of the table: a thread's calls are in one of them.
pub(crate) const SETS: usize = 512;
const WAYS: usize = 8;
/// Slots of the table.
pub(crate) const SLOTS: u32 = (SETS * WAYS) as u32;

/// How far a call has come. Anything out of order means that a hook did not run.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Stage {
    InSetup,
    Collected,
    InPages,
    Migrated,
    InFinalize,
}

/// One call in flight.
#[repr(C)]
pub(crate) struct Call {
    /// The thread that made the call, perhaps with [`ASIDE`]; [`SWEPT`]; or 0 for a free slot.
    owner: u64,
    /// What tells the thread's calls apart, see [`Identity`].
    context: u64,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// A hook was missed: the record would have a gap.
    pub(crate) incomplete: u32,
    /// When the interval that is running began.
    pub(crate) mark: u64,
    /// The arrays of the call, and how many entries they have. Of an eviction that several setups
    /// make, from the first entry of all to the last.
    pub(crate) arrays: Arrays,
    /// What the setup that is running, or was last, works on.
    pub(crate) setup: Arrays,
    /// How many pages it was asked for, base pages.
    pub(crate) setup_requested: u64,
    /// Setups of one page each that were made for this eviction; 0 where there is but one, of more
    /// pages.
    pub(crate) singles: u64,
    /// The entries that they were made for, by the place of an entry among [`REACH`].
    entries_of_singles: [u64; REACH as usize / 64],
    /// The number of the first page of an eviction's range; `UNKNOWN` where there is none.
    pub(crate) first_frame: u64,
    /// Base pages that were collected when the kernel began to unmap them; `UNKNOWN` where that was
    /// not seen.
    pub(crate) before_unmap: u64,
    /// What setup collected, in base pages: real pages, and holes.
    pub(crate) collected: Kinds,
    /// For what the driver gave a destination, in base pages.
    pub(crate) attempted: Kinds,
    /// It began while another call of its thread was under way.
    nested: u32,
    /// Its entries may stand for several pages.
    pub(crate) compound: u32,
    /// It is about a page that somebody waits for.
    pub(crate) fault: u32,
    /// The thread is none of the owner's own.
    pub(crate) worker: u32,
    /// The filter asks for a driver, and it is not this call's.
    pub(crate) foreign: u32,
    /// The place of the way that a call came by before which was here, plus one: it may be this
    /// one's, too.
    pub(crate) path: u32,
    /// Where memory came from and went to before: it may be so again.
    pub(crate) last: LastPlaces,
    /// For [`Call::forget`].
    forgotten: u64,
    /// Which parts of setup the thread is in, see `probes/parts.rs`.
    pub(crate) parts: u32,
    /// When the innermost of them began, or went on.
    pub(crate) part_since: u64,
    /// The lock that the thread waits for.
    pub(crate) lock: LockWait,
    /// When the thread was last taken off its CPU; 0 while it runs.
    pub(crate) off_since: u64,
    /// What will be reported.
    pub(crate) record: Record,
    /// What follows it, where it was asked for.
    pub(crate) details: Details,
}

const _: () = assert!(
    core::mem::offset_of!(Call, details)
        == core::mem::offset_of!(Call, record) + size_of::<Record>()
);

/// The arrays of one call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Arrays {
    pub(crate) src: u64,
    pub(crate) dst: u64,
    pub(crate) entries: u64,
}

impl Arrays {
    /// The address behind `src`.
    #[inline(always)]
    fn end(&self) -> u64 {
        self.src.wrapping_add(self.entries.wrapping_mul(ENTRY))
    }
}

/// Base pages, by what stands behind a `src` entry.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Kinds {
    /// A page.
    pub(crate) pages: u64,
    /// Nothing mapped, or the zero page.
    pub(crate) holes: u64,
}

impl Kinds {
    /// Nothing.
    pub(crate) const NONE: Self = Self { pages: 0, holes: 0 };

    /// Both together.
    #[inline(always)]
    pub(crate) fn sum(self) -> u64 {
        self.pages + self.holes
    }
}

/// Entries of an array among which those of one eviction are looked for, when each has a setup of
/// its own. nvidia-uvm has as many as there are pages in 2 MiB.
const REACH: u64 = 512;
/// Bytes of an entry.
const ENTRY: u64 = 8;

/// How long a call must have been set aside before another may have its place, nanoseconds.
const RIPE: u64 = 5_000_000;

/// Set aside: nobody's until it is won. A thread is the address of its `struct task_struct`, which
/// leaves low bits free.
const ASIDE: u64 = 1 << 0;
/// The owner of a slot that the sweep has won.
const SWEPT: u64 = 1 << 1;

/// Marks the context of an eviction: an array is aligned to words, so the bit is free.
const DEVICE: u64 = 1;
/// The context of a single folio of coherent memory, which is no address.
const FOLIO: u64 = DEVICE | 1 << 1;

/// The slots in which a thread's calls live.
type Set = [Call; WAYS];

/// All are free: their owner is 0. Not mangled, so that the compiler does not take it for its own,
/// of which it would know that nobody else writes to it.
#[unsafe(no_mangle)]
// SAFETY: a call is made of numbers, of which 0 is one, also as a stage.
static mut IN_FLIGHT: [Set; SETS] = unsafe { core::mem::zeroed() };

/// Where the entry at this address is noted: word and bit.
#[inline(always)]
fn place_of_single(src: u64) -> (usize, u64) {
    let entry = src / ENTRY % REACH;
    ((entry / 64) as usize, 1 << (entry % 64))
}

/// Who makes a call: one thread, and the address of its `struct migrate_vma` or (on the device
/// path) `src_pfns`.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    owner: u64,
    context: u64,
    /// Is it an eviction? Says the same as `context`, in which it cannot be asked for: to the
    /// verifier an argument of a hook is a pointer, and has no bits.
    device: bool,
}

impl Identity {
    /// A call of `migrate_vma_*` by this thread.
    #[inline(always)]
    pub(crate) fn vma(migrate: u64) -> Self {
        Self {
            owner: this_thread(),
            context: migrate,
            device: false,
        }
    }

    /// A call of `migrate_device_*` by this thread.
    #[inline(always)]
    pub(crate) fn device(src_pfns: u64) -> Self {
        Self {
            owner: this_thread(),
            context: src_pfns | DEVICE,
            device: true,
        }
    }

    /// The migration of one folio of coherent memory by this thread, which is at one at a time.
    #[inline(always)]
    pub(crate) fn folio() -> Self {
        Self {
            owner: this_thread(),
            context: FOLIO,
            device: true,
        }
    }
}

/// Its `struct task_struct`: one load, where its id is a call of a helper.
#[inline(always)]
pub(crate) fn this_thread() -> u64 {
    // SAFETY: the helper takes nothing.
    unsafe { bpf_get_current_task() }
}

/// The slots in which the owner's calls live.
#[inline(always)]
fn set_of(owner: u64) -> &'static mut Set {
    // SAFETY: `spread` gives one of them. A slot is used by its owner only (see the module's
    // documentation); `owner` itself, which others read, is a single aligned word.
    unsafe { &mut *(&raw mut IN_FLIGHT).cast::<Set>().add(spread(owner)) }
}

/// The set of a thread. Addresses of threads lie a few kilobytes apart: multiplied (with the golden
/// ratio), all of their bits have a say.
#[inline(always)]
pub(crate) fn spread(owner: u64) -> usize {
    let mut set = owner.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SETS.ilog2());
    // Below that already, which the compiler knows, and the verifier does not.
    // SAFETY: it only computes.
    unsafe {
        core::arch::asm!(
            "{set} &= {mask}",
            set = inout(reg) set,
            mask = const SETS - 1,
            options(nostack, pure, nomem),
        );
    }
    set as usize
}

/// Which way a way is: itself. In memory that could change, so that the verifier does not know what
/// it reads there. It would follow all that is done with a call once for each way in which the call
/// can be.
#[unsafe(no_mangle)]
static mut WAY_OF: [u8; WAYS] = [0, 1, 2, 3, 4, 5, 6, 7];

/// A way of which the verifier does not know which one it is. `way` is below [`WAYS`].
#[inline(always)]
pub(crate) fn some_way(way: usize) -> usize {
    // SAFETY: nobody writes to it. Volatile, or the compiler would know as much.
    let way = unsafe { core::ptr::read_volatile((&raw const WAY_OF).cast::<u8>().add(way)) };
    usize::from(way)
}

/// The call in this way of a set; `None` past the last.
#[inline(always)]
fn at(set: &mut Set, way: usize) -> Option<&mut Call> {
    if way >= WAYS {
        return None;
    }
    set.get_mut(some_way(way))
}

/// No slot of the table.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// The number of a slot: of this way of the set of this thread.
#[inline(always)]
fn number(owner: u64, way: usize) -> u32 {
    (spread(owner) * WAYS + way) as u32
}

/// The call of a set that is wanted.
#[inline(always)]
fn search(set: &mut Set, mut wanted: impl FnMut(&mut Call) -> bool) -> Option<&mut Call> {
    let mut found = WAYS;
    for (way, call) in set.iter_mut().enumerate() {
        if wanted(call) {
            found = way;
            break;
        }
    }
    at(set, found)
}

/// The call with this identity, unless it was set aside.
#[inline(always)]
pub(crate) fn find(identity: Identity) -> Option<&'static mut Call> {
    search(set_of(identity.owner), |call| {
        call.owner() == identity.owner && call.context == identity.context
    })
}

/// The call with this identity, also if it was set aside: it goes on.
#[inline(always)]
pub(crate) fn resume(identity: Identity) -> Option<&'static mut Call> {
    let call = search(set_of(identity.owner), |call| {
        call.owner() & !ASIDE == identity.owner && call.context == identity.context
    })?;
    call.win(identity.owner).then_some(call)
}

/// The eviction whose entries are among these, also if it was set aside: it goes on, and is known
/// by where they begin from here on. Several setups may have been made for it, with gaps between
/// them and before the first.
#[inline(always)]
pub(crate) fn resume_eviction(src: u64, entries: u64) -> Option<&'static mut Call> {
    let identity = Identity::device(src);
    let call = search(set_of(identity.owner), |call| {
        call.owner() & !ASIDE == identity.owner
            && (call.context == identity.context
                || (call.singles != 0
                    && call.context & DEVICE != 0
                    && src <= call.arrays.src
                    && call.arrays.end() <= src.wrapping_add(entries * ENTRY)))
    })?;
    if !call.win(identity.owner) {
        return None;
    }
    call.context = identity.context;
    Some(call)
}

/// The eviction that this thread is making setup by setup, each of one page, if this entry can be
/// one of it.
#[inline(always)]
pub(crate) fn join(identity: Identity, src: u64) -> Option<&'static mut Call> {
    let found = way_of_single(identity.owner, src);
    let call = at(set_of(identity.owner), found as usize)?;
    if !call.win(identity.owner) {
        return None;
    }
    call.context = identity.context;
    Some(call)
}

/// Marks a way in which an entry was set up before.
const AGAIN: u32 = 1 << 8;

/// The way in which a thread has an eviction that a setup of this one entry can be part of; with
/// [`AGAIN`], if the entry was set up for it before. [`WAYS`] if there is none. A function that the
/// verifier checks by itself, as in `probes/frames.rs`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn way_of_single(owner: u64, src: u64) -> u32 {
    for (way, call) in set_of(owner).iter().enumerate() {
        if call.owner() & !ASIDE == owner && call.takes_single(src) {
            let again = if call.has_single(src) { AGAIN } else { 0 };
            return way as u32 | again;
        }
    }
    WAYS as u32
}

/// The call of this thread whose setup works on this array now.
#[inline(always)]
pub(crate) fn find_in_setup(src: u64) -> Option<&'static mut Call> {
    let owner = this_thread();
    search(set_of(owner), |call| {
        call.owner() == owner && call.stage == Stage::InSetup && call.setup.src == src
    })
}

/// The call of this thread that is at this stage; is it an eviction? For hooks at a return that do
/// not know its arguments. A kernel function that is called in the middle of itself returns in the
/// inner call first, which began last.
#[inline(always)]
pub(crate) fn find_at(stage: Stage, device: bool) -> Option<&'static mut Call> {
    latest(|call| call.stage == stage && (call.migrate_vma().is_none() == device))
}

/// The folio of coherent memory that this thread migrates now.
#[inline(always)]
pub(crate) fn folio_of_this_thread() -> Option<&'static mut Call> {
    find(Identity::folio())
}

/// The call that this thread is in: where calls nest, the innermost.
#[inline(always)]
pub(crate) fn innermost() -> Option<&'static mut Call> {
    latest(|_| true)
}

/// Of the calls of this thread that are wanted, the one that began last.
#[inline(always)]
fn latest(wanted: impl Fn(&Call) -> bool) -> Option<&'static mut Call> {
    let owner = this_thread();
    let set = set_of(owner);
    let (mut found, mut began) = (WAYS, 0);
    for (way, call) in set.iter().enumerate() {
        if call.owner() == owner && wanted(call) && call.record.time_ns >= began {
            (found, began) = (way, call.record.time_ns);
        }
    }
    at(set, found)
}

/// What a thread has in the table when it begins a call.
pub(crate) struct Others {
    /// The slot of a call that has ended without telling, which is this thread's now; or
    /// [`NO_SLOT`].
    pub(crate) abandoned: u32,
    /// Other calls are under way, and the new one is made in the middle of them.
    pub(crate) nested: bool,
}

/// Looks at a thread's calls when it begins the one with this identity.
///
/// An earlier call from the same place has ended. So has one that was set aside, because it has
/// nothing to allocate for, and so nothing in the middle of which another call could be made; but a
/// driver may evict before it looks at what was collected, so that an eviction only ends evictions.
#[inline(always)]
pub(crate) fn others(identity: Identity) -> Others {
    let mut others = Others {
        abandoned: NO_SLOT,
        nested: false,
    };
    if !has_any(set_of(identity.owner), identity.owner) {
        return others;
    }
    let context = untyped(identity.context);
    let found = look_at_others(identity.owner, context, u32::from(identity.device));
    others.abandoned = found as u32;
    others.nested = found & NESTED != 0;
    others
}

/// The same, as a number to the verifier: an argument of a hook can be a pointer, which it gives to
/// no function.
#[inline(always)]
pub(crate) fn untyped(argument: u64) -> u64 {
    let mut number = 0_u64;
    // SAFETY: from one word to another.
    unsafe {
        bpf_probe_read_kernel(
            (&raw mut number).cast(),
            size_of::<u64>() as u32,
            (&raw const argument).cast(),
        )
    };
    number
}

/// In what [`look_at_others`] returns, above the number of a slot: calls are under way.
const NESTED: u64 = 1 << 32;

/// [`others`] of a thread that has calls. A function that the verifier checks by itself, as in
/// `probes/frames.rs`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_at_others(owner: u64, context: u64, device: u32) -> u64 {
    // No branches in this loop: older verifiers follow every combination.
    let mut kinds = 0;
    for way in 0..WAYS {
        kinds |= kind_of_other(owner, context, device, way as u32) << way;
    }
    let mut same = lowest_way(kinds & (EVERY * SAME));
    let aside = lowest_way((kinds & (EVERY * LEFT)) / LEFT);
    // An entry that is set up again has been given up before.
    if device != 0 {
        let single = way_of_single(owner, context & !DEVICE);
        if single & AGAIN != 0 {
            same = (single & !AGAIN) as usize;
        }
    }
    let nested = if kinds & (EVERY * GOING_ON) != 0 {
        NESTED
    } else {
        0
    };
    let abandoned = if same < WAYS { same } else { aside };
    if at(set_of(owner), abandoned).is_some_and(|call| call.win(owner)) {
        nested | u64::from(number(owner, abandoned))
    } else {
        nested | u64::from(NO_SLOT)
    }
}

/// What a call is to one that begins, a bit for each way: it came from the same place.
const SAME: u64 = 1;
/// It was set aside, and has ended.
const LEFT: u64 = 1 << 8;
/// It is under way.
const GOING_ON: u64 = 1 << 16;
/// Times one of these: the bits of all ways.
const EVERY: u64 = (1 << WAYS) - 1;

/// What the call in this way is to the one that begins: one of the bits above, of way 0; 0 if it is
/// another thread's.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn kind_of_other(owner: u64, context: u64, device: u32, way: u32) -> u64 {
    let Some(call) = at(set_of(owner), way as usize) else {
        return 0;
    };
    let its = call.owner();
    if its & !ASIDE != owner {
        0
    } else if call.context == context {
        SAME
    } else if its == owner {
        GOING_ON
    } else if device == 0 || call.context & DEVICE != 0 {
        LEFT
    } else {
        0
    }
}

/// The first way of which the bit is set; [`WAYS`] if there is none.
#[inline(always)]
fn lowest_way(ways: u64) -> usize {
    let mut way = 0;
    while way < WAYS && ways & (1 << way) == 0 {
        way += 1;
    }
    way
}

/// Has this thread calls? Mostly not, and then nothing else is to be looked at. Nor have others
/// that share its set, mostly, which is seen by fewer instructions. Not loops, which would cost
/// three times as much.
#[inline(always)]
fn has_any(set: &Set, owner: u64) -> bool {
    let of = |way: usize| set[way].owner();
    let any = of(0) | of(1) | of(2) | of(3) | of(4) | of(5) | of(6) | of(7);
    if any == 0 {
        return false;
    }
    let of = |way: usize| of(way) & !ASIDE == owner;
    of(0) || of(1) || of(2) || of(3) || of(4) || of(5) || of(6) || of(7)
}

const _: () = assert!(WAYS == 8);

/// A call whose place another of this thread may have, where a set is full: one that has been set
/// aside for a while, the oldest; or one that this thread has left behind, if it has left nothing
/// else: it must have missed how they went on. [`NO_SLOT`] if there is none, or if another thread
/// was faster. A function that the verifier checks by itself, as in `probes/frames.rs`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn room_of(owner: u64, now: u64) -> u32 {
    let set = set_of(owner);
    let (mut aside, mut since) = (WAYS, now.saturating_sub(RIPE));
    let (mut own, mut began, mut all_own) = (WAYS, u64::MAX, true);
    for (way, call) in set.iter().enumerate() {
        if call.is_aside() && call.mark < since {
            (aside, since) = (way, call.mark);
        }
        if call.owner() != owner {
            all_own = false;
        } else if call.record.time_ns < began {
            (own, began) = (way, call.record.time_ns);
        }
    }
    let room = if aside < WAYS || !all_own { aside } else { own };
    let Some(call) = at(set, room) else {
        return NO_SLOT;
    };
    if aside >= WAYS {
        call.incomplete = 1;
    } else if !call.sweep() {
        return NO_SLOT;
    }
    number(owner, room)
}

/// The slot of a call that this thread had set aside, and that is its again; [`NO_SLOT`] if there
/// is none.
#[inline(always)]
pub(crate) fn aside_of_this_thread() -> u32 {
    let owner = this_thread();
    let (set, mut aside) = (set_of(owner), WAYS);
    for (way, call) in set.iter().enumerate() {
        if call.owner() == owner | ASIDE {
            aside = way;
        }
    }
    if at(set, aside).is_some_and(|call| call.win(owner)) {
        return number(owner, aside);
    }
    NO_SLOT
}

/// A free slot, taken for this identity; its fields hold what an earlier call left.
#[inline(always)]
pub(crate) fn take(identity: Identity) -> Option<&'static mut Call> {
    search(set_of(identity.owner), |call| call.take(identity.owner))
}

/// The number of the slot that [`take`] would take for a call of this thread; [`NO_SLOT`] if none
/// is free.
#[inline(always)]
pub(crate) fn take_slot(owner: u64) -> u32 {
    for (way, call) in set_of(owner).iter_mut().enumerate() {
        if call.take(owner) {
            return number(owner, way);
        }
    }
    NO_SLOT
}

/// Gives back the slots of this thread, which makes no more calls; how many there were. What was
/// set aside is left to the sweep: nothing is missing from it.
#[inline(always)]
pub(crate) fn forget_thread() -> u64 {
    let mut forgotten = 0;
    of_this_thread(|call| {
        call.release();
        forgotten += 1;
    });
    forgotten
}

/// Visits the calls under way of the thread that runs.
#[inline(always)]
pub(crate) fn of_this_thread(visit: impl FnMut(&mut Call)) {
    of_thread(this_thread(), visit);
}

/// Visits the calls under way of a thread: the address of its `struct task_struct`.
#[inline(always)]
pub(crate) fn of_thread(owner: u64, mut visit: impl FnMut(&mut Call)) {
    for call in set_of(owner) {
        if call.owner() == owner {
            visit(call);
        }
    }
}

/// Leaves `spent`, the tracer's own time on one call, out of the calls of the same thread in whose
/// middle it is made. A function that the verifier checks by itself, as in `probes/frames.rs`:
/// there are few such calls.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn leave_out(owner: u64, spent: u64) -> u32 {
    of_thread(owner, |call| call.mark = call.mark.wrapping_add(spent));
    0
}

impl Call {
    /// The same number, of which the verifier knows nothing. Of one that was computed it would know
    /// how, and follow what is done with it for each way to get there; and an argument of a hook
    /// can be a pointer to it.
    #[inline(always)]
    pub(crate) fn forget(&mut self, number: u64) -> u64 {
        // SAFETY: a valid, aligned field. Volatile, or the compiler would leave it out.
        unsafe {
            core::ptr::write_volatile(&raw mut self.forgotten, number);
            core::ptr::read_volatile(&raw const self.forgotten)
        }
    }

    /// Volatile, because other threads write to it, too.
    #[inline(always)]
    fn owner(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.owner) }
    }

    /// Takes a free slot. False if it is not free.
    #[inline(always)]
    fn take(&mut self, owner: u64) -> bool {
        self.owner() == 0 && compare_and_swap(&raw mut self.owner, 0, owner)
    }

    /// A call that begins, in the slot that its thread has taken.
    #[inline(always)]
    pub(crate) fn become_new(&mut self, identity: Identity, nested: bool) {
        self.context = identity.context;
        self.nested = u32::from(nested);
        self.singles = 0;
    }

    /// Sets it aside: nothing was collected, and perhaps nothing more comes. Not to be touched any
    /// more.
    #[inline(always)]
    pub(crate) fn set_aside(&mut self) {
        let owner = self.owner();
        // Nobody else writes to a slot that has an owner: this succeeds, and whoever sees it sees
        // what came before.
        compare_and_swap(&raw mut self.owner, owner, owner | ASIDE);
    }

    /// Makes it `owner`'s if it was set aside. False if somebody else was faster.
    #[inline(always)]
    fn win(&mut self, owner: u64) -> bool {
        self.owner() == owner || compare_and_swap(&raw mut self.owner, owner | ASIDE, owner)
    }

    /// Is it somebody's, and not set aside?
    #[inline(always)]
    pub(crate) fn is_taken(&self) -> bool {
        let owner = self.owner();
        owner != 0 && owner & (ASIDE | SWEPT) == 0
    }

    /// When it began; [`UNKNOWN`] or 0 where it has a slot and no time yet. Volatile, for who looks
    /// at calls of other threads.
    #[inline(always)]
    pub(crate) fn began(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.record.time_ns) }
    }

    /// The number of the step that is running, and when it began. Volatile, as [`Self::began`].
    #[inline(always)]
    pub(crate) fn running(&self) -> (u32, u64) {
        // SAFETY: valid, aligned fields; a stage is a number of 32 bits.
        unsafe {
            (
                core::ptr::read_volatile((&raw const self.stage).cast::<u32>()),
                core::ptr::read_volatile(&raw const self.mark),
            )
        }
    }

    /// Can a setup of this one entry be part of it?
    #[inline(always)]
    fn takes_single(&self, src: u64) -> bool {
        let first = self.arrays.src.min(src);
        let end = self.arrays.end().max(src.wrapping_add(ENTRY));
        self.singles != 0
            && self.context & DEVICE != 0
            && self.stage == Stage::Collected
            && end.wrapping_sub(first) <= REACH * ENTRY
    }

    /// Was a setup of this one entry, which it [takes](Self::takes_single), made for it?
    #[inline(always)]
    fn has_single(&self, src: u64) -> bool {
        let (word, bit) = place_of_single(src);
        let mut has = 0;
        // Not by an index, which the verifier would add up with that of the slot.
        for (nth, bits) in self.entries_of_singles.iter().enumerate() {
            has |= bits & if nth == word { bit } else { 0 };
        }
        has != 0
    }

    /// A setup of one entry is made for this eviction.
    #[inline(always)]
    pub(crate) fn note_single(&mut self, src: u64) {
        if self.singles == 0 {
            self.entries_of_singles = [0; REACH as usize / 64];
        } else {
            let first = self.arrays.src.min(src);
            let end = self.arrays.end().max(src.wrapping_add(ENTRY));
            self.arrays.src = first;
            self.arrays.entries = end.wrapping_sub(first) / ENTRY;
        }
        self.singles += 1;
        let (word, bit) = place_of_single(src);
        for (nth, bits) in self.entries_of_singles.iter_mut().enumerate() {
            if nth == word {
                *bits |= bit;
            }
        }
    }

    /// The driver goes on with an eviction: these are its entries. What lies between those that
    /// were set up was not collected.
    #[inline(always)]
    pub(crate) fn move_on(&mut self, src: u64, dst: u64, entries: u64) {
        self.arrays = Arrays { src, dst, entries };
        if self.singles > 1 || (self.singles == 1 && entries > 1) {
            self.record.ledger.requested = entries;
            // More than there are entries wrap here, and show as an unbalanced ledger.
            self.record.ledger.skipped = entries.wrapping_sub(self.collected.sum());
            // Of the others the driver knows that nobody uses them.
            let free = &mut self.record.apart.free;
            if *free != UNKNOWN {
                *free += entries.wrapping_sub(self.singles);
            }
        }
    }

    /// Marks the record of a call of which an array could not be read, if `unreadable` is not 0.
    #[inline(always)]
    pub(crate) fn unreadable(&mut self, unreadable: u64) {
        if unreadable != 0 {
            self.record.anomalies |= anomaly::UNREADABLE;
        }
    }

    /// Adds the driver's interval that ends now to its step of allocating and copying.
    #[inline(always)]
    pub(crate) fn end_alloc_and_copy(&mut self, now: u64) {
        let interval = self.interval(now);
        let step = &mut self.record.steps.alloc_and_copy_ns;
        *step = if *step == UNKNOWN {
            interval
        } else {
            *step + interval
        };
    }

    /// Is every entry of its arrays one page?
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.compound == 0
    }

    /// Was it set aside?
    #[inline(always)]
    pub(crate) fn is_aside(&self) -> bool {
        self.owner() & ASIDE != 0
    }

    /// Takes it from its thread, if it was set aside. False if the thread was faster.
    #[inline(always)]
    pub(crate) fn sweep(&mut self) -> bool {
        let owner = self.owner();
        owner & ASIDE != 0 && compare_and_swap(&raw mut self.owner, owner, SWEPT)
    }

    /// Where its `struct migrate_vma` lies; `None` for an eviction.
    #[inline(always)]
    pub(crate) fn migrate_vma(&self) -> Option<u64> {
        (self.context & DEVICE == 0).then_some(self.context)
    }

    /// Gives the slot back.
    #[inline(always)]
    pub(crate) fn release(&mut self) {
        // SAFETY: a valid, aligned field. Who looks at it from elsewhere must not take when this
        // call began for when the next one did, which has the slot before it has a time.
        unsafe { core::ptr::write_volatile(&raw mut self.record.time_ns, UNKNOWN) };
        // The last store to the slot.
        publish(&raw mut self.owner, 0);
    }

    /// How long the interval that is running has taken at `now`.
    #[inline(always)]
    pub(crate) fn interval(&self, now: u64) -> u64 {
        now.wrapping_sub(self.mark)
    }

    /// Goes from one stage to the next, or notes that a hook was missed.
    #[inline(always)]
    pub(crate) fn advance(&mut self, from: Stage, to: Stage) {
        if self.stage != from {
            self.incomplete = 1;
        }
        self.stage = to;
    }

    /// The hook that began to work at `began` is done, and the next interval begins. Returns how
    /// long it worked, which is in no interval: of this call, or of one around it.
    #[inline(always)]
    pub(crate) fn next_interval(&mut self, began: u64) -> u64 {
        let end = clock::now();
        let spent = end.wrapping_sub(began);
        if self.nested != 0 {
            leave_out(self.owner, spent);
        }
        self.mark = end;
        spent
    }

    /// The same in the middle of an interval, which goes on.
    #[inline(always)]
    pub(crate) fn same_interval(&mut self, began: u64) -> u64 {
        let mark = self.mark;
        let spent = self.next_interval(began);
        self.mark = mark.wrapping_add(spent);
        spent
    }

    /// Are calls of this thread around this one? To be asked before the slot is given back.
    #[inline(always)]
    pub(crate) fn around(&self) -> Around {
        Around(self.nested)
    }
}

/// Not 0 for a call that was made in the middle of another. Looked at once: with a look before the
/// call is ended as well, the compiler makes two of all that ends it.
#[derive(Clone, Copy)]
pub(crate) struct Around(u32);

impl Around {
    /// The hook that began to work at `began` is done, and the call's slot is somebody else's.
    #[inline(always)]
    pub(crate) fn leave_out_since(self, began: u64) {
        if self.0 != 0 {
            leave_out(this_thread(), clock::now().wrapping_sub(began));
        }
    }
}

/// One slot of the table. By a whole word: of half a one the verifier loses sight between the check
/// and the use.
#[inline(always)]
pub(crate) fn slot(index: u64) -> Option<&'static mut Call> {
    let slots = u64::from(SLOTS);
    if index >= slots {
        return None;
    }
    // The compiler may check another copy of the number than the one that is used, which the
    // verifier does not see.
    let index = core::hint::black_box(index) & (slots - 1);
    // SAFETY: one of them; as in `set_of`.
    Some(unsafe { &mut *(&raw mut IN_FLIGHT).cast::<Call>().add(index as usize) })
}
