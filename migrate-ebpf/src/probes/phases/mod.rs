//! What programs say they are doing: phases, which they open and close by functions of libraries
//! that user space has hooked. They are followed where they happen, thread by thread, and a
//! migration notes the phase that it begins in: what is told needs no times, and passes no buffer
//! that could be full.
//!
//! Uprobes may sleep here (Linux 6.0): a name that is not in memory yet is fetched, and none of
//! them is left out while somebody reads a map.

mod hooks;
mod names;
mod open;

use migrate_ebpf::wire::{NO_PHASE, Phases, UNKNOWN_PHASE};

use crate::{config::config, in_flight::Call, waiting::Waiting};

/// In which phase the whole machine is.
#[unsafe(no_mangle)]
static mut MACHINE_PHASE: u64 = NO_PHASE as u64;

/// Are they asked for?
#[inline(always)]
pub(super) fn are_followed() -> bool {
    config!(phases) != 0
}

/// Notes in which phase a migration begins.
#[inline(always)]
pub(super) fn note(call: &mut Call) {
    if !are_followed() {
        return;
    }
    let (record, worker) = (&call.record, call.worker);
    call.details.phases = Phases {
        machine: machine() as u32,
        program: program(record.pid, record.tid, worker),
    };
}

/// Notes in which phase the machine is when a wait begins. Whose wait it is comes later.
#[inline(always)]
pub(super) fn begin_wait(waiting: &mut Waiting) {
    if are_followed() {
        waiting.phases = Phases {
            machine: machine() as u32,
            program: UNKNOWN_PHASE,
        };
    }
}

/// Notes in which phase the program is for which this thread waits, as soon as it is known which
/// that is. A thread that waits opens and closes none meanwhile. `worker` is not 0 if it is none of
/// the program's own.
#[inline(always)]
pub(super) fn note_waiter(waiting: &mut Waiting, worker: u32) {
    if are_followed() {
        let wait = &waiting.wait;
        waiting.phases.program = program(wait.pid, wait.tid, worker);
    }
}

/// A wait is for the same program, and so in the same phase, as the migration in the middle of it.
#[inline(always)]
pub(super) fn wait_is_for(waiting: &mut Waiting, call: &Call) {
    if are_followed() {
        waiting.phases.program = call.details.phases.program;
    }
}

#[inline(always)]
fn machine() -> u64 {
    // SAFETY: an aligned word. Volatile, because it changes while programs run.
    unsafe { core::ptr::read_volatile(&raw const MACHINE_PHASE) }
}

/// That of the thread, if it is one of the owner's own; else that of the one thread of the owner's
/// that is in any. What is of nobody's memory, as an eviction that takes anybody's pages, is for
/// the thread that makes it, where that is in a phase; else it is in none only if nobody is in any.
#[inline(always)]
fn program(pid: u32, tid: u32, worker: u32) -> u32 {
    if pid != 0 {
        return if worker == 0 {
            open::of_thread(tid)
        } else {
            open::of_process(pid)
        };
    }
    match open::of_thread(tid) {
        NO_PHASE if open::is_anybody_in_one() => UNKNOWN_PHASE,
        phase => phase,
    }
}
