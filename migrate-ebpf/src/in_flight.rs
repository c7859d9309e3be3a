//! The table of calls in flight: what is known of a migration between its setup and its end.
//!
//! A plain array, because the JIT inlines look-ups in one, where a hash map costs a call, a hash and a bucket lock
//! at each hook. It is set-associative: a thread's calls live in the [`WAYS`] slots of one set. A slot is taken by
//! compare-and-swap on its owner; from then on only its thread touches it.
//!
//! A call whose setup collected nothing may never be heard of again. Its thread sets it aside: from then on whoever
//! wants it, the thread itself or the sweep on another CPU, has to win it by compare-and-swap.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::map, maps::Array};
use migrate_ebpf::wire::Record;

use crate::clock;

const SETS: u32 = 256;
const WAYS: u32 = 8;
/// Slots of the table.
pub(crate) const SLOTS: u32 = SETS * WAYS;

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
    /// The thread that made the call, with [`TAKEN`] and perhaps [`ASIDE`]; [`SWEPT`]; or 0 for a free slot.
    owner: u64,
    /// What tells the thread's calls apart, see [`Identity`].
    context: u64,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// A hook was missed: the record would have a gap.
    pub(crate) incomplete: u32,
    /// When the interval that is running began.
    pub(crate) mark: u64,
    /// The arrays of the call, and how many entries they have.
    pub(crate) arrays: Arrays,
    /// Base pages that were collected when the kernel began to unmap them; `UNKNOWN` where that was not seen.
    pub(crate) before_unmap: u64,
    /// What setup collected, in base pages: real pages, and holes.
    pub(crate) collected: Kinds,
    /// For what the driver gave a destination, in base pages.
    pub(crate) attempted: Kinds,
    /// It began while another call of its thread was under way.
    nested: u32,
    /// Its entries may stand for several pages.
    pub(crate) compound: u32,
    /// What will be reported.
    pub(crate) record: Record,
}

/// The arrays of one call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Arrays {
    pub(crate) src: u64,
    pub(crate) dst: u64,
    pub(crate) entries: u64,
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

/// Tells an owner from a free slot: thread 0 is the idle task, but a slot may not depend on that.
const TAKEN: u64 = 1 << 63;
/// Set aside: nobody's until it is won.
const ASIDE: u64 = 1 << 62;
/// The owner of a slot that the sweep has won.
const SWEPT: u64 = 1 << 61;

/// Marks the context of an eviction: an array is aligned to words, so the bit is free.
const DEVICE: u64 = 1;

#[map]
static IN_FLIGHT: Array<Call> = Array::with_max_entries(SLOTS, 0);

/// Who makes a call: one thread, and the address of its `struct migrate_vma` or (on the device path) `src_pfns`.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    owner: u64,
    context: u64,
    /// Is it an eviction? Says the same as `context`, in which it cannot be asked for: to the verifier an argument of a
    /// hook is a pointer, and has no bits.
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
}

#[inline(always)]
fn this_thread() -> u64 {
    TAKEN | u64::from(bpf_get_current_pid_tgid() as u32)
}

/// The first slot of the owner's set.
#[inline(always)]
fn set_of(owner: u64) -> u32 {
    (owner as u32 % SETS) * WAYS
}

/// The call with this identity, unless it was set aside.
#[inline(always)]
pub(crate) fn find(identity: Identity) -> Option<&'static mut Call> {
    let first = set_of(identity.owner);
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner() == identity.owner && call.context == identity.context {
            return Some(call);
        }
    }
    None
}

/// The call with this identity, also if it was set aside: it goes on.
#[inline(always)]
pub(crate) fn resume(identity: Identity) -> Option<&'static mut Call> {
    let first = set_of(identity.owner);
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner() & !ASIDE == identity.owner && call.context == identity.context {
            return call.win(identity.owner).then_some(call);
        }
    }
    None
}

/// The call of this thread whose setup works on this array now.
#[inline(always)]
pub(crate) fn find_in_setup(src: u64) -> Option<&'static mut Call> {
    let owner = this_thread();
    let first = set_of(owner);
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner() == owner && call.stage == Stage::InSetup && call.arrays.src == src {
            return Some(call);
        }
    }
    None
}

/// What a thread has in the table when it begins a call.
pub(crate) struct Others {
    /// A call that has ended without telling.
    pub(crate) abandoned: Option<&'static mut Call>,
    /// Other calls are under way, and the new one is made in the middle of them.
    pub(crate) nested: bool,
}

