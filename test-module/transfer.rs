// SPDX-License-Identifier: GPL-2.0

//! What a driver does between the kernel's calls: destinations and copies, and a count of where the pages went.

use kernel::prelude::*;

use crate::{
    device_memory::DeviceMemory,
    folio::{COMPOUND_PAGES, Effort, FolioRef, Frame, NewFolio, Size},
    inject::Injection,
    migrate::{Arrival, Arrived, Collected, Entry, Found, Migrated, Select, Setup, Source},
    truth::{Count, Kind},
    uapi::Truth,
};

/// What to do with large folios.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Large {
    /// They stay whole or stay where they are: for callers for whom the kernel cannot split. A fault holds a
    /// reference that stops the split (`folio_split_unmapped`), and an eviction has no VMA to split in.
    Whole,
    /// Whole if a large destination can be had, else page by page.
    WholeOrSplit,
    /// Page by page.
    Split,
}

/// How one migration is to be done.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) memory: &'a DeviceMemory,
    pub(crate) kind: Kind,
    /// Where the pages are that are to be migrated.
    pub(crate) select: Select,
    pub(crate) large: Large,
    pub(crate) populate: bool,
    pub(crate) roll_back: bool,
    pub(crate) inject: Injection,
}

impl Plan<'_> {
    /// Migrates, with one sequence of kernel calls. `map` is told what arrived, where a driver updates its
    /// device's page table.
    pub(crate) fn run(&self, setup: Setup<'_>, map: impl FnMut(&Arrived)) -> Truth {
        let mut count = Count::default();
        let mut collected = match setup.collect() {
            Ok(collected) => collected,
            Err(rejected) => return self.kind.rejected(&rejected),
        };
        // Held until after finalize.
        let references = self.fill(&mut collected, &mut count);
        let truth = if self.roll_back {
            self.kind.rolled_back(&count, &collected.roll_back())
        } else {
            let migrated = collected.pages();
            count_arrived(&migrated, &mut count, map);
            self.kind.completed(&count, &migrated.finalize())
        };
        drop(references);
        truth
    }

    /// Gives destinations to what was collected, and copies.
    fn fill(&self, collected: &mut Collected<'_>, count: &mut Count) -> KVVec<FolioRef> {
        let mut references = KVVec::new();
        let mut index = 0;
        while let Some(entry) = collected.entry(index) {
            let pages = entry.size.pages();
            index += pages;
            if entry.found == Found::Skipped {
                count.skipped += pages as u64;
                continue;
            }
            let given = if self.wants(&entry) {
                self.fill_entry(collected, &entry)
            } else {
                0
            };
            count.filled(&entry, given);
            if given > 0 && self.inject.references(&entry) {
                if let Some(source) = collected.source(&entry) {
                    // Without memory to remember it, the reference is not taken.
                    if references.push(source.reference(), GFP_KERNEL).is_ok() {
                        count.referenced += pages as u64;
                    }
                }
            }
        }
        references
    }

    fn wants(&self, entry: &Entry) -> bool {
        !self.inject.declines(entry) && (entry.found == Found::Page || self.populate)
    }

    /// How many pages of the entry got a destination.
    fn fill_entry(&self, collected: &mut Collected<'_>, entry: &Entry) -> usize {
        if entry.size == Size::Page || self.large != Large::Split {
            if let Some(folio) = self.whole(collected, entry) {
                return if collected.place(entry, folio).is_ok() {
                    entry.size.pages()
                } else {
                    0
                };
            }
            if entry.size == Size::Page || self.large == Large::Whole {
                return 0;
            }
        }
        let Ok(folios) = self.split(collected, entry) else {
            return 0;
        };
        let given = folios.iter().flatten().count();
        if collected.place_split(entry, folios).is_ok() {
            given
        } else {
            0
        }
    }

    /// One destination of the entry's size, with its contents.
    fn whole(&self, collected: &Collected<'_>, entry: &Entry) -> Option<NewFolio> {
        let folio = self.destination(entry.size)?;
        let source = collected.source(entry);
        for n in 0..entry.size.pages() {
            self.write(&folio, n, source.as_ref(), n)?;
        }
        Some(folio)
    }

    /// A destination for each page of a large entry, with its contents; none for those to be declined.
    fn split(&self, collected: &Collected<'_>, entry: &Entry) -> Result<KVec<Option<NewFolio>>> {
        let mut folios = KVec::with_capacity(COMPOUND_PAGES, GFP_KERNEL)?;
        let source = collected.source(entry);
        for n in 0..COMPOUND_PAGES {
            // The first page and holes are declined only with the whole entry, which `wants` has asked.
            let alone = n > 0 && entry.found == Found::Page;
            let folio = if alone && self.inject.declines_page(entry.index + n) {
                None
            } else {
                self.destination(Size::Page)
                    .filter(|folio| self.write(folio, 0, source.as_ref(), n).is_some())
            };
            folios.push(folio, GFP_KERNEL)?;
        }
        Ok(folios)
    }

    fn destination(&self, size: Size) -> Option<NewFolio> {
        let effort = if self.large == Large::Whole {
            Effort::Hard
        } else {
            Effort::Light
        };
        match self.select {
            Select::System => self.memory.allocate(size),
            Select::Device => NewFolio::system(size, effort),
        }
    }

    /// Writes one page: a copy of the source's page `n`, or zeroes for a hole.
    fn write(
        &self,
        folio: &NewFolio,
        at: usize,
        source: Option<&Source<'_>>,
        n: usize,
    ) -> Option<()> {
        let to = match self.select {
            Select::System => self.memory.frame(folio, at)?,
            Select::Device => folio.system_frame(at)?,
        };
        match source {
            Some(source) => to.copy_from(self.read(source, n)?),
            None => to.clear(),
        }
        Some(())
    }

    fn read<'s>(&'s self, source: &'s Source<'_>, n: usize) -> Option<Frame<'s>> {
        match self.select {
            Select::System => source.system_frame(n),
            Select::Device => self.memory.frame_behind(source, n),
        }
    }
}

fn count_arrived(migrated: &Migrated<'_>, count: &mut Count, mut map: impl FnMut(&Arrived)) {
    for arrived in migrated.arrived() {
        let pages = arrived.pages as u64;
        match arrived.arrival {
            Arrival::Moved => count.moved += pages,
            Arrival::Populated => count.populated += pages,
        }
        if arrived.pages > 1 {
            count.whole += pages;
        }
        map(&arrived);
    }
}
