//! Calls of which nothing more comes: abandoned ones whose thread does not return, and those of threads that died.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_loop,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};
use migrate_ebpf::wire::{Loss, SWEPT_ONE};

use super::setup::abandon;
use crate::{
    clock,
    in_flight::{self, SLOTS},
    losses,
};

/// What one sweep is about. In a map for the reason given in [`super::ledger`].
#[repr(C)]
struct Sweep {
    /// Calls that were set aside before are over.
    before: u64,
    /// Calls that are left.
    left: u64,
    /// A slot with a call that is over; past the table: none.
    over: u64,
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

/// Ends a call that collected nothing and has been silent for a while. Attached nowhere: user space runs it, one at
/// a time, and again as long as there was one. Its arguments are how long a call must have been silent, in nanoseconds,
/// and whether new calls are followed from here on. Returns how many calls are left in the table, and [`SWEPT_ONE`] if one was
/// ended.
///
/// One only, because a call is ended here and not in the callback: there the verifier would follow every combination of branches.
#[raw_tracepoint]
fn sweep(ctx: RawTracePointContext) -> i32 {
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
    sweep.over = SLOTS.into();
    // SAFETY: the callback finds the sweep by itself and uses no context.
    unsafe { bpf_loop(SLOTS, look_at_slot as *mut c_void, core::ptr::null_mut(), 0) };
    let left = sweep.left as i32;
    if let Some(call) = in_flight::slot(sweep.over as u32)
        && call.sweep()
    {
        abandon(call);
        return left | SWEPT_ONE as i32;
    }
    left
}

/// # Safety
///
/// Called by `bpf_loop`, from [`sweep`].
unsafe extern "C" fn look_at_slot(index: u64, _context: *mut c_void) -> i64 {
    let (Some(sweep), Some(call)) = (SWEEP.get_ptr_mut(0), in_flight::slot(index as u32)) else {
        return 1;
    };
    // SAFETY: as in `sweep`, which is waiting for this.
    let sweep = unsafe { &mut *sweep };
    if call.is_taken() {
        sweep.left += 1;
    } else if call.is_aside() {
        if call.mark > sweep.before {
            sweep.left += 1;
        } else {
            sweep.over = index;
        }
    }
    0
}

/// A thread dies. In the middle of a call it can't, unless the driver forgot to finalize or went wrong.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn thread_exit(_ctx: RawTracePointContext) -> i32 {
    let forgotten = in_flight::forget_thread();
    if forgotten > 0 {
        losses::add(Loss::Unfinished, forgotten);
    }
    0
}
