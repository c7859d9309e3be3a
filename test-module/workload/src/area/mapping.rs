//! A mapping of memory, and what the kernel can be asked to do with it.

use std::{ffi::CStr, fs::File, io, os::fd::AsRawFd as _, ptr::NonNull};

use anyhow::{Context as _, Result, bail};

/// What the CPU may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
}

/// Whose memory it is.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Nobody else's, and no file's.
    Anonymous,
    /// A file's, to which nothing is written back.
    PrivateFile(&'a File),
    /// A file's.
    SharedFile(&'a File),
}

/// Mapped memory. It is unmapped in the end.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mapping {
    /// Maps it readable and writable, at an address of the kernel's choice.
    pub(super) fn new(bytes: usize, source: Source<'_>) -> Result<Self> {
        let (flags, file) = match source {
            Source::Anonymous => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1),
            Source::PrivateFile(file) => (libc::MAP_PRIVATE, file.as_raw_fd()),
            Source::SharedFile(file) => (libc::MAP_SHARED, file.as_raw_fd()),
        };
        let protection = protection(Access::ReadWrite);
        // SAFETY: A new mapping, at an address of the kernel's choice, touches nothing that exists.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, file, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error()).with_context(|| format!("map {bytes} bytes"));
        }
        let start = NonNull::new(address.cast()).context("mapped at address 0")?;
        Ok(Self { start, bytes })
    }

    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// `madvise` with advice that changes no byte that anyone refers to.
    pub(super) fn advise(&self, address: usize, bytes: usize, advice: libc::c_int) -> Result<()> {
        let place = self.place(address, bytes)?;
        // SAFETY: The range lies within our own mapping. The area has no reference into it now,
        // since those that it gives out live for less than a method call.
        done("madvise", unsafe { libc::madvise(place, bytes, advice) })
    }

    pub(super) fn protect(&self, address: usize, bytes: usize, access: Access) -> Result<()> {
        let place = self.place(address, bytes)?;
        // SAFETY: As for `advise`.
        done("mprotect", unsafe {
            libc::mprotect(place, bytes, protection(access))
        })
    }

    /// Gives memory of no file a name. False where the kernel has no names for it.
    pub(super) fn name(&self, name: &CStr) -> Result<bool> {
        let (start, bytes) = (self.start.as_ptr(), self.bytes);
        // SAFETY: The range is our own mapping, of which no byte changes; the name is a string that
        // ends with a zero, and is copied.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_VMA,
                libc::PR_SET_VMA_ANON_NAME,
                start,
                bytes,
                name.as_ptr(),
            )
        };
        if result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
            return Ok(false);
        }
        done("prctl(PR_SET_VMA)", result).map(|()| true)
    }

    pub(super) fn lock(&self, address: usize, bytes: usize) -> Result<()> {
        let place = self.place(address, bytes)?;
        // SAFETY: Locking changes no byte.
        done("mlock", unsafe { libc::mlock(place, bytes) })
    }

    pub(super) fn unlock(&self, address: usize, bytes: usize) -> Result<()> {
        let place = self.place(address, bytes)?;
        // SAFETY: Unlocking changes no byte.
        done("munlock", unsafe { libc::munlock(place, bytes) })
    }

    fn place(&self, address: usize, bytes: usize) -> Result<*mut libc::c_void> {
        let start = self.start.as_ptr() as usize;
        let end = address.checked_add(bytes);
        if address < start || end.is_none_or(|end| end > start + self.bytes) {
            bail!("{bytes} bytes at {address:#x} are not within the mapping at {start:#x}");
        }
        Ok(address as *mut libc::c_void)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: This is exactly what we mapped, and nobody can refer to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

fn protection(access: Access) -> libc::c_int {
    match access {
        Access::None => libc::PROT_NONE,
        Access::Read => libc::PROT_READ,
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
    }
}

fn done(call: &str, result: libc::c_int) -> Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()).with_context(|| call.to_owned()),
    }
}

/// A file in memory that has no name anywhere, of this length, all zeroes.
pub fn memory_file(bytes: usize) -> Result<File> {
    use std::os::fd::{FromRawFd as _, OwnedFd};
    // SAFETY: The name is a string that ends with a zero.
    let descriptor = unsafe { libc::memfd_create(c"workload".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error()).context("memfd_create");
    }
    // SAFETY: The descriptor is new, and nobody else's.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    file.set_len(bytes as u64)
        .context("cannot make a file in memory as long as it has to be")?;
    Ok(file)
}
