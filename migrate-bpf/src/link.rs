//! Programs at functions, and what they missed there.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::{fs, io};

use crate::info;
use crate::syscall::{Argument, Command, open};

/// `BPF_PERF_EVENT` and `BPF_TRACE_KPROBE_MULTI`, as attach types.
const PERF_EVENT: u32 = 41;
pub(crate) const KPROBE_MULTI: u32 = 42;
/// `BPF_F_KPROBE_MULTI_RETURN`.
const AT_RETURN: u32 = 1;

/// Where the kernel says how kprobes are asked for as perf events.
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// A program at a function. Closing it takes it away.
pub struct Link {
    link: OwnedFd,
    /// What it hangs on.
    _event: Option<OwnedFd>,
}

impl Link {
    /// How often the kernel did not get as far as the program: no room was left for another return
    /// (`maxactive`), or the probe was met in the middle of another. 0 where the kernel does not
    /// tell (before Linux 6.7).
    pub fn missed(&self) -> io::Result<u64> {
        info::missed(&self.link)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    multi_flags: u32,
    count: u32,
    symbols: u64,
    addresses: u64,
    cookies: u64,
}

// SAFETY: `link_create` with `kprobe_multi`, which the cookie of `perf_event` does not reach
// beyond. `multi` gives it as many names as it says, each of which ends with a zero byte.
unsafe impl Argument for LinkCreate {
    const COMMAND: Command = Command::LinkCreate;
}

/// Puts a program for `kprobe.multi` at a function.
pub(crate) fn multi(program: impl AsFd, function: &str, at_return: bool) -> io::Result<Link> {
    let function = CString::new(function)?;
    let symbols = [function.as_ptr()];
    let mut create = LinkCreate {
        prog_fd: program.as_fd().as_raw_fd() as u32,
        attach_type: KPROBE_MULTI,
        multi_flags: if at_return { AT_RETURN } else { 0 },
        count: symbols.len() as u32,
        symbols: symbols.as_ptr() as u64,
        ..LinkCreate::default()
    };
    Ok(Link {
        link: open(&mut create)?,
        _event: None,
    })
}

/// Puts a program for kprobes at the entry or the return of a function, by a kprobe of its own
/// (Linux 5.15).
pub fn kprobe(program: impl AsFd, function: &str, at_return: bool) -> io::Result<Link> {
    let event = open_kprobe(function, at_return)?;
    let mut create = LinkCreate {
        prog_fd: program.as_fd().as_raw_fd() as u32,
        target_fd: event.as_raw_fd() as u32,
        attach_type: PERF_EVENT,
        ..LinkCreate::default()
    };
    Ok(Link {
        link: open(&mut create)?,
        _event: Some(event),
    })
}

/// `struct perf_event_attr`, as far as kprobes need it (`PERF_ATTR_SIZE_VER1`).
#[repr(C)]
#[derive(Default)]
struct EventAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    bp_type: u32,
    function: u64,
    offset: u64,
}

const _: () = assert!(size_of::<EventAttr>() == 72);

/// A kprobe as a perf event, which hangs on the function as long as it is open.
fn open_kprobe(function: &str, at_return: bool) -> io::Result<OwnedFd> {
    let function = CString::new(function)?;
    let return_bit = number(&fs::read_to_string(format!("{KPROBES}/format/retprobe"))?)?;
    let attr = EventAttr {
        kind: number(&fs::read_to_string(format!("{KPROBES}/type"))?)?,
        size: size_of::<EventAttr>() as u32,
        config: u64::from(at_return) << return_bit,
        function: function.as_ptr() as u64,
        ..EventAttr::default()
    };
    const EVERY_PROCESS: libc::pid_t = -1;
    const CPU: libc::c_int = 0;
    const NO_GROUP: libc::c_int = -1;
    /// `PERF_FLAG_FD_CLOEXEC`.
    const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;
    // SAFETY: the kernel reads as many bytes as `size` says, and a name that ends with a zero byte.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            std::ptr::from_ref(&attr),
            EVERY_PROCESS,
            CPU,
            NO_GROUP,
            CLOSE_ON_EXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// The number that a file of sysfs ends with: `8`, or `config:0`.
fn number(text: &str) -> io::Result<u32> {
    let digits = text.trim().rsplit(':').next().unwrap_or_default();
    digits.parse().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sysfs_are_read() {
        assert_eq!(number("8\n").unwrap(), 8);
        assert_eq!(number("config:0\n").unwrap(), 0);
        assert!(number("config:0-63\n").is_err());
    }

    #[test]
    fn a_name_with_a_zero_byte_is_refused() {
        let (reader, _writer) = io::pipe().unwrap();
        assert!(multi(&reader, "a\0b", false).is_err());
        assert!(kprobe(&reader, "a\0b", false).is_err());
    }
}
