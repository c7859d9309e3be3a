//! Stacks that calls of the kernel seem to come by.

use std::{arch::asm, io, os::fd::RawFd};

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

    /// `ioctl`, as if it were called by way of this stack.
    ///
    /// # Safety
    ///
    /// As for `libc::ioctl`.
    pub unsafe fn ioctl<T>(&self, file: RawFd, number: u32, argument: &mut T) -> io::Result<()> {
        let mut result = libc::SYS_ioctl;
        // SAFETY: A system call, which writes only what the caller promises. Whoever looks for the
        // stack in the meantime finds the frame in `rbp`, which is what it was when the call has
        // returned.
        unsafe {
            asm!(
                "push rbp",
                "mov rbp, {frame}",
                "syscall",
                "pop rbp",
                frame = in(reg) &raw const self.0,
                inlateout("rax") result,
                in("rdi") i64::from(file),
                in("rsi") u64::from(number),
                in("rdx") &raw mut *argument,
                lateout("rcx") _,
                lateout("r11") _,
            );
        }
        if result < 0 {
            return Err(io::Error::from_raw_os_error(-result as i32));
        }
        Ok(())
    }
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
