//! Tells which calls are under way, for whoever asks while they last: a call that hangs comes to no
//! hook that could tell.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    helpers::generated::bpf_loop,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};
use migrate_ebpf::wire::{CallsUnderWay, MOST_UNDER_WAY, Outcome, UnderWay};

use super::emit::copy;
use crate::in_flight::{self, Call, SLOTS};

/// User space reads it as memory, for the reason given in [`crate::losses`].
#[map]
static UNDER_WAY: Array<CallsUnderWay> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Calls that began later are not asked for. Not in the answer, which callbacks fill.
#[unsafe(no_mangle)]
static mut UNDER_WAY_BEFORE: u64 = 0;

/// Looks for calls that began before a time, its first argument. Attached nowhere: user space runs
/// it, one at a time.
#[raw_tracepoint]
fn under_way(ctx: RawTracePointContext) -> i32 {
    let Some(answer) = answer() else {
        return 0;
    };
    (answer.found, answer.oldest_ns) = (0, u64::MAX);
    // SAFETY: an aligned word, and a callback that takes no context.
    unsafe {
        core::ptr::write_volatile(&raw mut UNDER_WAY_BEFORE, ctx.arg(0));
        bpf_loop(SLOTS, look_at_slot as *mut c_void, core::ptr::null_mut(), 0);
    }
    0
}

#[inline(always)]
fn answer() -> Option<&'static mut CallsUnderWay> {
    // SAFETY: the map's value, which only this program writes to, and which runs once at a time.
    UNDER_WAY
        .get_ptr_mut(0)
        .map(|answer| unsafe { &mut *answer })
}

/// # Safety
///
/// Called by `bpf_loop`, from [`under_way`].
unsafe extern "C" fn look_at_slot(index: u64, _context: *mut c_void) -> i64 {
    let (Some(answer), Some(call)) = (answer(), in_flight::slot(index)) else {
        return 1;
    };
    // SAFETY: an aligned word. Volatile, or the compiler would take it for what it was at first.
    let before = unsafe { core::ptr::read_volatile(&raw const UNDER_WAY_BEFORE) };
    let began = call.began();
    if !call.is_taken() || began == 0 || began >= before {
        return 0;
    }
    let found = answer.found;
    let place = (core::hint::black_box(found) % MOST_UNDER_WAY as u64) as usize;
    if found < MOST_UNDER_WAY as u64 && !tell(&mut answer.calls[place], call, began) {
        return 0;
    }
    answer.found = found + 1;
    if began < answer.oldest_ns {
        answer.oldest_ns = began;
    }
    0
}

/// Copies a call, whose thread may be on another CPU. False if it has ended meanwhile.
#[inline(always)]
fn tell(told: &mut UnderWay, call: &Call, began: u64) -> bool {
    let (step, since_ns) = call.running();
    (told.step, told.since_ns) = (u64::from(step), since_ns);
    copy(&raw mut told.record, &call.record);
    told.record.outcome = Outcome::Abandoned as u8;
    call.is_taken() && call.began() == began
}
