//! Memory to which anything may happen at any time.
//!
//! It has fixed places far from where the kernel puts other mappings, so that what is unmapped
//! there stays free, and no reference of Rust's ever points into it: it is read and written through
//! a pipe, where a bad address is an error and not the end.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use anyhow::{Context as _, Result};

use crate::rng::Rng;

/// Where it is.
const BASE: usize = 64 << 30;
/// Its bytes: eight large pages.
const BYTES: usize = 16 << 20;
/// Where nothing but holes is.
const DESERT: usize = BASE + (4 << 30);
const DESERT_BYTES: usize = 2 << 30;

/// The memory and the pipe.
#[derive(Debug)]
pub(super) struct Arena {
    page_bytes: usize,
    reader: OwnedFd,
    writer: OwnedFd,
}

/// A part of it: whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) address: usize,
    pub(super) pages: usize,
    pub(super) bytes: usize,
}

impl Arena {
    /// Maps it. There can be only one in a process.
    pub(super) fn new(page_bytes: usize) -> Result<Self> {
        let mut ends = [-1; 2];
        // SAFETY: There is room for two descriptors.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) } != 0 {
            return Err(io::Error::last_os_error()).context("pipe");
        }
        // SAFETY: The descriptors are new, and nobody else's.
        let [reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        for (start, bytes) in [(BASE, BYTES), (DESERT, DESERT_BYTES)] {
            const FLAGS: libc::c_int =
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
            map(start, bytes, -1, FLAGS).context("cannot map the arena")?;
        }
        Ok(Self {
            page_bytes,
            reader,
            writer,
        })
    }

    /// Some pages, mostly few.
    pub(super) fn part(&self, rng: &mut Rng) -> Part {
        let all = BYTES / self.page_bytes;
        let most = rng.pick(&[1, 8, 8, 64, 64, 512, all]);
        let pages = rng.power_of_two(most);
        self.at(rng.below(all - pages + 1), pages)
    }

    /// A few pages.
    pub(super) fn small_part(&self, rng: &mut Rng) -> Part {
        let pages = rng.power_of_two(16);
        self.at(rng.below(BYTES / self.page_bytes - pages + 1), pages)
    }

    /// A part that begins and ends where large pages do.
    pub(super) fn large_part(&self, rng: &mut Rng, compound: usize) -> Part {
        let all = BYTES / self.page_bytes / compound;
        let count = 1 + rng.below(2);
        self.at(rng.below(all - count + 1) * compound, count * compound)
    }

    /// Holes, as many as one call may take, and one more.
    pub(super) fn desert(&self, rng: &mut Rng) -> Part {
        let most = crate::uapi::MAX_PAGES as usize;
        let pages = rng.pick(&[most, most + 1, most / 8]);
        Part {
            address: DESERT,
            pages,
            bytes: pages * self.page_bytes,
        }
    }

    fn at(&self, first: usize, pages: usize) -> Part {
        Part {
            address: BASE + first * self.page_bytes,
            pages,
            bytes: pages * self.page_bytes,
        }
    }

    /// Maps a part anew: anonymous memory, or a file's.
    pub(super) fn renew(&self, part: Part, file: Option<RawFd>, shared: bool) {
        let visibility = if shared {
            libc::MAP_SHARED
        } else {
            libc::MAP_PRIVATE
        };
        let kind = if file.is_none() {
            libc::MAP_ANONYMOUS
        } else {
            0
        };
        // What fails leaves something else there: all the same to the game.
        let flags = visibility | kind | libc::MAP_FIXED;
        let _ = map(part.address, part.bytes, file.unwrap_or(-1), flags);
    }

    /// Lets the CPU read a page, if it can.
    pub(super) fn read(&self, address: usize) {
        self.pour(self.writer.as_raw_fd(), address, false);
        self.rinse();
    }

    /// Lets the CPU write to a page, if it can.
    pub(super) fn write(&self, address: usize) {
        let word = [0x5au8; 64];
        // SAFETY: Reads the array.
        unsafe { libc::write(self.writer.as_raw_fd(), word.as_ptr().cast(), word.len()) };
        self.pour(self.reader.as_raw_fd(), address, true);
        self.rinse();
    }

    /// Puts bytes there, if they can be. False if not.
    pub(super) fn put(&self, address: usize, bytes: &[u8]) -> bool {
        self.rinse();
        // SAFETY: Reads the slice.
        unsafe { libc::write(self.writer.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        // SAFETY: The address is the arena's, which no reference points into; a bad one is an
        // error.
        let read = unsafe { libc::read(self.reader.as_raw_fd(), address as *mut _, bytes.len()) };
        read == bytes.len() as isize
    }

    fn pour(&self, descriptor: RawFd, address: usize, from_pipe: bool) {
        const COUNT: usize = 64;
        // SAFETY: The address is the arena's, which no reference points into; a bad one is an
        // error.
        unsafe {
            if from_pipe {
                libc::read(descriptor, address as *mut _, COUNT);
            } else {
                libc::write(descriptor, address as *const _, COUNT);
            }
        }
    }

    /// Other threads use the pipe, too; what they leave in it means nothing.
    fn rinse(&self) {
        let mut sink = [0u8; 512];
        // SAFETY: Writes into the array.
        unsafe {
            libc::read(
                self.reader.as_raw_fd(),
                sink.as_mut_ptr().cast(),
                sink.len(),
            )
        };
    }
}

fn map(start: usize, bytes: usize, file: RawFd, flags: libc::c_int) -> io::Result<()> {
    const PROTECTION: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
    let flags = flags | libc::MAP_NORESERVE;
    // SAFETY: It replaces a part of the arena, or takes a place that nothing else is put to: the
    // kernel puts mappings far above it, and no reference points into it.
    let address = unsafe { libc::mmap(start as *mut _, bytes, PROTECTION, flags, file, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_survived_and_parts_stay_inside() {
        let arena = Arena::new(4096).unwrap();
        let mut rng = Rng::new(1, 0);
        for _ in 0..1000 {
            let part = arena.part(&mut rng);
            assert!(part.address >= BASE && part.address + part.bytes <= BASE + BYTES);
            let part = arena.large_part(&mut rng, 512);
            assert!(part.address.is_multiple_of(2 << 20));
            assert!(part.address + part.bytes <= BASE + BYTES);
        }
        assert!(arena.put(BASE, b"there"));
        arena.read(BASE + BYTES);
        arena.write(BASE + BYTES);
        assert!(!arena.put(BASE + BYTES, b"nowhere"));
        assert!(arena.put(BASE, b"still there"));
    }
}