/// Looks at a thread's calls when it begins the one with this identity.
///
/// An earlier call from the same place has ended. So has one that was set aside, because it has nothing to allocate
/// for, and so nothing in the middle of which another call could be made; but a driver may evict before it looks at what
/// was collected, so that an eviction only ends evictions.
#[inline(always)]
pub(crate) fn others(identity: Identity) -> Others {
    let first = set_of(identity.owner);
    // Past the table: none.
    let (mut same, mut aside, mut nested) = (SLOTS, SLOTS, false);
    for way in 0..WAYS {
        let Some(call) = slot(first + way) else {
            break;
        };
        let owner = call.owner();
        if owner & !ASIDE != identity.owner {
            continue;
        }
        if call.context == identity.context {
            same = first + way;
        } else if owner == identity.owner {
            nested = true;
        } else if !identity.device || call.context & DEVICE != 0 {
            aside = first + way;
        }
    }
    let abandoned = slot(if same < SLOTS { same } else { aside });
    Others {
        abandoned: abandoned.and_then(|call| call.win(identity.owner).then_some(call)),
        nested,
    }
}

/// A free slot, taken for this identity; its fields hold what an earlier call left.
#[inline(always)]
pub(crate) fn take(identity: Identity, nested: bool) -> Option<&'static mut Call> {
    let first = set_of(identity.owner);
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner() == 0 && compare_and_swap(&raw mut call.owner, 0, identity.owner) {
            call.context = identity.context;
            call.nested = u32::from(nested);
            return Some(call);
        }
    }
    None
}

/// Gives back the slots of this thread, which makes no more calls; how many there were. What was set aside is left to
/// the sweep: nothing is missing from it.
#[inline(always)]
pub(crate) fn forget_thread() -> u64 {
    let owner = this_thread();
    let first = set_of(owner);
    let mut forgotten = 0;
    for way in 0..WAYS {
        let Some(call) = slot(first + way) else {
            break;
        };
        if call.owner() == owner {
            call.release();
            forgotten += 1;
        }
    }
    forgotten
}

/// Leaves `spent`, the tracer's own time on one call, out of the calls of the same thread in whose middle it is made.
#[inline(always)]
fn leave_out(owner: u64, spent: u64) {
    let first = set_of(owner);
    for way in 0..WAYS {
        let Some(call) = slot(first + way) else {
            return;
        };
        if call.owner() == owner {
            call.mark = call.mark.wrapping_add(spent);
        }
    }
}

impl Call {
    /// Volatile, because other threads write to it, too.
    #[inline(always)]
    fn owner(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.owner) }
    }

    /// Sets it aside: nothing was collected, and perhaps nothing more comes. Not to be touched any more.
    #[inline(always)]
    pub(crate) fn set_aside(&mut self) {
        let owner = self.owner();
        // Nobody else writes to a slot that has an owner: this succeeds, and whoever sees it sees what came before.
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
        self.owner() & (TAKEN | ASIDE) == TAKEN
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
        // SAFETY: a valid, aligned field. Volatile so that it stays the last store to the slot.
        unsafe { core::ptr::write_volatile(&raw mut self.owner, 0) };
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

    /// The hook that began to work at `began` is done, and the next interval begins. Returns how long it worked, which
    /// is in no interval: of this call, or of one around it.
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

    /// Whose calls are around this one, to be asked before the slot is given back.
    #[inline(always)]
    pub(crate) fn around(&self) -> Around {
        Around(if self.nested != 0 { self.owner } else { 0 })
    }
}

/// The thread that made a call in the middle of another, or 0.
#[derive(Clone, Copy)]
pub(crate) struct Around(u64);

impl Around {
    /// The hook that began to work at `began` is done, and the call's slot is somebody else's.
    #[inline(always)]
    pub(crate) fn leave_out_since(self, began: u64) {
        if self.0 != 0 {
            leave_out(self.0, clock::now().wrapping_sub(began));
        }
    }
}

/// One slot.
#[inline(always)]
pub(crate) fn slot(index: u32) -> Option<&'static mut Call> {
    // SAFETY: the map's memory lives as long as the program. A slot is used by its owner only (see the module's
    // documentation); `owner` itself, which others read, is a single aligned word.
    IN_FLIGHT
        .get_ptr_mut(index)
        .map(|call| unsafe { &mut *call })
}

#[inline(always)]
fn compare_and_swap(word: *mut u64, old: u64, new: u64) -> bool {
    // SAFETY: `word` points to an aligned word of a map's value.
    let (_, swapped) = unsafe {
        atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, old, new)
    };
    swapped
}

/// Adds to a counter that all CPUs share; returns what it was.
///
/// # Safety
///
/// `counter` points to an aligned word of a map's value.
#[inline(always)]
pub(crate) unsafe fn fetch_add(counter: *mut u64, value: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(counter, value) }
}
