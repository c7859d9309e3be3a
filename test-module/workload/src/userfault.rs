//! Memory whose missing pages user space provides (`userfaultfd`): the kernel puts none there by
//! itself.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};

const UFFD_API: u64 = 0xaa;
const UFFDIO_REGISTER_MODE_MISSING: u64 = 1;

/// `struct uffdio_api` of `linux/userfaultfd.h`.
#[repr(C)]
#[derive(Default)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register` of `linux/userfaultfd.h`.
#[repr(C)]
#[derive(Default)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

const UFFDIO_API: u64 = read_write(0x3f, size_of::<Api>());
const UFFDIO_REGISTER: u64 = read_write(0x00, size_of::<Register>());

/// `_IOWR(UFFDIO, number, ...)`.
const fn read_write(number: u64, size: usize) -> u64 {
    (3 << 30) | ((size as u64) << 16) | (0xaa << 8) | number
}

/// Missing pages of a range are not filled in as long as this exists. Nobody answers: who touches
/// one waits.
#[derive(Debug)]
pub struct Missing {
    #[expect(dead_code, reason = "closing it gives the range back")]
    descriptor: OwnedFd,
}

impl Missing {
    /// From now on.
    pub fn register(start: usize, bytes: usize) -> Result<Self> {
        // SAFETY: A system call without pointers.
        let number = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        if number < 0 {
            return Err(io::Error::last_os_error())
                .context("userfaultfd (needs root or vm.unprivileged_userfaultfd=1)");
        }
        // SAFETY: The descriptor is new, and nobody else's.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number as libc::c_int) };
        let mut api = Api {
            api: UFFD_API,
            ..Api::default()
        };
        ioctl(&descriptor, UFFDIO_API, &mut api).context("UFFDIO_API")?;
        let mut register = Register {
            start: start as u64,
            len: bytes as u64,
            mode: UFFDIO_REGISTER_MODE_MISSING,
            ..Register::default()
        };
        ioctl(&descriptor, UFFDIO_REGISTER, &mut register).context("UFFDIO_REGISTER")?;
        Ok(Self { descriptor })
    }
}

fn ioctl<T>(descriptor: &OwnedFd, number: u64, argument: &mut T) -> io::Result<()> {
    // SAFETY: The number carries the size of the structure that the kernel reads and writes, which
    // is `T`'s for both numbers here; it is made of integers.
    match unsafe { libc::ioctl(descriptor.as_raw_fd(), number, &raw mut *argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_kernels_header() {
        assert_eq!(UFFDIO_API, 0xc018_aa3f);
        assert_eq!(UFFDIO_REGISTER, 0xc020_aa00);
    }
}
