// SPDX-License-Identifier: GPL-2.0

//! A range of memory that can be migrated.

use kernel::{
    mm::{MmapReadGuard, virt::VmaRef},
    page::PAGE_SIZE,
    prelude::*,
};

/// A range of pages in one VMA that stays as it is.
///
/// # Invariants
///
/// `start` is a multiple of the page size, and `pages` pages from there (at least one) lie within `vma`. The mmap
/// lock of the VMA's address space is held for `'mm`.
#[derive(Clone, Copy)]
pub(crate) struct Range<'mm> {
    vma: &'mm VmaRef,
    start: usize,
    pages: usize,
}

impl<'mm> Range<'mm> {
    /// `EFAULT` where nothing is mapped; `EINVAL` for a range that is empty, not aligned, or leaves its VMA.
    pub(crate) fn new(mmap: &'mm MmapReadGuard<'_>, start: usize, pages: usize) -> Result<Self> {
        let vma = mmap.vma_lookup(start).ok_or(EFAULT)?;
        // SAFETY: The guard holds the mmap lock for as long as it is borrowed.
        unsafe { Self::within(vma, start, pages) }
    }

    /// # Safety
    ///
    /// The mmap lock (not only the VMA's own) is held for `'mm`.
    pub(crate) unsafe fn within(vma: &'mm VmaRef, start: usize, pages: usize) -> Result<Self> {
        let end = pages
            .checked_mul(PAGE_SIZE)
            .and_then(|bytes| start.checked_add(bytes));
        let fits = end.is_some_and(|end| vma.start() <= start && start < end && end <= vma.end());
        if !fits || start % PAGE_SIZE != 0 {
            return Err(EINVAL);
        }
        // INVARIANT: Just checked; the lock is this function's requirement.
        Ok(Self { vma, start, pages })
    }

    /// The address of the page at a position.
    pub(crate) fn address(&self, index: usize) -> usize {
        self.start + index * PAGE_SIZE
    }

    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    pub(crate) fn vma(&self) -> &'mm VmaRef {
        self.vma
    }
}
