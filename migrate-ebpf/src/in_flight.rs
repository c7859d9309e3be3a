//! The table of calls in flight: what is known of a migration between its setup and its end.
//!
//! A plain array, because the JIT inlines look-ups in one, where a hash map costs a call, a hash and a bucket lock
//! at each of the six hooks. It is set-associative: a thread's calls live in the [`WAYS`] slots of one set. A slot
//! is taken by compare-and-swap on its owner; from then on only its thread touches it.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::map, maps::Array};
use migrate_ebpf::wire::Record;

const SETS: u32 = 256;
const WAYS: u32 = 8;

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
    /// The thread that made the call, with [`TAKEN`]; 0 for a free slot.
    owner: u64,
    /// What tells the thread's calls apart: the address of `struct migrate_vma`, or of `src_pfns` on the device path.
    context: u64,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// A hook was missed: the record would have a gap.
    pub(crate) incomplete: u32,
    /// When the interval that is running began.
    pub(crate) mark: u64,
    /// The arrays of the call, and how many entries they have.
    pub(crate) arrays: Arrays,
    /// What setup collected, in base pages: real pages, and holes.
    pub(crate) collected: Kinds,
    /// For what the driver gave a destination, in base pages.
    pub(crate) attempted: Kinds,
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

/// Tells an owner from a free slot: thread 0 is the idle task, but a slot may not depend on that.
const TAKEN: u64 = 1 << 63;

#[map]
static IN_FLIGHT: Array<Call> = Array::with_max_entries(SETS * WAYS, 0);

/// Who makes a call: one thread and one context.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    owner: u64,
    context: u64,
}

impl Identity {
    #[inline(always)]
    pub(crate) fn new(tid: u32, context: u64) -> Self {
        Self {
            owner: TAKEN | u64::from(tid),
            context,
        }
    }

    #[inline(always)]
    fn first_slot(self) -> u32 {
        (self.owner as u32 % SETS) * WAYS
    }
}

/// The call with this identity.
#[inline(always)]
pub(crate) fn find(identity: Identity) -> Option<&'static mut Call> {
    let first = identity.first_slot();
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner == identity.owner && call.context == identity.context {
            return Some(call);
        }
    }
    None
}

/// The call that this thread made with this context.
#[inline(always)]
pub(crate) fn find_current(context: u64) -> Option<&'static mut Call> {
    find(Identity::new(bpf_get_current_pid_tgid() as u32, context))
}

/// A free slot, taken for this identity; its fields hold what an earlier call left.
#[inline(always)]
pub(crate) fn take(identity: Identity) -> Option<&'static mut Call> {
    let first = identity.first_slot();
    for way in 0..WAYS {
        let call = slot(first + way)?;
        if call.owner == 0 && compare_and_swap(&raw mut call.owner, 0, identity.owner) {
            call.context = identity.context;
            return Some(call);
        }
    }
    None
}

impl Call {
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
}

#[inline(always)]
fn slot(index: u32) -> Option<&'static mut Call> {
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
