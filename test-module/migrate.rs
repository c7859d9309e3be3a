// SPDX-License-Identifier: GPL-2.0

//! The kernel's `migrate_vma` interface as types, one for each state of a migration:
//!
//! ```text
//! Range ──▶ Setup ──collect()──▶ Collected ──pages()──▶ Migrated ──finalize()──▶ Timeline
//!                      │             ├──roll_back()──────────────────────────────▶ Timeline
//!                      │             └──abandon()────────────────────────────────▶ Timeline
//!                      └──▶ Rejected
//! ```
//!
//! Each step consumes the state before it, so that setup can only be followed by pages or by
//! rolling back, and pages only by finalize. Dropping a state at any point ends the migration in
//! the right way: folios are unlocked, page tables are restored, destinations that were not used
//! are freed.
//!
//! What this keeps a driver from doing wrong:
//!
//! - calling out of order, twice, or never finalizing what setup has collected;
//! - calling without the mmap lock, or letting go of it in the middle ([`Range`] borrows it);
//! - finalizing without `migrate_vma_pages` while destinations are set: the kernel would map pages
//!   that were never moved to;
//! - a destination that is not locked, is used twice, or leaks ([`NewFolio`] is owned by whoever
//!   has it);
//! - a destination where nothing was collected, or of the wrong size; a large hole with only some
//!   of its base pages given, which the kernel would follow into a null pointer;
//! - splitting a large folio that other address spaces map, which would leave them with page tables
//!   that are wrong.

use kernel::prelude::*;

use crate::{
    arrays::{Behind, Pagewise},
    bindings::{
        self, migrate_vma, migrate_vma_direction_MIGRATE_VMA_SELECT_COMPOUND as SELECT_COMPOUND,
        migrate_vma_direction_MIGRATE_VMA_SELECT_SYSTEM as SELECT_SYSTEM,
    },
    folio::{COMPOUND_PAGES, NewFolio, Pfn, Size},
    owner::Owner,
    range::Range,
    sequence::Sequence,
    source::Source,
    timeline::Timeline,
};

/// Which pages to collect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Select {
    /// Those in system memory.
    System,
    /// Those on this driver's device.
    Device,
    /// Both.
    Anywhere,
}

impl Select {
    /// Whether pages of system memory are collected.
    pub(crate) fn wants_system(self) -> bool {
        self != Self::Device
    }
}

/// A migration that has not begun.
pub(crate) struct Setup<'mm>(Sequence<'mm>);

/// Setup refused, and owes nothing.
pub(crate) struct Rejected {
    pub(crate) error: Error,
    pub(crate) timeline: Timeline,
}

impl<'mm> Setup<'mm> {
    /// `compound`: collect large folios as one entry. Otherwise the kernel splits them on the way.
    pub(crate) fn new(
        range: &Range<'mm>,
        select: Select,
        owner: Owner,
        compound: bool,
    ) -> Result<Self> {
        let args = Self::args(range, select, owner, compound);
        // SAFETY: By the invariants of `Range`. There is no fault page.
        Ok(Self(unsafe { Sequence::of_vma(args, range.pages())? }))
    }

    /// The same with a structure that others have used or will, as drivers do that migrate one part
    /// after the other.
    pub(crate) fn in_structure(
        structure: &'mm mut migrate_vma,
        range: &Range<'mm>,
        select: Select,
        owner: Owner,
    ) -> Result<Self> {
        let args = Self::args(range, select, owner, false);
        // SAFETY: As above.
        Ok(Self(unsafe {
            Sequence::of_vma_in(structure, args, range.pages())?
        }))
    }

    /// For a fault of a CPU on a page of the device.
    ///
    /// # Safety
    ///
    /// `fault_page` is the page of the `vm_fault` that is being handled, whose VMA the range is in.
    /// The handler's caller keeps it locked and referenced for `'mm`.
    pub(crate) unsafe fn for_fault(
        range: &Range<'mm>,
        owner: Owner,
        compound: bool,
        fault_page: *mut kernel::bindings::page,
    ) -> Result<Self> {
        let args = migrate_vma {
            fault_page,
            ..Self::args(range, Select::Device, owner, compound)
        };
        // SAFETY: By the invariants of `Range` and the requirements of this function.
        Ok(Self(unsafe { Sequence::of_vma(args, range.pages())? }))
    }

    /// For clearing the device, without a VMA. Free pages among `pfns` are skipped.
    ///
    /// # Safety
    ///
    /// Each of `pfns` is a page of device memory that stays registered for `'mm`. They rise, and a
    /// large folio that is in use is there with all its pages.
    pub(crate) unsafe fn eviction(pfns: KVVec<Pfn>) -> Result<Self> {
        // SAFETY: The same requirements.
        Ok(Self(unsafe { Sequence::of_device(pfns)? }))
    }

