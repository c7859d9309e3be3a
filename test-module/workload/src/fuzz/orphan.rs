//! A process that a player forks in the middle of everything, with files and memory as they are.

use std::os::fd::RawFd;

use super::{
    arena::{Arena, Part},
    calls,
    tally::Tally,
};
use crate::{
    rng::Rng,
    uapi::{self, Migrate},
};

/// What it may do, chosen beforehand: it must not allocate.
struct Plan {
    file: RawFd,
    path: &'static std::ffi::CStr,
    parts: [Part; 8],
    lingers: bool,
}

/// Forks one, and waits until it has ended or kills it.
pub(super) fn fork(tally: &Tally, arena: &Arena, file: RawFd, rng: &mut Rng) {
    let plan = Plan {
        file,
        path: rng.pick(&[c"/dev/migrate_test", c"/dev/migrate_test1"]),
        parts: std::array::from_fn(|_| arena.part(rng)),
        lingers: rng.one_in(4),
    };
    // SAFETY: The child makes system calls only: other threads may hold locks of the C library.
    match unsafe { libc::fork() } {
        -1 => {}
        0 => {
            live(tally, arena, &plan);
            // SAFETY: Ends the process at once.
            unsafe { libc::_exit(0) }
        }
        pid => {
            tally.count_forked();
            if plan.lingers || rng.one_in(2) {
                super::nap(rng, 20_000);
                // SAFETY: The child has not been waited for, so that the number is its own.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            let mut status = 0;
            // SAFETY: `status` may be written.
            unsafe { libc::waitpid(pid, &raw mut status, 0) };
        }
    }
}

fn live(tally: &Tally, arena: &Arena, plan: &Plan) {
    // SAFETY: Neither touches memory. It ends with its parent, or in a few seconds.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::alarm(3);
    }
    // Files belong to the address space that opened them, which this is not. One that was just
    // closed is another error.
    let mut request = calls::plain(plan.parts[0].address, plan.parts[0].pages);
    let passed_on = migrate(plan.file, uapi::TO_DEVICE, &mut request);
    tally.count_call(passed_on);
    if passed_on {
        say(b"workload: fuzz: a file that was passed on migrated memory of another process\n");
        tally.count_wrong();
    }
    let own = calls::open(plan.path);
    for part in plan.parts {
        let mut request = calls::plain(part.address, part.pages);
        tally.count_call(migrate(own, uapi::TO_DEVICE, &mut request));
        tally.count_moved(request.truth.ledger.moved);
        arena.read(part.address);
        arena.write(part.address);
    }
    if plan.lingers {
        // SAFETY: Waits for a signal.
        unsafe { libc::pause() };
    }
}

/// To standard error, without a lock.
fn say(text: &[u8]) {
    // SAFETY: Reads the slice.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

fn migrate(file: RawFd, number: u32, request: &mut Migrate) -> bool {
    calls::ioctl(file, number, (&raw mut *request) as usize).is_ok()
}
