// SPDX-License-Identifier: GPL-2.0

//! Who owns which folio. Every reference and every folio lock that this driver takes is one of
//! these values, and is given back when the value is dropped.

use core::{marker::PhantomData, ptr::NonNull};
use kernel::bindings::gfp_t;

use crate::bindings::{
    self, MIGRATE_TEST_COMPOUND_ORDER, MIGRATE_TEST_GFP_LARGE, MIGRATE_TEST_GFP_LARGE_HARD,
    MIGRATE_TEST_GFP_PAGE, folio, page,
};

/// Page frame number.
pub(crate) type Pfn = usize;

/// Base pages in a large folio that migrates whole.
pub(crate) const COMPOUND_PAGES: usize = 1 << MIGRATE_TEST_COMPOUND_ORDER;

/// A base page, or a large folio of [`COMPOUND_PAGES`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// One base page.
    Page,
    /// A large folio.
    Compound,
}

impl Size {
    pub(crate) const fn order(self) -> u32 {
        match self {
            Self::Page => 0,
            Self::Compound => MIGRATE_TEST_COMPOUND_ORDER,
        }
    }

    pub(crate) const fn pages(self) -> usize {
        1 << self.order()
    }
}

/// How hard to try for a large folio of system memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Base pages will do instead.
    Light,
    /// There is no other way.
    Hard,
}

/// A folio that nobody else knows yet: what a driver gives to the kernel as a destination.
///
/// # Invariants
///
/// `pfn` is the first page of a valid folio of `size`, of system memory if `is_system` is set. This
/// value owns the folio's lock and one reference.
pub(crate) struct NewFolio {
    pfn: Pfn,
    size: Size,
    is_system: bool,
}

impl NewFolio {
    /// A new folio of system memory. Its contents are whatever was there.
    pub(crate) fn system(size: Size, effort: Effort) -> Option<Self> {
        let gfp: gfp_t = match (size, effort) {
            (Size::Page, _) => MIGRATE_TEST_GFP_PAGE,
            (Size::Compound, Effort::Light) => MIGRATE_TEST_GFP_LARGE,
            (Size::Compound, Effort::Hard) => MIGRATE_TEST_GFP_LARGE_HARD,
        };
        // SAFETY: Allocating needs nothing but a context that may sleep, which all callers are.
        let folio = NonNull::new(unsafe { bindings::migrate_test_alloc_folio(gfp, size.order()) })?;
        Some(Self::of_system(folio, size))
    }

    /// A new page of this node's memory, and of no other's.
    pub(crate) fn on_node(node: u32) -> Option<Self> {
        // SAFETY: As above; a node that there is not, whatever its number, has no memory.
        let folio = unsafe { bindings::migrate_test_alloc_on_node(MIGRATE_TEST_GFP_PAGE, node) };
        Some(Self::of_system(NonNull::new(folio)?, Size::Page))
    }

    /// A folio that has just been allocated.
    fn of_system(folio: NonNull<folio>, size: Size) -> Self {
        // SAFETY: We have just been given the only reference to this folio, so that nobody holds
        // its lock.
        unsafe { bindings::migrate_test_folio_lock(folio.as_ptr()) };
        // SAFETY: The folio is valid, and so is its first page.
        let pfn = unsafe {
            let first = bindings::migrate_test_folio_page(folio.as_ptr());
            bindings::migrate_test_page_to_pfn(first)
        };
        // INVARIANT: The folio is new system memory, locked and referenced by us.
        Self {
            pfn,
            size,
            is_system: true,
        }
    }

    /// Takes over a folio.
    ///
    /// # Safety
    ///
    /// `pfn` is the first page of a valid folio of `size`. The caller owns its lock and one
    /// reference, and gives both up.
    pub(crate) unsafe fn from_pfn(pfn: Pfn, size: Size) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            pfn,
            size,
            is_system: false,
        }
    }

    /// Gives up the value without giving up lock and reference: whoever gets the number owns both.
    pub(crate) fn into_pfn(self) -> Pfn {
        let pfn = self.pfn();
        core::mem::forget(self);
        pfn
    }

    pub(crate) fn pfn(&self) -> Pfn {
        self.pfn
    }

    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Where the bytes of its n-th page are, if it was made by [`NewFolio::system`].
    pub(crate) fn system_frame(&self, n: usize) -> Option<Frame<'_>> {
        let pfn = (self.is_system && n < self.size.pages()).then_some(self.pfn() + n)?;
        // SAFETY: By the type invariants the page is system memory, and part of a folio that we
        // hold.
        Some(unsafe { Frame::new(pfn) })
    }
}

impl Drop for NewFolio {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the page is part of a folio whose lock and one reference
        // we own; this is the last use of both.
        unsafe {
            let first = bindings::migrate_test_pfn_to_page(self.pfn);
            let folio = bindings::migrate_test_page_folio(first);
            kernel::bindings::folio_unlock(folio);
            bindings::migrate_test_folio_put(folio);
        }
    }
}

/// One reference on a folio.
///
/// # Invariants
///
/// `folio` is valid, and this value owns one reference to it.
pub(crate) struct FolioRef {
    folio: *mut folio,
}

// SAFETY: A reference may be given up by another thread than the one that took it.
unsafe impl Send for FolioRef {}

