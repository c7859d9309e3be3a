//! What threads wait for beside the steps of their own migrations: one file for the CPUs' side, one
//! for the devices', one for those who change memory, and here what all share.
//!
//! A wait that begins in the middle of another of the same side is a part of it: somebody who waits
//! is counted once.

mod cpu;
mod device;
mod holder;
mod hooks;
mod invalidation;
mod locks;

use migrate_ebpf::wire::{Loss, UNKNOWN, WaitKind, WaitResult};

pub(super) use locks::contended;

use super::{
    emit::{is_recorded, write_wait},
    filter,
    kernel::{self, Pointer, Whose, note_owner},
    path::{self, Entered},
    phases, sweep, totals,
};
use crate::{
    clock,
    config::{self, config, field},
    counted,
    in_flight::{Call, this_thread},
    losses,
    waiting::{self, Side, Waiting},
};

/// A wait begins, unless it is a part of another one.
#[inline(always)]
fn begin(
    ctx: &impl Entered,
    side: Side,
    kind: WaitKind,
    began: u64,
) -> Option<&'static mut Waiting> {
    if !sweep::following() {
        return None;
    }
    let (thread, stack) = (this_thread(), ctx.stack());
    let waiting = match waiting::find(thread, side) {
        // Deeper on the stack.
        Some(outer) if stack < outer.stack => {
            outer.nested += 1;
            return None;
        }
        // Its end was not seen.
        Some(left) => {
            losses::count(Loss::WaitMissed);
            Some(left)
        }
        None => waiting::take(thread, side),
    };
    let Some(waiting) = waiting else {
        losses::count(Loss::WaitMissed);
        return None;
    };
    waiting.begin(stack, began);
    phases::begin_wait(waiting);
    waiting.wait.kind = kind as u8;
    if config::records() {
        if config!(kernel_stacks) != 0 {
            waiting.wait.kernel_stack = path::keep_kernels(ctx);
        }
        if config!(user_stacks) != 0 {
            waiting.wait.user_stack = path::keep_users(ctx);
        }
    }
    Some(waiting)
}

/// Notes what it is about.
#[inline(always)]
fn note_range(waiting: &mut Waiting, start: u64, end: u64) {
    let shift = config!(page_shift);
    waiting.wait.address = start >> shift << shift;
    waiting.wait.pages = end.wrapping_sub(start) >> shift;
}

/// Notes who waits, and whose memory it is.
#[inline(always)]
fn note_whose(waiting: &mut Waiting, mm: impl Pointer) {
    let wait = &mut waiting.wait;
    if config::records() {
        wait.tid = kernel::tid();
    }
    let (pid, comm, cgroup) = (&mut wait.pid, &mut wait.comm, &mut wait.cgroup);
    let worker = note_owner(mm, Whose { pid, comm, cgroup });
    wait.worker_comm = if worker != 0 && config::names_process() {
        kernel::command()
    } else {
        [0; 2]
    };
    phases::note_waiter(waiting, worker);
}

/// The wait of this thread that ends where a function returns. `stack` is where the stack was when
/// the function was entered; where that is not known, each wait that began in the middle of it ends
/// first.
#[inline(always)]
fn ending(side: Side, stack: Option<u64>) -> Option<&'static mut Waiting> {
    let waiting = waiting::find(this_thread(), side)?;
    match stack {
        Some(stack) if stack == waiting.stack => Some(waiting),
        Some(_) => None,
        None if waiting.nested == 0 => Some(waiting),
        None => {
            waiting.nested -= 1;
            None
        }
    }
}

/// A wait ends, and its slot is free.
#[inline(always)]
fn end(waiting: &mut Waiting, result: WaitResult, now: u64) {
    let wait = &mut waiting.wait;
    wait.result = result as u8;
    wait.total_ns = now.wrapping_sub(wait.time_ns);
    report(waiting);
    waiting.release();
}

/// Counts it, and writes its record if it becomes one.
#[inline(always)]
fn report(waiting: &mut Waiting) {
    let wait = &mut waiting.wait;
    if !filter::wants_wait(wait) {
        return;
    }
    let Some(counted) = counted::here() else {
        return;
    };
    wait.sequence = counted::next_wait(counted);
    // What has a record is counted by user space.
    if !is_recorded(wait.sequence) || !is_written(waiting) {
        totals::count_wait(counted, &waiting.wait);
    }
}

/// Writes its record, with phases where they are followed. False if there is no room.
#[inline(always)]
fn is_written(waiting: &Waiting) -> bool {
    if phases::are_followed() {
        write_wait(waiting.with_phases())
    } else {
        write_wait(&waiting.wait)
    }
}

/// Can it be a migration by which a fault is served? Such a one knows the page that was touched,
/// where the kernel has a place for that.
#[inline(always)]
fn serves_fault(call: &Call) -> bool {
    config::waits() && (call.fault != 0 || !field!(vma.fault_page).is_known())
}

/// This thread begins a migration.
#[inline(always)]
pub(super) fn migration_begins(call: &Call, began: u64) {
    if !serves_fault(call) {
        return;
    }
    let Some(waiting) = waiting::find(this_thread(), Side::Cpu) else {
        return;
    };
    if waiting.wait.before_setup_ns == UNKNOWN {
        waiting.wait.before_setup_ns = began.wrapping_sub(waiting.wait.time_ns);
    }
    if waiting.migrating_since == 0 {
        waiting.migrating_since = began;
    }
}

/// A migration of this thread's ends, about now, or has nothing left to do.
#[inline(always)]
pub(super) fn migration_ends(call: &Call, now: Option<u64>) {
    if !serves_fault(call) {
        return;
    }
    let Some(now) = now else {
        return;
    };
    let Some(waiting) = waiting::find(this_thread(), Side::Cpu) else {
        return;
    };
    let record = &call.record;
    // One in the middle of it has begun later.
    if waiting.migrating_since == record.time_ns {
        waiting.wait.in_migration_ns += now.wrapping_sub(record.time_ns);
        waiting.migrating_since = 0;
        // It was for the page, and so for its owner.
        if call.fault != 0 {
            let wait = &mut waiting.wait;
            (wait.pid, wait.comm, wait.cgroup) = (record.pid, record.comm, record.cgroup);
            (wait.worker_comm, wait.tid) = (record.worker_comm, record.tid);
            waiting.is_nobodys = 0;
            phases::wait_is_for(waiting, call);
        }
    }
    waiting.moved += record.ledger.moved;
    if record.sequence != UNKNOWN {
        waiting.wait.migration = record.sequence;
    }
}

/// This thread dies, which in the middle of a wait it can only if something went wrong.
#[inline(always)]
pub(super) fn thread_ends() {
    if !config::waits() {
        return;
    }
    for side in Side::ALL {
        if let Some(waiting) = waiting::find(this_thread(), side) {
            losses::count(Loss::WaitMissed);
            waiting.release();
        }
    }
}

/// Ends the wait that is over now; what comes of it `result` tells.
#[inline(always)]
fn end_now(waiting: &mut Waiting, result: impl FnOnce(&mut Waiting) -> Option<WaitResult>) {
    let now = clock::now();
    match result(waiting) {
        Some(result) => end(waiting, result, now),
        None => waiting.release(),
    }
}
