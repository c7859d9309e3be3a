//! The system call itself.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// Commands of bpf(2), as in `enum bpf_cmd` of `linux/bpf.h`.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(crate) enum Command {
    ProgLoad = 5,
    ObjGetInfoByFd = 15,
    BtfLoad = 18,
    LinkCreate = 28,
}

/// The argument of a command, a member of `union bpf_attr`.
///
/// # Safety
///
/// Laid out as the kernel has it. Pointers in it, which are numbers there, lead to memory that is
/// as long as the argument says, that stays until the call is over, and that may be written where
/// the command writes.
pub(crate) unsafe trait Argument {
    const COMMAND: Command;
}

/// Calls bpf(2). What it returns, if that is no error.
pub(crate) fn bpf<A: Argument>(argument: &mut A) -> io::Result<i32> {
    // SAFETY: by the promise of `Argument`; the kernel reads and writes no more than the size that
    // it is told.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            A::COMMAND as libc::c_int,
            std::ptr::from_mut(argument),
            size_of::<A>(),
        )
    };
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(returned as i32)
}

/// Calls a command that opens something.
pub(crate) fn open<A: Argument>(argument: &mut A) -> io::Result<OwnedFd> {
    let fd = bpf(argument)?;
    // SAFETY: the kernel has just opened it for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
