//! Where programs say it: functions of libraries, whose first argument is a name; and where threads
//! and programs end.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{raw_tracepoint, uprobe},
    programs::{ProbeContext, RawTracePointContext},
};
use migrate_ebpf::wire::{Loss, NO_PHASE, PhaseKind, UNKNOWN_PHASE};

use super::{
    MACHINE_PHASE, names,
    open::{self, Thread},
};
use crate::{atomic, counted, losses};

#[inline(always)]
fn this_thread() -> Thread {
    let both = bpf_get_current_pid_tgid();
    Thread {
        tid: both as u32,
        pid: (both >> 32) as u32,
    }
}

#[inline(always)]
fn name(ctx: &ProbeContext) -> u64 {
    ctx.arg(0).unwrap_or(0)
}

#[inline(always)]
fn count_opened() {
    if let Some(counted) = counted::here() {
        // SAFETY: a word of the map's value, used by atomic operations only.
        atomic::add(unsafe { &raw mut (*counted).phases_opened }, 1);
    }
}

#[inline(always)]
fn push(name: u64) {
    count_opened();
    let thread = this_thread();
    let Some(open) = open::of(thread) else {
        losses::count(Loss::PhaseLost);
        return;
    };
    let phase = if open.has_room() {
        names::place(open.current(), PhaseKind::Opened, name)
    } else {
        losses::count(Loss::PhaseLost);
        UNKNOWN_PHASE
    };
    open::change(thread, open, |open| open.push(phase));
}

/// `roctxRangePushA(name)` and the like.
#[uprobe(sleepable)]
fn phase_push(ctx: ProbeContext) -> u32 {
    push(name(&ctx));
    0
}

/// `nvtxRangePushEx(attributes)` and the like: what it is called is not read.
#[uprobe(sleepable)]
fn phase_push_unnamed(_ctx: ProbeContext) -> u32 {
    push(0);
    0
}

/// `roctxRangePop()` and the like.
#[uprobe(sleepable)]
fn phase_pop(_ctx: ProbeContext) -> u32 {
    let thread = this_thread();
    let popped =
        open::known(thread.tid).is_some_and(|open| open::change(thread, open, |open| open.pop()));
    if !popped {
        losses::count(Loss::PhaseUnopened);
    }
    0
}

/// `roctxMarkA(name)` and the like: until the next one, or the end of the phase that it is in.
#[uprobe(sleepable)]
fn phase_mark(ctx: ProbeContext) -> u32 {
    count_opened();
    let thread = this_thread();
    let Some(open) = open::of(thread) else {
        losses::count(Loss::PhaseLost);
        return 0;
    };
    let around = names::around_mark(open.current());
    let phase = names::place(around, PhaseKind::Marked, name(&ctx));
    open::change(thread, open, |open| open.replace(phase));
    0
}

/// `migscope mark NAME`: the whole machine is in this phase until the next one. No name ends it.
#[uprobe(sleepable)]
fn machine_phase(ctx: ProbeContext) -> u32 {
    let name = name(&ctx);
    let phase = if names::is_empty(name) {
        NO_PHASE
    } else {
        count_opened();
        names::place(NO_PHASE, PhaseKind::Opened, name)
    };
    // SAFETY: an aligned word. Volatile, because others read it.
    unsafe { core::ptr::write_volatile(&raw mut MACHINE_PHASE, phase.into()) };
    0
}

/// A thread dies.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn phase_thread_exit(_ctx: RawTracePointContext) -> i32 {
    let thread = this_thread();
    open::forget(thread);
    if thread.tid == thread.pid {
        open::forget_process(thread.pid);
    }
    0
}

/// Another program takes the place of this one, and knows nothing of its phases. The thread may
/// have had another number before.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn phase_exec(ctx: RawTracePointContext) -> i32 {
    let thread = this_thread();
    let before: u64 = ctx.arg(1);
    open::forget(Thread {
        tid: before as u32,
        ..thread
    });
    open::forget(thread);
    0
}