    /// As [`Setup::eviction`], for a range.
    ///
    /// # Safety
    ///
    /// `pages` pages from `first` on are device memory that stays registered for `'mm`. No large
    /// folio is in there only in part.
    pub(crate) unsafe fn eviction_of_range(first: Pfn, pages: usize) -> Result<Self> {
        // SAFETY: The same requirements.
        Ok(Self(unsafe { Sequence::of_device_range(first, pages)? }))
    }

    /// As [`Setup::eviction`], page by page, with arrays that serve more than this.
    ///
    /// # Safety
    ///
    /// Each frame is a page of device memory that stays registered for `'mm`. The order has
    /// positions at which there is a frame, each once.
    pub(crate) unsafe fn eviction_pagewise(
        pagewise: Pagewise,
        src: &'mm mut [usize],
        dst: &'mm mut [usize],
    ) -> Result<Self> {
        // SAFETY: The same requirements.
        Ok(Self(unsafe {
            Sequence::of_device_pagewise(pagewise, src, dst)?
        }))
    }

    fn args(range: &Range<'mm>, select: Select, owner: Owner, compound: bool) -> migrate_vma {
        let select = match select {
            Select::System => SELECT_SYSTEM,
            Select::Device => owner.select,
            Select::Anywhere => SELECT_SYSTEM | owner.select,
        };
        let compound = if compound { SELECT_COMPOUND } else { 0 };
        migrate_vma {
            vma: range.vma().as_ptr(),
            start: range.address(0),
            end: range.address(range.pages()),
            pgmap_owner: owner.as_ptr(),
            flags: (select | compound) as usize,
            ..Default::default()
        }
    }

    /// Calls setup: pages are found, locked and unmapped.
    pub(crate) fn collect(mut self) -> core::result::Result<Collected<'mm>, Rejected> {
        match self.0.setup() {
            Ok(()) => Ok(Collected(self.0)),
            Err(error) => Err(Rejected {
                error,
                timeline: self.0.timeline(),
            }),
        }
    }
}

/// What stands at a position after setup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing that can be migrated.
    Skipped,
    /// Nothing is mapped; a page may be put there.
    Hole,
    /// A page, or a large folio; locked and unmapped.
    Page,
}

/// One entry, which stands for one or more positions.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) found: Found,
    pub(crate) size: Size,
}

/// Pages are collected: nobody else can reach them. The driver gives destinations and copies.
pub(crate) struct Collected<'mm>(Sequence<'mm>);

impl<'mm> Collected<'mm> {
    /// The entry at a position, or `None` past the end. The next one is at `index + size.pages()`.
    pub(crate) fn entry(&self, index: usize) -> Option<Entry> {
        if index >= self.0.requested() {
            return None;
        }
        let skipped = Entry {
            index,
            found: Found::Skipped,
            size: Size::Page,
        };
        // Setup may end before the range does.
        if index >= self.0.len() {
            return Some(skipped);
        }
        let src = self.0.src(index);
        if !src.is_migrating() {
            return Some(skipped);
        }
        let found = if src.is_valid() {
            Found::Page
        } else {
            Found::Hole
        };
        Some(Entry {
            index,
            found,
            size: src.size(),
        })
    }

    /// What stands at a position, found or not, where device memory was asked for.
    pub(crate) fn behind(&self, index: usize) -> Behind {
        self.0.behind(index)
    }

