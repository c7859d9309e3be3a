// SPDX-License-Identifier: GPL-2.0

//! What a driver does between the kernel's calls: destinations and copies, and a count of where the
//! pages went.

use core::ptr;
use kernel::{page::PAGE_SIZE, prelude::*};

use crate::{
    arrays::Behind,
    clock,
    destinations::Destinations,
    device_memory::DeviceMemory,
    engine::Job,
    folio::{COMPOUND_PAGES, FolioRef, Frame, NewFolio, Size},
    migrate::{Arrival, Arrived, Collected, Entry, Found, Migrated, Setup},
    mirror,
    obstacles::{self, Place},
    plan::{Large, Manner, Plan, Target},
    quietly,
    source::Source,
    truth::{Count, Given},
    uapi::{Truth, cause, configuration},
};

impl Plan<'_> {
    /// Migrates, with one sequence of kernel calls. `map` is told what arrived, where a driver
    /// updates its device's page table.
    pub(crate) fn run(&self, setup: Setup<'_>, map: impl FnMut(&Arrived)) -> Truth {
        let mut count = Count::default();
        let mut collected = match setup.collect() {
            Ok(collected) => collected,
            Err(rejected) => return self.kind.rejected(&rejected),
        };
        let begin = clock::now();
        count.invalidate = mirror::taken();
        // Held until after finalize.
        let references = self.fill(&mut collected, &mut count);
        if self.abandon && count.is_empty() {
            return self.kind.abandoned(&count, &collected.abandon());
        }
        if self.manner == Manner::Vanishing {
            // Where something was collected, it stays a migration like any other.
            let _ = collected.vanish();
        }
        let job = (self.memory.engine).start(begin, count.written() * PAGE_SIZE);
        if !self.memory.waits_after_pages() || self.roll_back {
            obstacles::wait_for_engine(self.memory, &job, &mut count);
        }
        self.delays.spend(self.delays.alloc_and_copy);
        obstacles::overcome(self.memory, Place::Copy, &mut count);
        self.memory.hang(configuration::HANG_IN_COPY);
        let truth = if self.roll_back {
            self.kind.rolled_back(&count, &collected.roll_back())
        } else {
            self.complete(collected, &mut count, &job, map)
        };
        drop(references);
        truth
    }

    /// What comes after the copies.
    fn complete(
        &self,
        collected: Collected<'_>,
        count: &mut Count,
        job: &Job,
        mut map: impl FnMut(&Arrived),
    ) -> Truth {
        let migrated = collected.pages();
        // Holes that were filled had the range invalidated once more, which is not setup's.
        mirror::taken();
        count_arrived(&migrated, count, |arrived| {
            // SAFETY: What was collected is held until finalize.
            let memory = arrived
                .from
                .and_then(|from| unsafe { DeviceMemory::of_frame(from) });
            if let (Some(memory), Some(from)) = (memory, arrived.from) {
                memory.depart(from, arrived.pages);
            }
            map(arrived);
        });
        obstacles::wait_for_engine(self.memory, job, count);
        self.delays.spend(self.delays.finalize_and_map);
        obstacles::overcome(self.memory, Place::Map, count);
        self.memory.hang(configuration::HANG_IN_MAP);
        self.kind.completed(count, &migrated.finalize())
    }

    /// Gives destinations to what was collected, and copies.
    fn fill(&self, collected: &mut Collected<'_>, count: &mut Count) -> KVVec<FolioRef> {
        let mut references = KVVec::new();
        let mut destinations = Destinations::new(self);
        let all = self.manner == Manner::AllOrNothing;
        let nothing = all && (collected.found() < self.kind.requested || self.has_own(collected));
        let everywhere = self.manner == Manner::Everywhere && collected.found() > 0;
        let mut index = 0;
        while let Some(entry) = collected.entry(index) {
            let pages = entry.size.pages();
            index += pages;
            if self.claims(collected, &mut destinations, &entry, count) {
                continue;
            }
            if entry.found == Found::Skipped {
                count.skipped += pages as u64;
                if self.is_free(collected, entry.index) {
                    count.free += pages as u64;
                }
                if everywhere {
                    self.place_in_vain(collected, &mut destinations, entry.index);
                }
                continue;
            }
            let stays = nothing || self.stays(collected, &entry);
            let given = if !stays && self.wants(&entry) {
                self.fill_entry(collected, &mut destinations, &entry)
            } else {
                Given::default()
            };
            count.filled(&entry, given);
            if given.pages > 0 && self.inject.reference.hits_entry(&entry) {
                if let Some(source) = collected.source(&entry) {
                    // Without memory to remember it, the reference is not taken.
                    if references.push(source.reference(), quietly()).is_ok() {
                        count.referenced += pages as u64;
                    }
                }
            }
        }
        count.evictions = destinations.evictions();
        references
    }

    /// Whether there is nothing at a position of device memory: nobody uses its page, or it has
    /// none.
    fn is_free(&self, collected: &Collected<'_>, index: usize) -> bool {
        match collected.behind(index) {
            Behind::Page(pfn) => !self.memory.is_taken(pfn),
            Behind::Nothing => true,
            Behind::Unknown => false,
        }
    }

    /// Whether an entry stays where it is: it is retired, it is there already, or there is nothing
    /// in it.
    fn stays(&self, collected: &mut Collected<'_>, entry: &Entry) -> bool {
        let retired = entry.found == Found::Page
            && self.inject.retires(entry)
            && collected.retire(entry).is_ok();
        let there = self.manner == Manner::FromAfar && self.is_there(collected, entry);
        retired || there || self.is_empty_page(collected, entry)
    }

    /// Whether something that was collected is on this device already.
    fn has_own(&self, collected: &Collected<'_>) -> bool {
        let mut index = 0;
        while let Some(entry) = collected.entry(index) {
            index += entry.size.pages();
            if self.is_there(collected, &entry) {
                return true;
            }
        }
        false
    }

    /// Whether an entry is where it is to go: on this device, or in system memory, of the right
    /// node.
    fn is_there(&self, collected: &Collected<'_>, entry: &Entry) -> bool {
        let Some(source) = collected.source(entry) else {
            return false;
        };
        match self.to {
            Target::Device => source
                .device()
                .is_some_and(|memory| ptr::eq(memory, self.memory)),
            Target::System => source.device().is_none(),
            Target::Node(node) => source.device().is_none() && source.node() == node,
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        !self.inject.decline.hits_entry(entry) && (entry.found == Found::Page || self.populate)
    }

    /// Whether an eviction has found a page with nothing on it. What has moved away, and a
    /// destination that was not used, is unlocked before its last reference is given up; setup
    /// takes it in between. Moved once more, it would be a page that belongs to no memory cgroup,
    /// and `folio_lruvec_lock` would never come back from it.
    fn is_empty_page(&self, collected: &Collected<'_>, entry: &Entry) -> bool {
        let pfn = collected.source(entry).and_then(|source| source.pfn(0));
        self.is_by_frames() && pfn.is_some_and(|pfn| !self.memory.is_occupied(pfn))
    }

    /// Whether pages of the device are asked for, and not addresses.
    fn is_by_frames(&self) -> bool {
        self.kind.cause == cause::EVICTION && self.kind.who.owner == 0
    }

    /// A destination for a position at which nothing was collected.
    fn place_in_vain(
        &self,
        collected: &mut Collected<'_>,
        destinations: &mut Destinations<'_>,
        index: usize,
    ) {
        // Without memory there is none, as for other positions.
        if let Some(folio) = destinations.next(Size::Page) {
            let _ = collected.place_in_vain(index, folio);
        }
    }

    /// Whether a position at which nothing was collected is taken for a hole, and given a page.
    fn claims(
        &self,
        collected: &mut Collected<'_>,
        destinations: &mut Destinations<'_>,
        entry: &Entry,
        count: &mut Count,
    ) -> bool {
        if self.manner != Manner::Claiming || entry.found != Found::Skipped {
            return false;
        }
        let folio = destinations.next(Size::Page);
        let folio = folio.filter(|folio| self.write(folio, 0, None, 0).is_some());
        if folio.is_none_or(|folio| collected.claim(entry.index, folio).is_err()) {
            return false;
        }
        let hole = Entry {
            found: Found::Hole,
            ..*entry
        };
        let given = Given {
            pages: 1,
            ..Given::default()
        };
        count.filled(&hole, given);
        true
    }

    fn fill_entry(
        &self,
        collected: &mut Collected<'_>,
        destinations: &mut Destinations<'_>,
        entry: &Entry,
    ) -> Given {
        if entry.size == Size::Page || self.large != Large::Split {
            if let Some(folio) = self.whole(collected, destinations, entry) {
                let unmarked = self.manner == Manner::Unmarked && entry.size == Size::Compound;
                let placed = if unmarked {
                    collected.place_unmarked(entry, folio)
                } else {
                    collected.place(entry, folio)
                };
                if placed.is_ok() {
                    return Given {
                        pages: entry.size.pages(),
                        ..Given::default()
                    };
                }
            }
            if entry.size == Size::Page || self.large == Large::Whole {
                return Given {
                    failed: entry.size.pages(),
                    ..Given::default()
                };
            }
        }
        if !collected.can_split(entry) {
            return Given::default();
        }
        self.fill_split(collected, destinations, entry)
    }

    /// One destination of the entry's size, with its contents.
    fn whole(
        &self,
        collected: &Collected<'_>,
        destinations: &mut Destinations<'_>,
        entry: &Entry,
    ) -> Option<NewFolio> {
        if self.inject.fail.hits_entry(entry) {
            return None;
        }
        let folio = destinations.next(entry.size)?;
        let source = collected.source(entry);
        for n in 0..entry.size.pages() {
            self.write(&folio, n, source.as_ref(), n)?;
        }
        Some(folio)
    }

    /// A destination for each page of a large entry.
    fn fill_split(
        &self,
        collected: &mut Collected<'_>,
        destinations: &mut Destinations<'_>,
        entry: &Entry,
    ) -> Given {
        let wanted = (0..COMPOUND_PAGES)
            .filter(|n| self.wants_page(entry, *n))
            .count();
        let pages = self
            .split(collected, destinations, entry)
            .and_then(|folios| {
                let given = folios.iter().flatten().count();
                collected.place_split(entry, folios).map(|()| given)
            })
            .unwrap_or(0);
        Given {
            pages,
            failed: wanted - pages,
            split: true,
        }
    }

    /// Whether one page of a large entry is to get a destination. The first page and holes are
    /// declined only with the whole entry, which [`Plan::wants`] has asked.
    fn wants_page(&self, entry: &Entry, n: usize) -> bool {
        n == 0 || entry.found == Found::Hole || !self.inject.decline.hits(entry.index + n)
    }

    /// A destination for each page of a large entry, with its contents; none for those that are to
    /// be declined or cannot be had.
    fn split(
        &self,
        collected: &Collected<'_>,
        destinations: &mut Destinations<'_>,
        entry: &Entry,
    ) -> Result<KVec<Option<NewFolio>>> {
        let mut folios = KVec::with_capacity(COMPOUND_PAGES, quietly())?;
        let source = collected.source(entry);
        for n in 0..COMPOUND_PAGES {
            let fails = self.inject.fail.hits(entry.index + n);
            let folio = if self.wants_page(entry, n) && !fails {
                destinations
                    .next(Size::Page)
                    .filter(|folio| self.write(folio, 0, source.as_ref(), n).is_some())
            } else {
                None
            };
            folios.push(folio, quietly())?;
        }
        Ok(folios)
    }

    /// Writes one page: a copy of the source's page `n`, or zeroes for a hole.
    fn write(
        &self,
        folio: &NewFolio,
        at: usize,
        source: Option<&Source<'_>>,
        n: usize,
    ) -> Option<()> {
        let to = match self.to {
            Target::Device => self.memory.frame(folio, at)?,
            Target::System | Target::Node(_) => folio.system_frame(at)?,
        };
        match source {
            Some(source) => to.copy_from(read(source, n)?),
            None => to.clear(),
        }
        Some(())
    }
}

/// Where the bytes of a source are, of system memory or of whichever device.
fn read<'s>(source: &'s Source<'_>, n: usize) -> Option<Frame<'s>> {
    if let Some(frame) = source.system_frame(n) {
        return Some(frame);
    }
    source.device()?.frame_behind(source, n)
}

/// Counts what arrived, and from where and to where.
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
        // SAFETY: What was collected and where it went is held until finalize, and of this driver's
        // devices or the system's memory.
        unsafe {
            if let Some(from) = arrived.from {
                count.from.count(from, pages);
            }
            count.to.count(arrived.pfn, pages);
        }
        map(&arrived);
    }
}
