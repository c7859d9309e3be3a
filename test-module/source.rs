// SPDX-License-Identifier: GPL-2.0

//! What setup has collected.

use crate::{
    bindings,
    device_memory::DeviceMemory,
    folio::{FolioRef, Frame, Pfn},
    migrate::Collected,
};

/// A page or large folio that setup collected.
///
/// # Invariants
///
/// `pages` pages from `first` on are valid and of one folio, which is locked, unmapped and
/// referenced for `'a`. If `is_system` is set, they are system memory.
pub(crate) struct Source<'a> {
    first: Pfn,
    pages: usize,
    is_system: bool,
    _collected: &'a Collected<'a>,
}

impl<'a> Source<'a> {
    /// # Safety
    ///
    /// `pages` pages from `first` on are one folio, or a part of one, that was collected and is
    /// held until finalize, which `collected` does not outlive.
    pub(crate) unsafe fn new(first: Pfn, pages: usize, collected: &'a Collected<'a>) -> Self {
        // SAFETY: What the kernel collects has a `struct page`.
        let is_system = unsafe {
            let page = bindings::migrate_test_pfn_to_page(first);
            !bindings::migrate_test_is_device_page(page)
                && !bindings::migrate_test_is_coherent_page(page)
        };
        // INVARIANT: By this function's requirements.
        Self {
            first,
            pages,
            is_system,
            _collected: collected,
        }
    }

    /// The number of its n-th page.
    pub(crate) fn pfn(&self, n: usize) -> Option<Pfn> {
        (n < self.pages).then_some(self.first + n)
    }

    /// Where the bytes of its n-th page are, if it was collected from system memory.
    pub(crate) fn system_frame(&self, n: usize) -> Option<Frame<'a>> {
        let pfn = self.pfn(n).filter(|_| self.is_system)?;
        // SAFETY: By the type invariants the page is system memory and stays for `'a`.
        Some(unsafe { Frame::new(pfn) })
    }

    /// The device that it is on, if it is on one.
    pub(crate) fn device(&self) -> Option<&DeviceMemory> {
        // SAFETY: By the type invariants the page is in use for as long as this value is borrowed.
        unsafe { DeviceMemory::of_frame(self.first) }
    }

    /// The node of its memory.
    pub(crate) fn node(&self) -> u32 {
        // SAFETY: By the type invariants the page is valid.
        let node = unsafe {
            bindings::migrate_test_page_node(bindings::migrate_test_pfn_to_page(self.first))
        };
        node.unsigned_abs()
    }

    /// One more reference: the kernel will find that the folio is used elsewhere and not move it.
    pub(crate) fn reference(&self) -> FolioRef {
        // SAFETY: By the type invariants the folio is referenced.
        unsafe { FolioRef::get(self.first) }
    }
}
