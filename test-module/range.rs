// SPDX-License-Identifier: GPL-2.0

//! A range of memory that is to be migrated.

use kernel::{
    mm::{MmapReadGuard, virt::VmaRef},
    page::PAGE_SIZE,
    prelude::*,
};

use crate::bindings;

/// A range of pages in one VMA that stays as it is.
///
/// # Invariants
///
/// `start` is a multiple of the page size and within `vma`; `pages` is at least one, and that many
/// pages from there do not overflow. Whether they leave the VMA is for setup to check. The mmap
/// lock of the VMA's address space is held for `'mm`.
#[derive(Clone, Copy)]
pub(crate) struct Range<'mm> {
    vma: &'mm VmaRef,
    start: usize,
    pages: usize,
}

impl<'mm> Range<'mm> {
    /// `EFAULT` where nothing is mapped; `EINVAL` for a range that is empty, not aligned, or
    /// overflows.
    pub(crate) fn new(mmap: &'mm MmapReadGuard<'_>, start: usize, pages: usize) -> Result<Self> {
        let vma = mmap.vma_lookup(start).ok_or(EFAULT)?;
        let end = pages
            .checked_mul(PAGE_SIZE)
            .and_then(|bytes| start.checked_add(bytes));
        let begins = vma.start() <= start && start % PAGE_SIZE == 0;
        if !begins || end.is_none_or(|end| end <= start) {
            return Err(EINVAL);
        }
        // INVARIANT: Just checked; the guard holds the mmap lock for as long as it is borrowed.
        Ok(Self { vma, start, pages })
    }

    /// The `pages` pages (a power of two) around an address that are aligned to their number, as
    /// far as they are within the VMA.
    ///
    /// # Safety
    ///
    /// The mmap lock (not only the VMA's own) is held for `'mm`.
    pub(crate) unsafe fn around(vma: &'mm VmaRef, address: usize, pages: usize) -> Result<Self> {
        let bytes = pages.checked_mul(PAGE_SIZE).ok_or(EINVAL)?;
        let first = address & !(bytes - 1);
        let (start, end) = (first.max(vma.start()), (first + bytes).min(vma.end()));
        if !(start..end).contains(&address) {
            return Err(EINVAL);
        }
        // INVARIANT: A VMA begins and ends at multiples of the page size; the range is within it
        // and has at least the page at `address`; the lock is this function's requirement.
        Ok(Self {
            vma,
            start,
            pages: (end - start) / PAGE_SIZE,
        })
    }

    /// The address of the page at a position.
    pub(crate) fn address(&self, index: usize) -> usize {
        self.start + index * PAGE_SIZE
    }

    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// Where its VMA begins, and ends.
    pub(crate) fn mapping(&self) -> [usize; 2] {
        [self.vma.start(), self.vma.end()]
    }

    /// Whether it is memory of no file.
    pub(crate) fn is_anonymous(&self) -> bool {
        // SAFETY: The VMA stays as it is while it is borrowed.
        unsafe { bindings::migrate_test_vma_is_anonymous(self.vma.as_ptr()) }
    }

    pub(crate) fn vma(&self) -> &'mm VmaRef {
        self.vma
    }
}