impl FolioRef {
    /// Takes another reference on the folio of a page.
    ///
    /// # Safety
    ///
    /// There is a page `pfn`, and somebody holds a reference on its folio and keeps it during the
    /// call.
    pub(crate) unsafe fn get(pfn: Pfn) -> Self {
        // SAFETY: The page exists, and its folio does not go away, by this function's requirements.
        let folio = unsafe {
            let folio = bindings::migrate_test_page_folio(bindings::migrate_test_pfn_to_page(pfn));
            bindings::migrate_test_folio_get(folio);
            folio
        };
        // INVARIANT: The reference has just been taken.
        Self { folio }
    }

    /// Takes another reference on the folio of a page.
    ///
    /// # Safety
    ///
    /// `page` is valid, and somebody holds a reference on its folio and keeps it during the call.
    pub(crate) unsafe fn of_page(page: *mut page) -> Self {
        // SAFETY: By this function's requirements.
        unsafe { Self::get(bindings::migrate_test_page_to_pfn(page)) }
    }

    /// Takes a reference on the folio of a page that may be going away.
    ///
    /// # Safety
    ///
    /// There is a page `pfn`, free or not.
    pub(crate) unsafe fn try_get(pfn: Pfn) -> Option<Self> {
        // SAFETY: The page exists by this function's requirements. `folio_try_get` copes with a
        // folio that is being freed.
        unsafe {
            let page = bindings::migrate_test_pfn_to_page(pfn);
            let folio = bindings::migrate_test_page_folio(page);
            if !bindings::migrate_test_folio_try_get(folio) {
                return None;
            }
            // INVARIANT: The reference has just been taken.
            let reference = Self { folio };
            // Between looking up the folio and holding it, it may have been split.
            (bindings::migrate_test_page_folio(page) == folio).then_some(reference)
        }
    }

    /// A second reference on the same folio.
    pub(crate) fn again(&self) -> Self {
        // SAFETY: By the type invariants we hold a reference.
        unsafe { bindings::migrate_test_folio_get(self.folio) };
        // INVARIANT: The reference has just been taken.
        Self { folio: self.folio }
    }
}

impl Drop for FolioRef {
    fn drop(&mut self) {
        // SAFETY: We own the reference by the type invariants, and this is its last use.
        unsafe { bindings::migrate_test_folio_put(self.folio) };
    }
}

/// The lock of a folio of one base page, and a reference that keeps it.
///
/// # Invariants
///
/// `folio` is locked, and this value owns the lock.
pub(crate) struct FolioLock {
    folio: FolioRef,
}

impl FolioLock {
    /// Locks the folio, if nobody has. Not a large folio: setup waits for the lock of one that it
    /// has to split, and would wait for its own caller.
    pub(crate) fn try_lock(folio: FolioRef) -> Option<Self> {
        // SAFETY: By the invariants of `FolioRef` the folio is valid.
        let locked = unsafe {
            bindings::migrate_test_folio_order(folio.folio) == 0
                && bindings::migrate_test_folio_trylock(folio.folio)
        };
        // INVARIANT: It was just locked by us. (Only then: a value that is made is dropped, which
        // unlocks.)
        locked.then(|| Self { folio })
    }
}

impl Drop for FolioLock {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the lock is ours, and the folio is still referenced.
        unsafe { kernel::bindings::folio_unlock(self.folio.folio) };
    }
}

/// A page of system memory whose bytes the CPU may read and write.
///
/// # Invariants
///
/// `pfn` is a page of system memory that stays allocated for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pfn: Pfn,
    _alive: PhantomData<&'a page>,
}

impl Frame<'_> {
    /// The page with this number.
    ///
    /// # Safety
    ///
    /// `pfn` is a page of system memory that stays allocated for the lifetime of the value.
    pub(crate) unsafe fn new(pfn: Pfn) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            pfn,
            _alive: PhantomData,
        }
    }

    fn page(self) -> *mut page {
        // SAFETY: By the type invariants there is a page with this number.
        unsafe { bindings::migrate_test_pfn_to_page(self.pfn) }
    }

    /// Overwrites the page with another one's bytes.
    pub(crate) fn copy_from(self, from: Frame<'_>) {
        // SAFETY: By the type invariants both pages are system memory and allocated.
        unsafe { bindings::migrate_test_copy_page(self.page(), from.page()) };
    }

    /// Overwrites the page with zeroes.
    pub(crate) fn clear(self) {
        // SAFETY: By the type invariants the page is system memory and allocated.
        unsafe { bindings::migrate_test_clear_page(self.page()) };
    }
}

/// A page of system memory that stands in for a page of the device's.
///
/// # Invariants
///
/// `pfn` is an allocated page that this value owns.
pub(crate) struct Backing {
    pfn: Pfn,
}

impl Backing {
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: Allocating needs nothing but a context that may sleep, which all callers are.
        let page = NonNull::new(unsafe {
            kernel::bindings::alloc_pages(bindings::MIGRATE_TEST_GFP_BACKING, 0)
        })?;
        // SAFETY: The page is valid.
        let pfn = unsafe { bindings::migrate_test_page_to_pfn(page.as_ptr()) };
        // INVARIANT: The page is new and ours.
        Some(Self { pfn })
    }

    /// The number of the page, for as long as this value lives.
    pub(crate) fn pfn(&self) -> Pfn {
        self.pfn
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        // SAFETY: By the type invariants this is a page which we allocated with order 0; nobody
        // uses it any more.
        unsafe { kernel::bindings::__free_pages(bindings::migrate_test_pfn_to_page(self.pfn), 0) };
    }
}
