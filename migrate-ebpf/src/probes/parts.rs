//! Where the time of setup goes: hooks around what the kernel does in it, for the migration that
//! the thread is in. And where that of the driver's steps goes: what a driver has the kernel do.
//!
//! One part can be in the middle of another (`try_to_migrate` invalidates). Time is counted for the
//! innermost, so that the parts add up. What the hooks themselves take is in no part and in no
//! step.

use aya_ebpf::{
    macros::{fentry, fexit, kprobe, kretprobe, raw_tracepoint},
    programs::{FEntryContext, FExitContext, ProbeContext, RawTracePointContext, RetProbeContext},
};

use super::waits;
use crate::{
    clock,
    in_flight::{self, Call, Stage},
};

/// Kinds of parts, as numbers of four bits: [`Call::parts`] holds those that the thread is in, the
/// innermost lowest.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Part {
    LruDrain = 1,
    Invalidate = 2,
    Rmap = 3,
    Split = 4,
    Fence = 5,
    Lock = 6,
    Alloc = 7,
    DmaMap = 8,
}

impl Part {
    /// Is it a part of the driver's steps, and of no other?
    #[inline(always)]
    fn is_drivers(self) -> bool {
        self as u32 >= Self::Fence as u32
    }
}

/// Which of the driver's steps a call is in.
#[inline(always)]
fn drivers_step(call: &Call) -> Option<usize> {
    match call.stage {
        Stage::Collected => Some(0),
        Stage::Migrated => Some(1),
        _ => None,
    }
}

const BITS: u32 = 4;
const MASK: u32 = (1 << BITS) - 1;

#[inline(always)]
fn enter(part: Part) {
    let began = clock::now();
    let Some(call) = in_flight::innermost() else {
        return;
    };
    if !part.is_drivers() || drivers_step(call).is_some() {
        push(call, part, began);
    }
}

#[inline(always)]
fn push(call: &mut Call, part: Part, began: u64) {
    charge(call, began);
    call.parts = call.parts << BITS | part as u32;
    end(call, began);
}

#[inline(always)]
fn leave(part: Part) {
    let began = clock::now();
    let Some(call) = in_flight::innermost() else {
        return;
    };
    pop(call, part, began);
}

#[inline(always)]
fn pop(call: &mut Call, part: Part, began: u64) {
    // Else its entry was not seen: the call began in the middle of it.
    if call.parts & MASK == part as u32 {
        charge(call, began);
        call.parts >>= BITS;
        end(call, began);
    }
}

/// The thread begins to wait for a lock. A lock in the middle of it is a part of that.
#[inline(always)]
pub(super) fn enter_lock(lock: u64, flags: u64, began: u64) {
    if let Some(call) = in_flight::innermost()
        && !call.lock.is_under_way()
        && drivers_step(call).is_some()
    {
        call.lock.begin(waits::contended(lock, flags), began);
        push(call, Part::Lock, began);
    }
}

/// It has the lock.
#[inline(always)]
pub(super) fn leave_lock(lock: u64, now: u64) {
    if let Some(call) = in_flight::innermost()
        && call.lock.end(lock, now, &mut call.details.contended)
    {
        pop(call, Part::Lock, now);
    }
}

/// Gives the time until now to the part that the thread was in.
#[inline(always)]
fn charge(call: &mut Call, now: u64) {
    let ns = now.wrapping_sub(call.part_since);
    let parts = &mut call.details.parts;
    let sum = match call.parts & MASK {
        1 => &mut parts.lru_drain_ns,
        2 => &mut parts.invalidate_ns,
        3 => &mut parts.rmap_ns,
        4 => &mut parts.split_ns,
        5.. => return charge_drivers(call, ns),
        _ => return,
    };
    *sum += ns;
}

#[inline(always)]
fn charge_drivers(call: &mut Call, ns: u64) {
    // Not by an index, which the verifier would follow into each of the two.
    let parts = match drivers_step(call) {
        Some(0) => &mut call.details.driver[0],
        Some(_) => &mut call.details.driver[1],
        None => return,
    };
    let sum = match call.parts & MASK {
        5 => &mut parts.fence_ns,
        6 => &mut parts.lock_ns,
        7 => &mut parts.alloc_ns,
        _ => &mut parts.dma_map_ns,
    };
    *sum += ns;
}

/// The hook is done: the step goes on, and so does the part.
#[inline(always)]
fn end(call: &mut Call, began: u64) {
    let spent = call.same_interval(began);
    call.part_since = began.wrapping_add(spent);
    // Kept with the call of the kernel in which it happens, or that was before: setup, mostly.
    if call.stage == Stage::Migrated {
        call.record.probe.pages_ns += spent;
    } else {
        call.record.probe.setup_ns += spent;
    }
}

/// Both kinds of hooks of one kernel function.
macro_rules! part {
    ($part:expr, $entry:ident, $return:ident, $entry_kprobe:ident, $return_kprobe:ident) => {
        #[fentry]
        fn $entry(_ctx: FEntryContext) -> i32 {
            enter($part);
            0
        }

        #[fexit]
        fn $return(_ctx: FExitContext) -> i32 {
            leave($part);
            0
        }

        #[kprobe]
        fn $entry_kprobe(_ctx: ProbeContext) -> u32 {
            enter($part);
            0
        }

        #[kretprobe]
        fn $return_kprobe(_ctx: RetProbeContext) -> u32 {
            leave($part);
            0
        }
    };
}

part!(
    Part::LruDrain,
    lru_drain_entry,
    lru_drain_return,
    lru_drain_entry_kprobe,
    lru_drain_return_kprobe
);
part!(
    Part::Invalidate,
    invalidate_entry,
    invalidate_return,
    invalidate_entry_kprobe,
    invalidate_return_kprobe
);
part!(
    Part::Invalidate,
    invalidate_end_entry,
    invalidate_end_return,
    invalidate_end_entry_kprobe,
    invalidate_end_return_kprobe
);
part!(
    Part::Rmap,
    rmap_entry,
    rmap_return,
    rmap_entry_kprobe,
    rmap_return_kprobe
);
part!(
    Part::Split,
    split_entry,
    split_return,
    split_entry_kprobe,
    split_return_kprobe
);
part!(
    Part::Split,
    split_unmapped_entry,
    split_unmapped_return,
    split_unmapped_entry_kprobe,
    split_unmapped_return_kprobe
);

part!(
    Part::Alloc,
    alloc_entry,
    alloc_return,
    alloc_entry_kprobe,
    alloc_return_kprobe
);
part!(
    Part::DmaMap,
    dma_map_entry,
    dma_map_return,
    dma_map_entry_kprobe,
    dma_map_return_kprobe
);
part!(
    Part::DmaMap,
    dma_map_sg_entry,
    dma_map_sg_return,
    dma_map_sg_entry_kprobe,
    dma_map_sg_return_kprobe
);

#[raw_tracepoint(tracepoint = "dma_fence_wait_start")]
fn fence_wait_start(_ctx: RawTracePointContext) -> i32 {
    enter(Part::Fence);
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_wait_end")]
fn fence_wait_end(_ctx: RawTracePointContext) -> i32 {
    leave(Part::Fence);
    0
}
