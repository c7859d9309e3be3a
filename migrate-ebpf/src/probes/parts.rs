//! Where the time of setup goes: hooks around what the kernel does in it, for the migration that
//! the thread is in.
//!
//! One part can be in the middle of another (`try_to_migrate` invalidates). Time is counted for the
//! innermost, so that the parts add up. What the hooks themselves take is in no part and in no
//! step.

use aya_ebpf::{
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};

use crate::{
    clock,
    in_flight::{self, Call},
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
}

const BITS: u32 = 4;
const MASK: u32 = (1 << BITS) - 1;

#[inline(always)]
fn enter(part: Part) {
    let began = clock::now();
    let Some(call) = in_flight::innermost() else {
        return;
    };
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
    // Else its entry was not seen: the call began in the middle of it.
    if call.parts & MASK == part as u32 {
        charge(call, began);
        call.parts >>= BITS;
        end(call, began);
    }
}

/// Gives the time until now to the part that the thread was in.
#[inline(always)]
fn charge(call: &mut Call, now: u64) {
    let parts = &mut call.details.parts;
    let sum = match call.parts & MASK {
        1 => &mut parts.lru_drain_ns,
        2 => &mut parts.invalidate_ns,
        3 => &mut parts.rmap_ns,
        4 => &mut parts.split_ns,
        _ => return,
    };
    *sum += now.wrapping_sub(call.part_since);
}

/// The hook is done: the step goes on, and so does the part.
#[inline(always)]
fn end(call: &mut Call, began: u64) {
    let spent = call.same_interval(began);
    call.part_since = began.wrapping_add(spent);
    // Kept with the call of the kernel in which it happens, which is setup but for splits.
    call.record.probe.setup_ns += spent;
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
