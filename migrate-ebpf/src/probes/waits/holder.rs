//! Where the thread is that holds a lock, if it is off its CPU: the kernel tells the stack of
//! another thread only while that does not run. Who spins, or computes with the lock held, has
//! none.

use aya_ebpf::{
    helpers::generated::bpf_get_task_stack,
    macros::map,
    maps::{Array, PerCpuArray},
};
use migrate_ebpf::wire::{
    HOLDER_FRAMES, HOLDER_STACKS, HolderStack, Loss, TASK_FROM_PID, TASK_RELEASE,
};

use crate::{atomic::compare_and_swap, config::config, losses};

/// By their hashes. User space looks into it when a record tells of one.
#[map]
static HOLDERS: Array<HolderStack> = Array::with_max_entries(HOLDER_STACKS as u32, 0);

/// One stack, for the reason given in [`crate::probes::ledger`].
#[map]
static HOLDER: PerCpuArray<HolderStack> = PerCpuArray::with_max_entries(1, 0);

/// Where the thread with this number is now: a place as in
/// [`Contended::holder_stack`](migrate_ebpf::wire::Contended::holder_stack). A function of its own
/// for the reason given in [`crate::probes::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn stack_of_holder(tid: u32) -> u32 {
    if tid == 0 || config!(task_from_pid) == 0 || config!(task_release) == 0 {
        return 0;
    }
    let Some(holder) = HOLDER.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: this processor's own, and a program does not run in the middle of itself.
    let holder = unsafe { &mut *holder };
    if read(tid, holder) { keep(holder) } else { 0 }
}

/// Reads the stack of a thread. False if it has none to show.
#[inline(always)]
fn read(tid: u32, holder: &mut HolderStack) -> bool {
    holder.frames = [0; HOLDER_FRAMES];
    // SAFETY: it takes a number.
    let thread = unsafe { call::<{ TASK_FROM_PID.stands_for }>(tid.into()) };
    if thread == 0 {
        return false;
    }
    // SAFETY: there is room for all of the frames. The thread is let go of again; the verifier
    // would not allow anything else.
    let bytes = unsafe {
        let bytes = bpf_get_task_stack(
            thread as *mut _,
            holder.frames.as_mut_ptr().cast(),
            size_of_val(&holder.frames) as u32,
            0,
        );
        call::<{ TASK_RELEASE.stands_for }>(thread);
        bytes
    };
    bytes > 0
}

/// Calls a function of the kernel's that takes one argument, as in [`crate::probes::words`].
///
/// # Safety
///
/// What the function asks for holds.
#[inline(always)]
unsafe fn call<const FUNCTION: u32>(argument: u64) -> u64 {
    let returned;
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            ".byte 0x85, 0x20, 0, 0",
            ".long {function}",
            function = const FUNCTION,
            inlateout("r1") argument => _,
            lateout("r0") returned,
            lateout("r2") _,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
            options(nostack, nomem),
        );
    }
    returned
}

/// Puts a stack to where it is to be found.
#[inline(always)]
fn keep(holder: &mut HolderStack) -> u32 {
    let mut hash = 1;
    for frame in holder.frames {
        hash = (hash ^ frame).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    // 0 is no hash.
    holder.hash = hash | 1;
    let place = (hash >> 32) as usize % HOLDER_STACKS;
    let Some(kept) = HOLDERS.get_ptr_mut(place as u32) else {
        return 0;
    };
    // SAFETY: the map's value. Whoever puts its hash there writes the frames; who finds it there
    // before they are may be told of frames that are 0.
    unsafe {
        let known = core::ptr::read_volatile(&raw const (*kept).hash);
        if known == 0 && compare_and_swap(&raw mut (*kept).hash, 0, holder.hash) {
            (*kept).frames = holder.frames;
        } else if known != holder.hash {
            losses::count(Loss::StackLost);
            return 0;
        }
    }
    place as u32 + 1
}
