//! Stacks that calls of the kernel seem to come by.

use std::{arch::asm, io, os::fd::RawFd};

use crate::askers::Asker;

/// A frame, as functions make them that keep frame pointers: where that of its caller is, and where
/// it returns to.
#[derive(Debug)]
#[repr(C)]
struct Frame {
    caller: *const Frame,
    returns_to: usize,
}

/// Where no code is, and addresses can be told apart.
const FIRST: usize = 0x10_0000;

/// A stack of one frame. Nothing ever returns by it.
#[derive(Debug)]
pub struct Stack(Frame);

impl Stack {
    /// One of many, all different.
    pub fn numbered(number: usize) -> Self {
        Self(Frame {
            caller: std::ptr::null(),
            returns_to: FIRST + number,
        })
    }

    /// One by which the call comes from this function.
    pub fn from(asker: Asker) -> Self {
        Self(Frame {
            caller: std::ptr::null(),
            returns_to: asker as usize + 1,
        })
    }

    /// `ioctl`, as if it were called by way of this stack.
    ///
    /// # Safety
    ///
    /// As for `libc::ioctl`.
    pub unsafe fn ioctl<T>(&self, file: RawFd, number: u32, argument: &mut T) -> io::Result<()> {
        // SAFETY: the caller's promise.
        let result = unsafe { call(&self.0, file, number, (&raw mut *argument).cast()) };
        if result < 0 {
            return Err(io::Error::from_raw_os_error(-result as i32));
        }
        Ok(())
    }
}

/// The system call, which writes only what its caller allows. Whoever looks for the stack in the
/// meantime finds the frame in `rbp`, which is what it was when the call has returned.
#[cfg(target_arch = "x86_64")]
unsafe fn call(frame: &Frame, file: RawFd, number: u32, argument: *mut libc::c_void) -> i64 {
    let mut result = libc::SYS_ioctl;
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "push rbp",
            "mov rbp, {frame}",
            "syscall",
            "pop rbp",
            frame = in(reg) &raw const *frame,
            inlateout("rax") result,
            in("rdi") i64::from(file),
            in("rsi") u64::from(number),
            in("rdx") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// The same, with the frame in `x29`.
#[cfg(target_arch = "aarch64")]
unsafe fn call(frame: &Frame, file: RawFd, number: u32, argument: *mut libc::c_void) -> i64 {
    let mut result = i64::from(file);
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "mov {own}, x29",
            "mov x29, {frame}",
            "svc #0",
            "mov x29, {own}",
            own = out(reg) _,
            frame = in(reg) &raw const *frame,
            in("x8") libc::SYS_ioctl,
            inlateout("x0") result,
            in("x1") u64::from(number),
            in("x2") argument,
        );
    }
    result
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_call_comes_back_with_what_the_kernel_says() {
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"four").unwrap();
        let mut bytes: libc::c_int = 0;
        let number = libc::FIONREAD as u32;
        let stack = Stack::numbered(7);
        // SAFETY: This call writes an `int`.
        unsafe { stack.ioctl(reader.as_raw_fd(), number, &mut bytes) }.unwrap();
        assert_eq!(bytes, 4);
        // SAFETY: As above, if it wrote anything.
        let refused = unsafe { stack.ioctl(-1, number, &mut bytes) };
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
