//! Memory that a worker owns, and what ought to be in it.

use std::{io, ptr::NonNull, slice};

use anyhow::{Context as _, Result, bail};

use crate::pattern::{self, Mismatch};

/// Whether the kernel may use large pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Base pages only.
    BasePages,
    /// Large pages wherever one fits: pages, and the area's alignment in bytes.
    LargePages {
        /// Bytes in a large page.
        bytes: usize,
    },
}

/// Anonymous private memory. Every page is untouched (it reads as zero) or carries a pattern.
#[derive(Debug)]
pub struct Area {
    /// All that was mapped: more than the area where it has to be aligned.
    mapping: NonNull<u8>,
    mapped_bytes: usize,
    start: NonNull<u8>,
    page_bytes: usize,
    /// Version of each page's pattern; 0: untouched.
    versions: Vec<u32>,
}

// SAFETY: The memory is mapped for the whole process, and only the area's owner uses it.
unsafe impl Send for Area {}

impl Area {
    /// Maps `pages` untouched pages.
    pub fn new(pages: usize, page_bytes: usize, backing: Backing) -> Result<Self> {
        let align = match backing {
            Backing::BasePages => 0,
            Backing::LargePages { bytes } => bytes,
        };
        let bytes = pages * page_bytes;
        let mapped_bytes = bytes + align;
        let mapping = map(mapped_bytes)?;
        let skip = if align == 0 {
            0
        } else {
            mapping.as_ptr().align_offset(align)
        };
        // SAFETY: At most `align` bytes are skipped, which the mapping has more than the area.
        let start = unsafe { mapping.add(skip) };
        let area = Self {
            mapping,
            mapped_bytes,
            start,
            page_bytes,
            versions: vec![0; pages],
        };
        let advice = match backing {
            Backing::BasePages => libc::MADV_NOHUGEPAGE,
            Backing::LargePages { .. } => libc::MADV_HUGEPAGE,
        };
        // A kernel without large pages knows neither, and needs neither.
        let _ = area.advise(0, pages, advice);
        Ok(area)
    }

    /// How many pages it has.
    pub fn pages(&self) -> usize {
        self.versions.len()
    }

    /// Where a page is.
    pub fn address(&self, page: usize) -> usize {
        self.start.as_ptr() as usize + page * self.page_bytes
    }

    /// Gives pages a new version of their pattern.
    pub fn write(&mut self, first: usize, count: usize) {
        for page in first..first + count {
            let (address, version) = (
                self.address(page),
                self.versions[page].wrapping_add(1).max(1),
            );
            self.versions[page] = version;
            pattern::write(self.words_mut(page), address, version);
        }
    }

    /// Compares every byte of some pages with what ought to be there.
    pub fn check(&self, first: usize, count: usize) -> Result<()> {
        for page in first..first + count {
            let (address, version) = (self.address(page), self.versions[page]);
            let words = self.words(page);
            let result = match version {
                0 => pattern::check_zero(words),
                version => pattern::check(words, address, version),
            };
            if let Err(Mismatch {
                offset,
                expected,
                found,
            }) = result
            {
                bail!(
                    "memory was changed: page {page} (address {address:#x}, version {version}), offset {offset}: \
                     {found:#018x} where {expected:#018x} was written"
                );
            }
        }
        Ok(())
    }

    /// Drops pages, wherever they are: they are untouched again.
    pub fn forget(&mut self, first: usize, count: usize) -> Result<()> {
        self.advise(first, count, libc::MADV_DONTNEED)
            .context("madvise(MADV_DONTNEED)")?;
        self.versions[first..first + count].fill(0);
        Ok(())
    }

    fn advise(&self, first: usize, count: usize, advice: libc::c_int) -> io::Result<()> {
        assert!(
            first + count <= self.pages(),
            "pages {first}+{count} of {}",
            self.pages()
        );
        let (address, bytes) = (self.address(first), count * self.page_bytes);
        // SAFETY: The range lies within our own mapping, just checked; no reference into it exists, since those
        // that
        // `words` and `words_mut` give out borrow the area for less than a method call.
        match unsafe { libc::madvise(address as *mut libc::c_void, bytes, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn words(&self, page: usize) -> &[u64] {
        assert!(page < self.pages(), "page {page} of {}", self.pages());
        // SAFETY: The page lies within our own mapping, just checked, which is readable and aligned, and nobody
        // else writes to it. That the kernel moves it does not show.
        unsafe {
            let start = self.start.add(page * self.page_bytes).cast::<u64>();
            slice::from_raw_parts(start.as_ptr(), self.page_bytes / size_of::<u64>())
        }
    }

    fn words_mut(&mut self, page: usize) -> &mut [u64] {
        assert!(page < self.pages(), "page {page} of {}", self.pages());
        // SAFETY: As for `words`; we are borrowed exclusively.
        unsafe {
            let start = self.start.add(page * self.page_bytes).cast::<u64>();
            slice::from_raw_parts_mut(start.as_ptr(), self.page_bytes / size_of::<u64>())
        }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: This is exactly what we mapped, and nobody can refer to it any more.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapped_bytes) };
    }
}

fn map(bytes: usize) -> Result<NonNull<u8>> {
    const PROTECTION: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
    const FLAGS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: A new mapping, at an address of the kernel's choice, touches nothing that exists.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), bytes, PROTECTION, FLAGS, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error()).with_context(|| format!("map {bytes} bytes"));
    }
    NonNull::new(address.cast()).context("the kernel mapped memory at address 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_written_and_forgotten_pages_are_told_apart() {
        let mut area = Area::new(8, 4096, Backing::BasePages).unwrap();
        area.check(0, 8).unwrap();
        area.write(2, 3);
        area.write(2, 1);
        area.check(0, 8).unwrap();
        area.forget(3, 1).unwrap();
        area.check(0, 8).unwrap();
        area.words_mut(4)[9] ^= 1;
        let message = area.check(0, 8).unwrap_err().to_string();
        assert!(
            message.contains("page 4") && message.contains("offset 72"),
            "{message}"
        );
    }

    #[test]
    fn large_pages_are_aligned() {
        let bytes = 2 << 20;
        let area = Area::new(1024, 4096, Backing::LargePages { bytes }).unwrap();
        assert_eq!(area.address(0) % bytes, 0);
        assert_eq!(area.address(512), area.address(0) + bytes);
    }
}
