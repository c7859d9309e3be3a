// SPDX-License-Identifier: GPL-2.0

//! Which pages of device memory are in use, by what they are backed, where they are mapped and who
//! brought them.

use kernel::{
    mm::{Mm, virt::VmaRef},
    prelude::*,
};

use crate::{
    accounts::FileId,
    folio::{Backing, COMPOUND_PAGES, Pfn, Size},
    quietly,
};

const BITS: usize = u64::BITS as usize;

/// Where a page is mapped: an address space, told apart by its `mm_struct`'s address, and an
/// address in it.
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

    pub(crate) fn in_space(mm: &Mm, address: usize) -> Self {
        Self {
            mm: mm.as_raw() as usize,
            address,
        }
    }
}

/// Where a page went when it came to the device, and through which file.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) mapping: Mapping,
    pub(crate) file: FileId,
}

#[derive(Default)]
struct Slot {
    backing: Option<Backing>,
    arrival: Option<Arrival>,
    /// It was taken as part of a large folio. The kernel may have split that since.
    large: bool,
}

/// One slot for each page of device memory. Indices count pages from the start of the device's
/// memory.
///
/// Base pages are taken from the low end and large folios from the high end, so that the former do
/// not break up the room of the latter before they have to.
///
/// # Invariants
///
/// Bit `i % 64` of `used[i / 64]` is set exactly while page `i` is taken; `taken` counts these
/// bits. No word before `hint` has a clear bit.
pub(crate) struct Slots {
    used: KVVec<u64>,
    slots: KVVec<Slot>,
    hint: usize,
    taken: usize,
    /// How many may be taken.
    capacity: usize,
    /// Where the next eviction looks for pages.
    hand: usize,
}

impl Slots {
    /// Room for `pages` pages, rounded down to whole words. Fewer than a large folio has are room
    /// for base pages only.
    pub(crate) fn new(pages: usize) -> Result<Self> {
        let pages = pages / BITS * BITS;
        if pages == 0 {
            return Err(EINVAL);
        }
        let mut slots = KVVec::with_capacity(pages, quietly())?;
        for _ in 0..pages {
            slots.push(Slot::default(), quietly())?;
        }
        // INVARIANT: Nothing is taken yet.
        Ok(Self {
            used: KVVec::from_elem(0, pages / BITS, quietly())?,
            slots,
            hint: 0,
            taken: 0,
            capacity: pages,
            hand: 0,
        })
    }

    /// Limits how many pages may be taken; more than there are means all.
    pub(crate) fn set_capacity(&mut self, pages: usize) {
        self.capacity = pages.min(self.slots.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes a page, or adjoining pages that begin at a multiple of their number. Gives the first
    /// one's index.
    pub(crate) fn take(&mut self, size: Size) -> Option<usize> {
        if self.taken + size.pages() > self.capacity {
            return None;
        }
        match size {
            Size::Page => self.take_page(),
            Size::Compound => self.take_compound(),
        }
    }

    fn take_page(&mut self) -> Option<usize> {
        let free = self.used[self.hint..]
            .iter()
            .position(|word| *word != u64::MAX);
        // INVARIANT: There is no clear bit before the word that was found, nor anywhere if none
        // was.
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
        let first = block * COMPOUND_PAGES;
        for slot in &mut self.slots[first..first + COMPOUND_PAGES] {
            slot.large = true;
        }
        Some(first)
    }

    /// Gives back one page. What backed it is for the caller to drop, outside of the lock.
    pub(crate) fn give_back(&mut self, index: usize) -> Option<Backing> {
        let word = index / BITS;
        self.used[word] &= !(1 << (index % BITS));
        self.hint = self.hint.min(word);
        self.taken -= 1;
        core::mem::take(&mut self.slots[index]).backing
    }

    /// Whether there is such a page and it is in use.
    pub(crate) fn is_taken(&self, index: usize) -> bool {
        let word = self.used.get(index / BITS);
        word.is_some_and(|word| word >> (index % BITS) & 1 == 1)
    }

    pub(crate) fn set_backing(&mut self, index: usize, backing: Backing) {
        self.slots[index].backing = Some(backing);
    }

    pub(crate) fn backing(&self, index: usize) -> Option<&Backing> {
        self.slots.get(index)?.backing.as_ref()
    }

    pub(crate) fn arrive(&mut self, index: usize, arrival: Arrival) {
        self.slots[index].arrival = Some(arrival);
    }

    /// What was on a page has gone.
    pub(crate) fn depart(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.arrival = None;
        }
    }

    /// Whether there is such a page and something has arrived there that has not gone.
    pub(crate) fn is_occupied(&self, index: usize) -> bool {
        let slot = self.slots.get(index);
        slot.is_some_and(|slot| slot.arrival.is_some())
    }

    /// The file that brought a page here.
    pub(crate) fn file(&self, index: usize) -> Option<FileId> {
        Some(self.slots.get(index)?.arrival?.file)
    }

    /// Whether this page was last mapped there, and is still in use.
    pub(crate) fn is_mapped(&self, index: usize, mapping: Mapping) -> bool {
        self.slots
            .get(index)
            .and_then(|slot| slot.arrival)
            .is_some_and(|arrival| arrival.mapping == mapping)
    }

    /// The pages in use from `first` on, in rising order.
    pub(crate) fn indices(&self, first: usize) -> impl Iterator<Item = usize> + '_ {
        let words = self.used.iter().enumerate().skip(first / BITS);
        words
            .flat_map(|(index, word)| {
                (0..BITS)
                    .filter(move |bit| word >> bit & 1 == 1)
                    .map(move |bit| index * BITS + bit)
            })
            .skip_while(move |index| *index < first)
    }

    /// Pages to evict: about `wanted` of those that arrived, in rising order, large folios with all
    /// their pages; `pfns` has room for `wanted` and a large folio, and gets numbers counted from
    /// `base`. They come in turn; none are found at the end of the turn.
    pub(crate) fn victims(&mut self, wanted: usize, base: Pfn, pfns: &mut KVVec<Pfn>) {
        let mut index = self.hand;
        while pfns.len() < wanted {
            let Some(next) = self.indices(index).next() else {
                self.hand = 0;
                return;
            };
            let end = if self.slots[next].large {
                (next / COMPOUND_PAGES + 1) * COMPOUND_PAGES
            } else {
                next + 1
            };
            for index in next..end {
                if self.slots[index].arrival.is_some() {
                    // There is room, as promised.
                    let _ = pfns.push_within_capacity(base + index);
                }
            }
            index = end;
        }
        self.hand = index;
    }
}
