// SPDX-License-Identifier: GPL-2.0

//! Pages that are held from before setup until after finalize, so that the kernel does not migrate
//! them.

use core::ptr::NonNull;
use kernel::prelude::*;

use crate::{
    device_memory::DeviceMemory,
    folio::{FolioLock, FolioRef},
    inject::{Injection, Strikes},
    layout,
    migrate::Select,
    page_table::PageTable,
    quietly,
    range::Range,
    slots::Mapping,
};

/// A page that is held.
enum Held {
    /// A system page, pinned for long.
    Pinned(#[expect(dead_code, reason = "held until dropped")] Pinned),
    /// A device page. One reference more than expected passes `migrate_vma_setup`, which allows for
    /// the one that pages of zone device used to have; two do not.
    Referenced(#[expect(dead_code, reason = "held until dropped")] [FolioRef; 2]),
    /// A page of either kind.
    Locked(#[expect(dead_code, reason = "held until dropped")] FolioLock),
}

/// Every page that is held for a migration, until dropped.
pub(crate) struct Holds {
    pub(crate) pinned: usize,
    pub(crate) locked: usize,
    _held: KVVec<Held>,
}

/// Finds what is to be held.
pub(crate) struct Holder<'a, 'mm> {
    pub(crate) range: &'a Range<'mm>,
    pub(crate) select: Select,
    pub(crate) memory: &'a DeviceMemory,
    pub(crate) page_table: &'a PageTable,
}

impl Holder<'_, '_> {
    /// Holds what is to be pinned and locked.
    pub(crate) fn hold(&self, inject: &Injection) -> Result<Holds> {
        let mut held = KVVec::new();
        self.take(&inject.pin, &mut held, Self::pin)?;
        let pinned = held.len();
        self.take(&inject.lock, &mut held, Self::lock)?;
        Ok(Holds {
            pinned,
            locked: held.len() - pinned,
            _held: held,
        })
    }

    fn take(
        &self,
        strikes: &Strikes,
        held: &mut KVVec<Held>,
        how: fn(&Self, usize) -> Option<Held>,
    ) -> Result {
        if strikes.is_off() {
            return Ok(());
        }
        for index in (0..self.range.pages()).filter(|index| strikes.hits(*index)) {
            if let Some(page) = how(self, index) {
                held.push(page, quietly())?;
            }
        }
        Ok(())
    }

    fn pin(&self, index: usize) -> Option<Held> {
        if self.select.wants_system() {
            return Pinned::new(self.range, index).map(Held::Pinned);
        }
        let first = self.device_page(index)?;
        let second = first.again();
        Some(Held::Referenced([first, second]))
    }

    fn lock(&self, index: usize) -> Option<Held> {
        let reference = if self.select.wants_system() {
            Pinned::new(self.range, index)?.reference()
        } else {
            self.device_page(index)?
        };
        FolioLock::try_lock(reference).map(Held::Locked)
    }

    fn device_page(&self, index: usize) -> Option<FolioRef> {
        let mapping = Mapping::new(self.range.vma(), self.range.address(index));
        let pfn = self.page_table.get(mapping.address)?;
        self.memory.reference(pfn, mapping)
    }
}

/// # Invariants
///
/// `page` is pinned by us.
struct Pinned {
    page: NonNull<kernel::bindings::page>,
}

// SAFETY: A page may be unpinned by another thread than the one that pinned it.
unsafe impl Send for Pinned {}

impl Pinned {
    /// Pins what is mapped at a position, if that is a system page that can be written to. Maps
    /// nothing new: a hole stays one, and a page on the device stays there.
    fn new(range: &Range<'_>, index: usize) -> Option<Self> {
        const FLAGS: u32 = kernel::bindings::FOLL_WRITE
            | kernel::bindings::FOLL_LONGTERM
            | kernel::bindings::FOLL_NOFAULT;
        // Pinning looks into the address space of the current task.
        if layout::current_mm()?.as_raw() != range.vma().mm().as_raw() {
            return None;
        }
        let mut page = core::ptr::null_mut();
        // SAFETY: There is room for the one page that is asked for. By the invariants of `Range`
        // the mmap lock of its VMA is held, which is the current task's: just checked.
        let count =
            unsafe { kernel::bindings::pin_user_pages(range.address(index), 1, FLAGS, &mut page) };
        if count != 1 {
            return None;
        }
        // INVARIANT: The page has just been pinned.
        Some(Self {
            page: NonNull::new(page)?,
        })
    }

    /// A reference on the folio of the page, which outlives the pin.
    fn reference(&self) -> FolioRef {
        // SAFETY: By the type invariants the page is pinned, and so is its folio referenced.
        unsafe { FolioRef::of_page(self.page.as_ptr()) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: By the type invariants we have it pinned.
        unsafe { kernel::bindings::unpin_user_page(self.page.as_ptr()) };
    }
}
