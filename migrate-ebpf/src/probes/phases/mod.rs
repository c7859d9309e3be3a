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

use crate::{config::config, in_flight::Call};

/// In which phase the whole machine is.
#[unsafe(no_mangle)]
static mut MACHINE_PHASE: u64 = NO_PHASE as u64;

/// Notes in which phase a migration begins.
#[inline(always)]
pub(super) fn note(call: &mut Call) {
    if config!(phases) == 0 {
        return;
    }
    call.details.phases = Phases {
        machine: machine() as u32,
        program: program(call),
    };
}

#[inline(always)]
fn machine() -> u64 {
    // SAFETY: an aligned word. Volatile, because it changes while programs run.
    unsafe { core::ptr::read_volatile(&raw const MACHINE_PHASE) }
}

/// That of the thread, if it is one of the owner's own; else that of the one thread of the owner's
/// that is in any. An eviction takes anybody's pages: it is for the thread that makes it, where
/// that is in a phase; else it is in none only if nobody is in any.
#[inline(always)]
fn program(call: &Call) -> u32 {
    let record = &call.record;
    if record.pid != 0 {
        return if call.worker == 0 {
            open::of_thread(record.tid)
        } else {
            open::of_process(record.pid)
        };
    }
    match open::of_thread(record.tid) {
        NO_PHASE if open::is_anybody_in_one() => UNKNOWN_PHASE,
        phase => phase,
    }
}
