//! What a process can do to its own memory while the driver works on it.

use std::os::fd::{AsRawFd as _, OwnedFd};

use super::arena::{Arena, Part};
use crate::{rng::Rng, userfault::Missing};

/// Advice that may be given about any memory.
const ADVICE: &[libc::c_int] = &[
    libc::MADV_DONTNEED,
    libc::MADV_DONTNEED,
    libc::MADV_PAGEOUT,
    libc::MADV_PAGEOUT,
    libc::MADV_COLLAPSE,
    libc::MADV_FREE,
    libc::MADV_COLD,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    libc::MADV_POPULATE_READ,
    libc::MADV_POPULATE_WRITE,
    libc::MADV_DONTFORK,
    libc::MADV_DOFORK,
    libc::MADV_WIPEONFORK,
    libc::MADV_KEEPONFORK,
];

const PROTECTIONS: &[libc::c_int] = &[
    libc::PROT_NONE,
    libc::PROT_READ,
    libc::PROT_READ | libc::PROT_WRITE,
    libc::PROT_READ | libc::PROT_WRITE,
    libc::PROT_READ | libc::PROT_EXEC,
];

/// Does one thing to some of the arena. Most of it may fail, and does.
pub(super) fn strike(arena: &Arena, file: &OwnedFd, rng: &mut Rng, compound: usize) {
    let part = match rng.below(16) {
        0 => arena.part(rng),
        1..=3 => arena.large_part(rng, compound),
        // Mostly little, or nothing would be left to migrate.
        _ => arena.small_part(rng),
    };
    match rng.below(16) {
        0 => unmap(part),
        1..=3 => arena.renew(part, None, rng.one_in(8)),
        4 => arena.renew(part, Some(file.as_raw_fd()), rng.one_in(2)),
        5 => protect(part, rng.pick(PROTECTIONS)),
        6 => protect(part, libc::PROT_READ | libc::PROT_WRITE),
        7 => lock(part),
        8 => unlock(part),
        9 if rng.one_in(2) => {
            let part = arena.large_part(rng, compound);
            let to = arena.large_part(rng, compound);
            move_to(part.address, part.bytes, to.address);
        }
        9 => {
            const MOST: usize = 64 << 10;
            let to = arena.part(rng);
            move_to(part.address, part.bytes.min(MOST), to.address);
        }
        10 => provide(part, rng),
        _ => advise(part, rng.pick(ADVICE)),
    }
}

/// Gives every page of a part something to hold.
pub(super) fn populate(part: Part) {
    advise(part, libc::MADV_POPULATE_WRITE);
}

// SAFETY (of every call below): The part is the arena's, which no reference of Rust's points into.
// Whether the call succeeds does not matter.

fn unmap(part: Part) {
    // SAFETY: As said above.
    unsafe { libc::munmap(part.address as *mut _, part.bytes) };
}

fn protect(part: Part, protection: libc::c_int) {
    // SAFETY: As said above.
    unsafe { libc::mprotect(part.address as *mut _, part.bytes, protection) };
}

fn lock(part: Part) {
    // SAFETY: As said above.
    unsafe { libc::mlock(part.address as *const _, part.bytes) };
}

fn unlock(part: Part) {
    // SAFETY: As said above.
    unsafe { libc::munlock(part.address as *const _, part.bytes) };
}

fn advise(part: Part, advice: libc::c_int) {
    // SAFETY: As said above.
    unsafe { libc::madvise(part.address as *mut _, part.bytes, advice) };
}

fn move_to(address: usize, bytes: usize, to: usize) {
    const FLAGS: libc::c_int = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: As said above. What is moved past the arena's end lies where nothing else is.
    unsafe {
        libc::mremap(
            address as *mut _,
            bytes,
            bytes,
            FLAGS,
            to as *mut libc::c_void,
        )
    };
}

/// Somebody in user space provides its pages, for a moment.
fn provide(part: Part, rng: &mut Rng) {
    let missing = Missing::register(part.address, part.bytes);
    super::nap(rng, 2000);
    drop(missing);
}
