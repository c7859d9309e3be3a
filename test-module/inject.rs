// SPDX-License-Identifier: GPL-2.0

//! Faults to inject into a migration. `uapi.rs` defines which positions they strike.

use core::ptr::NonNull;
use kernel::prelude::*;

use crate::{
    device_memory::DeviceMemory,
    folio::{COMPOUND_PAGES, FolioRef, Size},
    layout,
    migrate::{Entry, Select},
    page_table::PageTable,
    range::Range,
    slots::Mapping,
};

/// What to inject between setup and pages. 0 is off.
#[derive(Clone, Copy, Default)]
pub(crate) struct Injection {
    pub(crate) decline_every: u32,
    pub(crate) reference_every: u32,
}

impl Injection {
    /// Whether an entry as a whole is to be declined.
    pub(crate) fn declines(&self, entry: &Entry) -> bool {
        hits(self.decline_every, position(entry))
    }

    /// Whether one page of an entry that is being split is to be declined.
    pub(crate) fn declines_page(&self, index: usize) -> bool {
        hits(self.decline_every, index)
    }

    /// Whether an entry is to get an extra reference.
    pub(crate) fn references(&self, entry: &Entry) -> bool {
        hits(self.reference_every, position(entry))
    }
}

fn hits(every: u32, position: usize) -> bool {
    every != 0 && (position + 1) % every as usize == 0
}

fn position(entry: &Entry) -> usize {
    match entry.size {
        Size::Page => entry.index,
        Size::Compound => entry.index / COMPOUND_PAGES,
    }
}

/// A page that is held so that the kernel will not migrate it.
pub(crate) enum Held {
    /// A system page, pinned for long.
    System(#[expect(dead_code, reason = "held until dropped")] Pinned),
    /// A device page. One reference more than expected passes `migrate_vma_setup`, which allows for the one
    /// that pages of zone device used to have; two do not.
    Device(#[expect(dead_code, reason = "held until dropped")] [FolioRef; 2]),
}

/// Holds every n-th page of a range.
pub(crate) fn hold(
    every: u32,
    range: &Range<'_>,
    select: Select,
    memory: &DeviceMemory,
    page_table: &PageTable,
) -> Result<KVVec<Held>> {
    let mut held = KVVec::new();
    for index in (0..range.pages()).filter(|index| hits(every, *index)) {
        let page = match select {
            Select::System => Pinned::new(range, index).map(Held::System),
            Select::Device => reference_twice(range, index, memory, page_table).map(Held::Device),
        };
        if let Some(page) = page {
            held.push(page, GFP_KERNEL)?;
        }
    }
    Ok(held)
}

fn reference_twice(
    range: &Range<'_>,
    index: usize,
    memory: &DeviceMemory,
    page_table: &PageTable,
) -> Option<[FolioRef; 2]> {
    let mapping = Mapping::new(range.vma(), range.address(index));
    let first = memory.reference(page_table.get(mapping.address)?, mapping)?;
    let second = first.again();
    Some([first, second])
}

/// # Invariants
///
/// `page` is pinned by us.
pub(crate) struct Pinned {
    page: NonNull<kernel::bindings::page>,
}

// SAFETY: A page may be unpinned by another thread than the one that pinned it.
unsafe impl Send for Pinned {}

impl Pinned {
    /// Pins what is mapped at a position, if that is a system page that can be written to. Maps nothing new: a
    /// hole stays one, and a page on the device stays there.
    fn new(range: &Range<'_>, index: usize) -> Option<Self> {
        const FLAGS: u32 = kernel::bindings::FOLL_WRITE
            | kernel::bindings::FOLL_LONGTERM
            | kernel::bindings::FOLL_NOFAULT;
        // Pinning looks into the address space of the current task.
        if layout::current_mm()?.as_raw() != range.vma().mm().as_raw() {
            return None;
        }
        let mut page = core::ptr::null_mut();
        // SAFETY: There is room for the one page that is asked for. By the invariants of `Range` the mmap lock of
        // its VMA is held, which is the current task's: just checked.
        let count =
            unsafe { kernel::bindings::pin_user_pages(range.address(index), 1, FLAGS, &mut page) };
        // INVARIANT: The page has just been pinned.
        (count == 1).then_some(Self {
            page: NonNull::new(page)?,
        })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: By the type invariants we have it pinned.
        unsafe { kernel::bindings::unpin_user_page(self.page.as_ptr()) };
    }
}
