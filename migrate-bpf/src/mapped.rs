//! A map as memory.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// The values of an array map that was made with `BPF_F_MMAPABLE`, as words. Programs write to them
/// meanwhile: each word is whole, and nothing more is promised.
///
/// # Invariants
///
/// `words` words from `first` on are mapped for reading, as long as this lives.
pub struct Mapped {
    first: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: it is memory that any thread may read, and it is nobody's.
unsafe impl Send for Mapped {}
// SAFETY: as above; it is read by atomic operations only.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps the first `words` words of a map. Fails with `EINVAL` if it has fewer pages, or cannot
    /// be mapped.
    pub fn new(map: impl AsFd, words: usize) -> io::Result<Self> {
        let bytes = words.checked_mul(WORD).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or(io::ErrorKind::InvalidInput)?;
        let fd = map.as_fd().as_raw_fd();
        // SAFETY: a new mapping, at an address of the kernel's choice, touches nothing that exists.
        let address =
            unsafe { libc::mmap(null_mut(), bytes, libc::PROT_READ, libc::MAP_SHARED, fd, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = NonNull::new(address.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        // INVARIANT: the kernel has mapped as much, and refuses to map more than the map has.
        Ok(Self { first, words })
    }

    /// All words.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: by the invariants. The memory is of a map, which does not shrink.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.words) }
    }

    /// The word at this place; 0 past the end.
    pub fn word(&self, place: usize) -> u64 {
        let word = self.words().get(place);
        // A load without an order works on memory that is mapped for reading only.
        word.map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Copies words from this place on. What is past the end stays as it was.
    pub fn copy_to(&self, place: usize, to: &mut [u64]) {
        let from = self.words().iter().skip(place);
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.load(Ordering::Relaxed);
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, and nobody refers to it any more.
        unsafe { libc::munmap(self.first.as_ptr().cast(), self.words * WORD) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    /// A file stands in for a map: it is mapped in the same way.
    fn file(words: &[u64]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn words_are_read_where_they_are_and_as_they_change() {
        let mut file = file(&[1, 2, 3]);
        let mapped = Mapped::new(&file, 3).unwrap();
        let mut two = [0; 2];
        mapped.copy_to(1, &mut two);
        assert_eq!((mapped.word(0), two, mapped.word(3)), (1, [2, 3], 0));
        file.write_all(&7u64.to_ne_bytes()).unwrap();
        assert_eq!(mapped.words().len(), 3);
        use std::os::unix::fs::FileExt as _;
        file.write_all_at(&9u64.to_ne_bytes(), 0).unwrap();
        assert_eq!(mapped.word(0), 9);
    }

    #[test]
    fn nothing_cannot_be_mapped() {
        assert!(Mapped::new(file(&[]), 0).is_err());
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(Mapped::new(reader, 1).is_err());
    }
}
