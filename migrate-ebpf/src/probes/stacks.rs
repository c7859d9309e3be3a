//! Who called: stacks at setup.
//!
//! To walk the kernel's stack takes as long as all else that is done at setup. Which driver calls is told by `pgmap_owner` as
//! well, so that one walk for each owner is enough; unless stacks of every migration are asked for, or there is no owner.

use aya_ebpf::{
    bindings::BPF_F_USER_STACK,
    helpers::generated::bpf_get_stack,
    macros::map,
    maps::{Array, PerCpuArray, StackTrace},
    programs::tracing::StackIdContext,
};
use migrate_ebpf::wire::{Loss, NO_STACK};

use super::setup::Setup;
use crate::{
    atomic::compare_and_swap,
    config::{config, filter, names_driver, records},
    in_flight::Call,
    losses,
};

/// Every stack once. How many fit, user space says.
#[map]
static STACKS: StackTrace = StackTrace::with_max_entries(64, 0);

/// A stack that an owner's migrations were seen to begin with.
#[repr(C)]
struct Owner {
    /// `pgmap_owner`; 0 for a free place.
    pgmap_owner: u64,
    /// The id of the stack, and 1; 0 while it is being taken.
    stack: u64,
}

const OWNERS: u64 = 64;
/// Places where an owner is looked for.
const TRIES: u64 = 4;

#[map]
static KNOWN_OWNERS: Array<Owner> = Array::with_max_entries(OWNERS as u32, 0);

/// Keeps what was asked for of the stacks at setup.
#[inline(always)]
pub(super) fn take(ctx: &impl StackIdContext, call: &mut Call, setup: Setup) {
    call.foreign = u32::from(names_driver() && !is_from_driver(ctx, setup));
    if !records() {
        return;
    }
    let record = &mut call.record;
    record.kernel_stack = if config!(kernel_stacks) == 0 && record.pgmap_owner != 0 {
        stack_of(ctx, record.pgmap_owner)
    } else {
        keep(ctx, 0)
    };
    record.user_stack = if config!(user_stacks) != 0 {
        keep(ctx, u64::from(BPF_F_USER_STACK))
    } else {
        NO_STACK
    };
}

/// The id of the stack that leads here.
#[inline(always)]
fn keep(ctx: &impl StackIdContext, flags: u64) -> i32 {
    match ctx.get_stackid(&STACKS, flags) {
        Ok(id) => id as i32,
        Err(_) => {
            losses::count(Loss::StackLost);
            NO_STACK
        }
    }
}

/// A stack that a call with this owner had.
#[inline(always)]
fn stack_of(ctx: &impl StackIdContext, pgmap_owner: u64) -> i32 {
    // It is an address: its low bits say little.
    let first = pgmap_owner >> 6;
    for place in first..first + TRIES {
        let Some(owner) = KNOWN_OWNERS.get_ptr_mut((place % OWNERS) as u32) else {
            break;
        };
        // SAFETY: aligned words of a map's value, which lives as long as the program; volatile, because other CPUs write them.
        let (known, stack) = unsafe {
            (
                core::ptr::read_volatile(&raw const (*owner).pgmap_owner),
                core::ptr::read_volatile(&raw const (*owner).stack),
            )
        };
        if known == pgmap_owner && stack != 0 {
            return stack as i32 - 1;
        }
        // SAFETY: as above.
        let place_of_owner = unsafe { &raw mut (*owner).pgmap_owner };
        if known == 0 && compare_and_swap(place_of_owner, 0, pgmap_owner) {
            let stack = keep(ctx, 0);
            // SAFETY: as above; only who has won the place writes it.
            unsafe { core::ptr::write_volatile(&raw mut (*owner).stack, (stack + 1) as u64) };
            return stack;
        }
    }
    keep(ctx, 0)
}

/// Frames in which a driver is looked for.
const FRAMES: usize = 32;

/// A place for each way to begin: a program is never preempted by itself.
#[map]
static FRAMES_OF: PerCpuArray<[u64; FRAMES]> =
    PerCpuArray::with_max_entries(Setup::Pfns as u32 + 1, 0);

/// Is the driver that the filter asks for in the stack? If it cannot be seen, it is not.
#[inline(always)]
fn is_from_driver(ctx: &impl StackIdContext, setup: Setup) -> bool {
    let Some(frames) = FRAMES_OF.get_ptr_mut(setup as u32) else {
        return false;
    };
    // SAFETY: this CPU's value, used by one program only.
    let frames = unsafe { &mut *frames };
    // SAFETY: the helper writes at most the bytes that it is told there are.
    let bytes = unsafe {
        bpf_get_stack(
            ctx.as_ptr(),
            frames.as_mut_ptr().cast(),
            size_of::<[u64; FRAMES]>() as u32,
            0,
        )
    };
    let (start, end) = (filter!(driver_start), filter!(driver_end));
    for (place, frame) in frames.iter().enumerate() {
        if (place * 8) as i64 >= bytes {
            break;
        }
        if (start..end).contains(frame) {
            return true;
        }
    }
    false
}
