// SPDX-License-Identifier: GPL-2.0

//! The device's page table of one open file: which device page stands behind which address.
//!
//! It is brought up to date where drivers do that, between pages and finalize. Pages that leave the
//! device in other ways (a fault, `munmap`, an exit) leave a stale entry; whoever uses one asks
//! [`DeviceMemory`] whether the page is still mapped there.
//!
//! [`DeviceMemory`]: crate::device_memory::DeviceMemory

use kernel::{
    page::PAGE_SHIFT,
    prelude::*,
    types::ForeignOwnable,
    xarray::{AllocKind, XArray},
};

use crate::{bindings, folio::Pfn};

/// Points at a page of the device, as an entry of a page table does: without a reference.
struct Pte(*mut bindings::page);

// SAFETY: The pointer is to a `struct page`, which is aligned to a word at least and not null.
unsafe impl ForeignOwnable for Pte {
    const FOREIGN_ALIGN: usize = align_of::<bindings::page>();
    type Borrowed<'a> = *mut bindings::page;
    type BorrowedMut<'a> = *mut bindings::page;

    fn into_foreign(self) -> *mut c_void {
        self.0.cast()
    }

    unsafe fn from_foreign(pointer: *mut c_void) -> Self {
        Self(pointer.cast())
    }

    unsafe fn borrow<'a>(pointer: *mut c_void) -> Self::Borrowed<'a> {
        pointer.cast()
    }

    unsafe fn borrow_mut<'a>(pointer: *mut c_void) -> Self::BorrowedMut<'a> {
        pointer.cast()
    }
}

// SAFETY: An entry is never followed, only compared and turned into a page number.
unsafe impl Send for Pte {}

/// Maps addresses to device pages.
#[pin_data]
pub(crate) struct PageTable {
    #[pin]
    entries: XArray<Pte>,
}

// SAFETY: Every access locks the array.
unsafe impl Sync for PageTable {}

impl PageTable {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self { entries <- XArray::new(AllocKind::Alloc) })
    }

    /// Maps a page of the device.
    pub(crate) fn set(&self, address: usize, pfn: Pfn) {
        // SAFETY: The number is a device page's, which has a `struct page`.
        let entry = Pte(unsafe { bindings::migrate_test_pfn_to_page(pfn) });
        // Without memory for it the entry is missing. A device would fault and ask again; this one
        // does not mind.
        let _ = self
            .entries
            .lock()
            .store(address >> PAGE_SHIFT, entry, GFP_KERNEL);
    }

    /// Unmaps an address.
    pub(crate) fn clear(&self, address: usize) {
        self.entries.lock().remove(address >> PAGE_SHIFT);
    }

    /// The device page that was last mapped at an address.
    pub(crate) fn get(&self, address: usize) -> Option<Pfn> {
        let page = self.entries.lock().get(address >> PAGE_SHIFT)?;
        // SAFETY: Entries are pages of the device, whose `struct page` exists as long as the module
        // does.
        Some(unsafe { bindings::migrate_test_page_to_pfn(page) })
    }
}