    /// What is to be copied.
    pub(crate) fn source(&self, entry: &Entry) -> Option<Source<'_>> {
        let src = self.0.src(entry.index);
        let is_page = src.is_migrating() && src.is_valid();
        // SAFETY: Setup holds what it marks as migrating locked and referenced until finalize,
        // which needs the value that is borrowed here.
        is_page.then(|| unsafe { Source::new(src.pfn(), src.positions(), self) })
    }

    /// Gives an entry one destination of its own size.
    pub(crate) fn place(&mut self, entry: &Entry, folio: NewFolio) -> Result {
        let src = self.0.src(entry.index);
        if !src.is_migrating() || src.size() != folio.size() {
            return Err(EINVAL);
        }
        self.0.place(entry.index, folio)
    }

    /// Base pages of everything that was collected.
    pub(crate) fn found(&self) -> usize {
        let (mut index, mut found) = (0, 0);
        while let Some(entry) = self.entry(index) {
            let pages = entry.size.pages();
            index += pages;
            found += if entry.found == Found::Skipped {
                0
            } else {
                pages
            };
        }
        found
    }

    /// Gives a destination to a position at which nothing was collected, as drivers do that do not
    /// look. The kernel gives it back in the end. What is past the end that setup has reached, it
    /// would not: nothing is put there.
    pub(crate) fn place_in_vain(&mut self, index: usize, folio: NewFolio) -> Result {
        let nothing = index < self.0.len() && self.0.src(index).is_nothing();
        if !nothing || folio.size() != Size::Page {
            return Err(EINVAL);
        }
        self.0.place(index, folio)
    }

    /// Breaks a rule: gives a destination to a position at which nothing was collected, and marks
    /// it as collected. The kernel takes it for a hole that somebody has filled meanwhile, if
    /// anything is mapped there, and gives the destination back.
    pub(crate) fn claim(&mut self, index: usize, folio: NewFolio) -> Result {
        self.place_in_vain(index, folio)?;
        self.0.claim(index)
    }

    /// Breaks a rule: where nothing was collected, has the arrays that pages and finalize are given
    /// no entries, and no address.
    pub(crate) fn vanish(&mut self) -> Result {
        self.0.vanish()
    }

    /// Gives a large entry of a device's memory a large destination that does not say so. The
    /// kernel does not take it.
    pub(crate) fn place_unmarked(&mut self, entry: &Entry, folio: NewFolio) -> Result {
        if entry.size != Size::Compound || folio.size() != Size::Compound {
            return Err(EINVAL);
        }
        self.0.place_unmarked(entry.index, folio)
    }

    /// Has an entry stay where it is, although it was collected.
    pub(crate) fn retire(&mut self, entry: &Entry) -> Result {
        self.0.retire(entry.index)
    }

    /// Whether an entry may be given base pages: a large hole, or a large anonymous folio that
    /// nobody else maps. The kernel splits the page table of this address space only; in others a
    /// migration entry for the whole folio would stay, which finalize would turn into a mapping of
    /// what is a base page by then.
    pub(crate) fn can_split(&self, entry: &Entry) -> bool {
        let src = self.0.src(entry.index);
        let compound = src.is_migrating() && src.size() == Size::Compound;
        compound && (entry.found == Found::Hole || (src.is_writable() && is_anonymous(src.pfn())))
    }

    /// Gives the base pages of a large entry that can be split a destination each; the kernel
    /// splits what is there. The first is needed, or the kernel sees nothing to do; of a hole, all
    /// are.
    pub(crate) fn place_split(&mut self, entry: &Entry, folios: KVec<Option<NewFolio>>) -> Result {
        let enough = match entry.found {
            Found::Hole => folios.iter().all(Option::is_some),
            _ => folios.first().is_some_and(Option::is_some),
        };
        let small = folios
            .iter()
            .flatten()
            .all(|folio| folio.size() == Size::Page);
        let fits = folios.len() == COMPOUND_PAGES && entry.index + COMPOUND_PAGES <= self.0.len();
        if !self.can_split(entry) || !enough || !small || !fits {
            return Err(EINVAL);
        }
        for (offset, folio) in folios.into_iter().enumerate() {
            if let Some(folio) = folio {
                self.0.place(entry.index + offset, folio)?;
            }
        }
        Ok(())
    }

    /// Calls pages: what has a destination moves there, if it still can.
    pub(crate) fn pages(mut self) -> Migrated<'mm> {
        self.0.pages();
        Migrated(self.0)
    }

    /// Leaves it at that: when nothing was collected, the kernel needs no other call. When
    /// something was, it is rolled back.
    pub(crate) fn abandon(mut self) -> Timeline {
        if self.0.abandon().is_err() {
            self.0.finalize();
        }
        self.0.timeline()
    }

    /// Gives up: everything stays where it was.
    pub(crate) fn roll_back(mut self) -> Timeline {
        self.0.finalize();
        self.0.timeline()
    }
}

/// Whether a page that setup collected is anonymous memory.
fn is_anonymous(pfn: Pfn) -> bool {
    // SAFETY: What setup collects has a `struct page`, and is referenced until finalize.
    unsafe { bindings::migrate_test_is_anonymous(bindings::migrate_test_pfn_to_page(pfn)) }
}

/// How a destination fared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A page lives there now.
    Moved,
    /// What was a hole has this page now.
    Populated,
}

/// A destination that is in use now.
pub(crate) struct Arrived {
    pub(crate) index: usize,
    pub(crate) arrival: Arrival,
    /// Where it came from, unless it was a hole.
    pub(crate) from: Option<Pfn>,
    pub(crate) pfn: Pfn,
    pub(crate) pages: usize,
}

/// Pages have moved; page tables still have to be restored. The driver maps what arrived.
pub(crate) struct Migrated<'mm>(Sequence<'mm>);

impl Migrated<'_> {
    /// What arrived, in order.
    pub(crate) fn arrived(&self) -> impl Iterator<Item = Arrived> + '_ {
        let mut index = 0;
        core::iter::from_fn(move || {
            while index < self.0.len() {
                let (at, src, dst) = (index, self.0.src(index), self.0.dst(index));
                if !src.is_migrating() || !dst.is_valid() {
                    index += 1;
                    continue;
                }
                index += dst.positions();
                let arrival = if src.is_valid() {
                    Arrival::Moved
                } else {
                    Arrival::Populated
                };
                return Some(Arrived {
                    index: at,
                    arrival,
                    from: src.is_valid().then(|| src.pfn()),
                    pfn: dst.pfn(),
                    pages: dst.positions(),
                });
            }
            None
        })
    }

    /// Calls finalize: whoever touches the range finds the pages where they are now.
    pub(crate) fn finalize(mut self) -> Timeline {
        self.0.finalize();
        self.0.timeline()
    }
}
