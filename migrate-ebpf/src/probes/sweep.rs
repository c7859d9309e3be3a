//! Calls of which nothing more comes: abandoned ones whose thread does not return, and those of
//! threads that died.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_loop,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};
use migrate_ebpf::wire::{Loss, SWEPT_ALL_IT_COULD};

use super::{
    setup::{abandon, abandon_slot},
    waits,
};
use crate::{
    clock,
    in_flight::{self, NO_SLOT, SLOTS},
    losses,
};

/// Calls that one run ends at most.
const AT_ONCE: usize = 256;

/// What one run is about. In a map for the reason given in [`super::ledger`].
#[repr(C)]
struct Sweep {
    /// Calls that were set aside before are over.
    before: u64,
    /// Calls that are left.
    left: u64,
    /// How many slots stand in `over`.
    found: u64,
    /// Slots with calls that are over.
    over: [u32; AT_ONCE],
}

#[map]
static SWEEP: Array<Sweep> = Array::with_max_entries(1, 0);

/// Not 0 while new calls are followed: when every hook is in place, until tracing ends.
#[unsafe(no_mangle)]
static mut FOLLOWING: u64 = 0;

/// Are new calls followed?
#[inline(always)]
pub(super) fn following() -> bool {
    // SAFETY: an aligned word. Volatile, because it changes while programs run.
    unsafe { core::ptr::read_volatile(&raw const FOLLOWING) != 0 }
}

/// Ends calls that collected nothing and have been silent for a while. Attached nowhere: user space
/// runs it, one at a time, and again as long as it ended all that it could. Its arguments are how
/// long a call must have been silent, in nanoseconds, and whether new calls are followed from here
/// on. Returns how many calls are left in the table, and [`SWEPT_ALL_IT_COULD`] if there may be
/// more that are over.
///
/// Without the macro for such programs, which returns 0 whatever the function returns.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tp")]
extern "C" fn sweep(ctx: *mut c_void) -> i32 {
    let ctx = RawTracePointContext::new(ctx);
    let Some(sweep) = SWEEP.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: the map's value, which only this program writes to, and which runs once at a time.
    let sweep = unsafe { &mut *sweep };
    let (silent_ns, following): (u64, u64) = (ctx.arg(0), ctx.arg(1));
    // SAFETY: an aligned word. Volatile, because other programs read it.
    unsafe { core::ptr::write_volatile(&raw mut FOLLOWING, following) };
    sweep.before = clock::now().saturating_sub(silent_ns);
    sweep.left = 0;
    sweep.found = 0;
    // SAFETY: the callbacks find the sweep by themselves and use no context.
    unsafe {
        bpf_loop(SLOTS, look_at_slot as *mut c_void, core::ptr::null_mut(), 0);
        let found = sweep.found as u32;
        bpf_loop(found, end_found as *mut c_void, core::ptr::null_mut(), 0);
    }
    let left = sweep.left as i32;
    if sweep.found >= AT_ONCE as u64 {
        left | SWEPT_ALL_IT_COULD as i32
    } else {
        left
    }
}

/// # Safety
///
/// Called by `bpf_loop`, from [`sweep`].
unsafe extern "C" fn look_at_slot(index: u64, _context: *mut c_void) -> i64 {
    let (Some(sweep), Some(call)) = (SWEEP.get_ptr_mut(0), in_flight::slot(index)) else {
        return 1;
    };
    // SAFETY: as in `sweep`, which is waiting for this.
    let sweep = unsafe { &mut *sweep };
    if call.is_taken() {
        sweep.left += 1;
    } else if call.is_aside() {
        let found = sweep.found;
        if found < AT_ONCE as u64 && call.mark <= sweep.before {
            sweep.over[place(found)] = index as u32;
            sweep.found = found + 1;
        } else {
            sweep.left += 1;
        }
    }
    0
}

/// # Safety
///
/// Called by `bpf_loop`, from [`sweep`].
unsafe extern "C" fn end_found(index: u64, _context: *mut c_void) -> i64 {
    let Some(sweep) = SWEEP.get_ptr_mut(0) else {
        return 1;
    };
    // SAFETY: as in `sweep`, which is waiting for this.
    let sweep = unsafe { &*sweep };
    end_set_aside(sweep.over[place(index)].into());
    0
}

const _: () = assert!(AT_ONCE.is_power_of_two());

/// A place that the verifier sees to be one. The compiler knows it already, and would leave out
/// what tells the verifier.
#[inline(always)]
fn place(index: u64) -> usize {
    (core::hint::black_box(index) % AT_ONCE as u64) as usize
}

/// Ends the call in this slot, if its thread has not gone on with it.
///
/// A function that the verifier checks by itself, because it is not mangled and so global. As a
/// part of the callback it would be followed through every combination of its branches.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn end_set_aside(slot: u64) -> u32 {
    if let Some(call) = in_flight::slot(slot)
        && call.sweep()
    {
        abandon(call);
    }
    0
}

/// A thread dies. In the middle of a call it can't, unless the driver forgot to finalize or went
/// wrong.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn thread_exit(_ctx: RawTracePointContext) -> i32 {
    let forgotten = in_flight::forget_thread();
    if forgotten > 0 {
        losses::add(Loss::Unfinished, forgotten);
    }
    waits::thread_ends();
    // What it had set aside is over. Mostly it is one at the most; others are left to the sweep.
    let aside = in_flight::aside_of_this_thread();
    if aside != NO_SLOT {
        abandon_slot(aside);
    }
    0
}
