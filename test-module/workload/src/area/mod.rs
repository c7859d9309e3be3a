//! Memory that a worker owns, and what ought to be in it.

mod mapping;

use std::{
    ffi::CStr,
    io::{self, Read as _, Write as _},
    ptr::NonNull,
    slice,
};

use anyhow::{Context as _, Result, bail};

use self::mapping::Mapping;
pub use self::mapping::{Access, Source, memory_file};
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

/// Memory of which every page is untouched (it reads as zero) or carries a pattern.
#[derive(Debug)]
pub struct Area {
    /// All that was mapped: more than the area where it has to be aligned.
    mapping: Mapping,
    start: NonNull<u8>,
    page_bytes: usize,
    /// Version of each page's pattern; 0: untouched.
    versions: Vec<u32>,
}

// SAFETY: The memory is mapped for the whole process, and only the area's owner uses it.
unsafe impl Send for Area {}
// SAFETY: Who has the area shared can read its memory and ask for its address, and write nothing.
unsafe impl Sync for Area {}

impl Area {
    /// Maps `pages` untouched anonymous pages.
    pub fn new(pages: usize, page_bytes: usize, backing: Backing) -> Result<Self> {
        let (align, advice) = match backing {
            Backing::BasePages => (1, libc::MADV_NOHUGEPAGE),
            Backing::LargePages { bytes } => (bytes, libc::MADV_HUGEPAGE),
        };
        let area = Self::map(pages, page_bytes, align, Source::Anonymous)?;
        // A kernel without large pages knows neither, and needs neither.
        let _ = area.advise(0, pages, advice);
        Ok(area)
    }

    /// Maps `pages` pages of a file of zeroes.
    pub fn of_file(pages: usize, page_bytes: usize, source: Source<'_>) -> Result<Self> {
        Self::map(pages, page_bytes, 1, source)
    }

    fn map(pages: usize, page_bytes: usize, align: usize, source: Source<'_>) -> Result<Self> {
        let spare = if align > 1 { align } else { 0 };
        let mapping = Mapping::new(pages * page_bytes + spare, source)?;
        let skip = mapping.start().as_ptr().align_offset(align);
        Ok(Self {
            // SAFETY: Less than `align` bytes are skipped, which the mapping has more than the
            // area.
            start: unsafe { mapping.start().add(skip) },
            mapping,
            page_bytes,
            versions: vec![0; pages],
        })
    }

    /// Gives it a name, which `/proc/self/maps` has then. False where the kernel has no such names.
    pub fn name(&mut self, name: &CStr) -> Result<bool> {
        self.mapping.name(name)
    }

    /// How many pages it has.
    pub fn pages(&self) -> usize {
        self.versions.len()
    }

    /// Where a page is.
    pub fn address(&self, page: usize) -> usize {
        self.start.as_ptr() as usize + page * self.page_bytes
    }

    /// Bytes in this many pages.
    pub fn bytes(&self, pages: usize) -> usize {
        pages * self.page_bytes
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

    /// Compares every byte of all pages.
    pub fn check_all(&self) -> Result<()> {
        self.check(0, self.pages())
    }

    /// Reads a word of each page: an untouched one is mapped to a page of zeroes.
    pub fn read(&self, first: usize, count: usize) {
        for page in first..first + count {
            std::hint::black_box(self.words(page)[0]);
        }
    }

    /// Has the kernel read pages, and not this program: as the argument of a system call.
    pub fn pass_to_kernel(&self, first: usize, count: usize) -> Result<()> {
        let (mut reader, mut writer) = io::pipe().context("cannot make a pipe")?;
        let mut copy = vec![0; self.page_bytes];
        for page in first..first + count {
            let words = self.words(page);
            // SAFETY: The same bytes, borrowed for as long; every byte of a word is one.
            let bytes =
                unsafe { slice::from_raw_parts(words.as_ptr().cast::<u8>(), self.page_bytes) };
            writer.write_all(bytes).context("write a page")?;
            reader.read_exact(&mut copy).context("read a page")?;
        }
        Ok(())
    }

    /// Drops pages, wherever they are: they are untouched again.
    pub fn forget(&mut self, first: usize, count: usize) -> Result<()> {
        self.advise(first, count, libc::MADV_DONTNEED)?;
        self.versions[first..first + count].fill(0);
        Ok(())
    }

    /// Asks the kernel to put pages out to swap space.
    pub fn swap_out(&self, first: usize, count: usize) -> Result<()> {
        self.advise(first, count, libc::MADV_PAGEOUT)
    }

    /// Sets what the CPU may do.
    pub fn protect(&mut self, first: usize, count: usize, access: Access) -> Result<()> {
        let bytes = count * self.page_bytes;
        self.mapping.protect(self.address(first), bytes, access)
    }

    /// Keeps pages in memory, touching those that are not there.
    pub fn lock(&self, first: usize, count: usize) -> Result<()> {
        let bytes = count * self.page_bytes;
        self.mapping.lock(self.address(first), bytes)
    }

    /// No longer keeps them there.
    pub fn unlock(&self, first: usize, count: usize) -> Result<()> {
        let bytes = count * self.page_bytes;
        self.mapping.unlock(self.address(first), bytes)
    }

    fn advise(&self, first: usize, count: usize, advice: libc::c_int) -> Result<()> {
        let bytes = count * self.page_bytes;
        self.mapping
            .advise(self.address(first), bytes, advice)
            .with_context(|| format!("advice {advice} about {count} pages"))
    }

    fn words(&self, page: usize) -> &[u64] {
        assert!(page < self.pages(), "page {page} of {}", self.pages());
        // SAFETY: The page lies within our own mapping, just checked, which is readable and
        // aligned, and nobody else writes to it. That the kernel moves it does not show.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_written_and_forgotten_pages_are_told_apart() {
        let mut area = Area::new(8, 4096, Backing::BasePages).unwrap();
        area.check_all().unwrap();
        area.write(2, 3);
        area.write(2, 1);
        area.check_all().unwrap();
        area.forget(3, 1).unwrap();
        area.check_all().unwrap();
        area.words_mut(4)[9] ^= 1;
        let message = area.check_all().unwrap_err().to_string();
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

    #[test]
    fn what_is_written_to_a_file_is_seen_by_those_who_share_it_only() {
        let file = memory_file(2 * 4096).unwrap();
        let mut shared = Area::of_file(2, 4096, Source::SharedFile(&file)).unwrap();
        let mut private = Area::of_file(2, 4096, Source::PrivateFile(&file)).unwrap();
        private.check_all().unwrap();
        private.write(0, 1);
        shared.check_all().unwrap();
        shared.write(1, 1);
        private.check(0, 1).unwrap();
        assert!(private.check(1, 1).is_err());
    }

    #[test]
    fn nothing_outside_is_touched() {
        let mut area = Area::new(2, 4096, Backing::BasePages).unwrap();
        assert!(area.forget(1, 2).is_err());
        assert!(area.protect(0, 3, Access::Read).is_err());
        area.protect(0, 2, Access::Read).unwrap();
        area.check_all().unwrap();
    }
}
