//! Which lock a thread waits for, in a wait or in a step of the driver's, and who holds it.
//!
//! Linux: the tracepoints `contention_begin` and `contention_end`, since 5.19.

use core::ffi::c_void;

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use migrate_ebpf::wire::Contended;

use super::holder;
use crate::{
    clock,
    config::{self, field},
    in_flight::this_thread,
    probes::{
        kernel::{Pointer, Untyped, command_of},
        parts,
    },
    waiting::{self, Side, Waiting},
};

/// `LCB_F_*` of `include/trace/events/lock.h`.
const SPIN: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const RT: u64 = 1 << 3;
const PERCPU: u64 = 1 << 4;
const MUTEX: u64 = 1 << 5;

/// Low bits of `mutex::owner`, which are flags.
const MUTEX_FLAGS: u64 = 7;
/// The same of `rw_semaphore::owner`; the first says that it is a reader, perhaps one that has
/// left.
const RWSEM_FLAGS: u64 = 3;
const RWSEM_READER: u64 = 1;

/// The wait that this thread is in: the innermost.
#[inline(always)]
fn this_threads() -> Option<&'static mut Waiting> {
    if !config::waits() {
        return None;
    }
    let thread = this_thread();
    let [innermost, next, last] = Side::ALL.map(|side| move || waiting::find(thread, side));
    innermost().or_else(next).or_else(last)
}

/// By its type, because only such programs may look for another thread.
#[btf_tracepoint(function = "contention_begin")]
fn contention_begin(ctx: BtfTracePointContext) -> i32 {
    let now = clock::now();
    let lock: *const c_void = ctx.arg(0);
    let (lock, flags) = (lock as u64, u64::from(ctx.arg::<u32>(1)));
    if let Some(waiting) = this_threads()
        && !waiting.lock.is_under_way()
    {
        waiting.lock.begin(contended(lock, flags), now);
    }
    parts::enter_lock(lock, flags, now);
    0
}

#[raw_tracepoint(tracepoint = "contention_end")]
fn contention_end(ctx: RawTracePointContext) -> i32 {
    let now = clock::now();
    let lock: u64 = ctx.arg(0);
    if let Some(waiting) = this_threads() {
        waiting.lock.end(lock, now, &mut waiting.wait.contended);
    }
    parts::leave_lock(lock, now);
    0
}

/// A lock that a thread begins to wait for.
#[inline(always)]
pub(in super::super) fn contended(lock: u64, flags: u64) -> Contended {
    let mut contended = Contended {
        lock,
        ..Contended::default()
    };
    note_holder(&mut contended, flags);
    contended
}

/// Who holds the lock, where it is of a kind that tells.
#[inline(always)]
fn note_holder(contended: &mut Contended, flags: u64) {
    let lock = Untyped(contended.lock);
    let thread = if flags & MUTEX != 0 && field!(wait.mutex_owner).is_known() {
        lock.word(field!(wait.mutex_owner)) & !MUTEX_FLAGS
    } else if flags & (READ | WRITE) != 0
        && flags & (SPIN | RT | PERCPU) == 0
        && field!(wait.rwsem_owner).is_known()
    {
        match lock.word(field!(wait.rwsem_owner)) {
            owner if owner & RWSEM_READER != 0 => 0,
            owner => owner & !RWSEM_FLAGS,
        }
    } else {
        0
    };
    if thread != 0 {
        let thread = Untyped(thread);
        contended.holder_tid = thread.half(field!(owner.task_pid));
        contended.holder_comm = command_of(thread);
        contended.holder_stack = holder::stack_of_holder(contended.holder_tid);
    }
}
