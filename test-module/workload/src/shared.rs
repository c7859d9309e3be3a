//! Memory that a process shares with those that it forks.

use std::{io, mem, ops::Deref, ptr::NonNull};

use anyhow::{Context as _, Result};

/// A value that stays one and the same across `fork`.
#[derive(Debug)]
pub struct Shared<T: Sync> {
    value: NonNull<T>,
}

// SAFETY: Who has it can only look at a `T`, which several threads may do.
unsafe impl<T: Sync> Send for Shared<T> {}
// SAFETY: As above.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T: Sync> Shared<T> {
    /// Moves a value there. It is never dropped: every process would.
    pub fn new(value: T) -> Result<Self> {
        const {
            assert!(!mem::needs_drop::<T>());
            assert!(mem::align_of::<T>() <= 4096);
            assert!(mem::size_of::<T>() > 0);
        }
        const PROTECTION: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
        const FLAGS: libc::c_int = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: A new mapping, at an address of the kernel's choice, touches nothing that exists.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<T>(),
                PROTECTION,
                FLAGS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error()).context("cannot map memory to share");
        }
        let place = NonNull::new(address.cast::<T>()).context("mapped at address 0")?;
        // SAFETY: The mapping is writable, large enough, and begins at a page, which is all the
        // alignment asked for.
        unsafe { place.write(value) };
        Ok(Self { value: place })
    }
}

impl<T: Sync> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The value was written by `new`, and stays until `drop`. What other processes do
        // to it they do through this type, too, as other threads would.
        unsafe { self.value.as_ref() }
    }
}

impl<T: Sync> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: This is exactly what we mapped, and nobody in this process refers to it any more.
        unsafe { libc::munmap(self.value.as_ptr().cast(), size_of::<T>()) };
    }
}
