// SPDX-License-Identifier: GPL-2.0

//! Which pages of device memory are in use, by what they are backed, and where they are mapped.

use kernel::{mm::virt::VmaRef, prelude::*};

use crate::folio::{Backing, COMPOUND_PAGES, Size};

const BITS: usize = u64::BITS as usize;

/// Where a page is mapped: an address space, told apart by its `mm_struct`'s address, and an address in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    mm: usize,
    pub(crate) address: usize,
}

impl Mapping {
    pub(crate) fn new(vma: &VmaRef, address: usize) -> Self {
        Self {
            mm: vma.mm().as_raw() as usize,
            address,
        }
    }
}

#[derive(Default)]
struct Slot {
    backing: Option<Backing>,
    mapping: Option<Mapping>,
}

/// One slot for each page of device memory. Indices count pages from the start of the device's memory.
///
/// Base pages are taken from the low end and large folios from the high end, so that the former do not break up the
/// room of the latter before they have to.
///
/// # Invariants
///
/// Bit `i % 64` of `used[i / 64]` is set exactly while page `i` is taken; `taken` counts these bits. No word
/// before `hint` has a clear bit.
pub(crate) struct Slots {
    used: KVVec<u64>,
    slots: KVVec<Slot>,
    hint: usize,
    taken: usize,
}

impl Slots {
    /// Room for `pages` pages, rounded down to whole large folios (and whole words).
    pub(crate) fn new(pages: usize) -> Result<Self> {
        let unit = COMPOUND_PAGES.max(BITS);
        let pages = pages / unit * unit;
        let mut slots = KVVec::with_capacity(pages, GFP_KERNEL)?;
        for _ in 0..pages {
            slots.push(Slot::default(), GFP_KERNEL)?;
        }
        // INVARIANT: Nothing is taken yet.
        Ok(Self {
            used: KVVec::from_elem(0, pages / BITS, GFP_KERNEL)?,
            slots,
            hint: 0,
            taken: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes a page, or adjoining pages that begin at a multiple of their number. Gives the first one's index.
    pub(crate) fn take(&mut self, size: Size) -> Option<usize> {
        match size {
            Size::Page => self.take_page(),
            Size::Compound => self.take_compound(),
        }
    }

    fn take_page(&mut self) -> Option<usize> {
        let free = self.used[self.hint..]
            .iter()
            .position(|word| *word != u64::MAX);
        // INVARIANT: There is no clear bit before the word that was found, nor anywhere if none was.
        self.hint = free.map_or(self.used.len(), |ahead| self.hint + ahead);
        let word = self.used.get_mut(self.hint)?;
        let bit = (!*word).trailing_zeros() as usize;
        *word |= 1 << bit;
        self.taken += 1;
        Some(self.hint * BITS + bit)
    }

    fn take_compound(&mut self) -> Option<usize> {
        let words = COMPOUND_PAGES / BITS;
        if words == 0 {
            return None;
        }
        let (block, room) = self
            .used
            .chunks_exact_mut(words)
            .enumerate()
            .rev()
            .find(|(_, room)| room.iter().all(|word| *word == 0))?;
        room.fill(u64::MAX);
        self.taken += COMPOUND_PAGES;
        Some(block * COMPOUND_PAGES)
    }

    /// Gives back one page. What backed it is for the caller to drop, outside of the lock.
    pub(crate) fn give_back(&mut self, index: usize) -> Option<Backing> {
        let word = index / BITS;
        self.used[word] &= !(1 << (index % BITS));
        self.hint = self.hint.min(word);
        self.taken -= 1;
        core::mem::take(&mut self.slots[index]).backing
    }

    pub(crate) fn set_backing(&mut self, index: usize, backing: Backing) {
        self.slots[index].backing = Some(backing);
    }

    pub(crate) fn backing(&self, index: usize) -> Option<&Backing> {
        self.slots.get(index)?.backing.as_ref()
    }

    pub(crate) fn set_mapping(&mut self, index: usize, mapping: Mapping) {
        self.slots[index].mapping = Some(mapping);
    }

    /// Whether this page was last mapped there, and is still in use.
    pub(crate) fn is_mapped(&self, index: usize, mapping: Mapping) -> bool {
        self.slots
            .get(index)
            .is_some_and(|slot| slot.mapping == Some(mapping))
    }

    /// The pages in use, in rising order.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.used.iter().enumerate().flat_map(|(index, word)| {
            (0..BITS)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| index * BITS + bit)
        })
    }
}
