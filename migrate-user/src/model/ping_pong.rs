//! Memory that goes one way and soon comes back: the CPU and a device that want the same pages.
//!
//! It is followed by process and page, in blocks of 2 MiB; `Whereabouts` has what is known of the
//! pages of one. A page comes back when it moves within a second after it arrived on the side that
//! it leaves. Where a migration moved all that it asked for, its pages are known; where it moved
//! only some, nobody knows which, and how many of them came back is a bound: at least so many, at
//! most so many. What a process does to its address space itself (`munmap`, `mremap`, `fork`) is
//! not seen.
//!
//! The same knowledge tells of pages that were not collected which of them had arrived before.

use std::cmp::Reverse;

use super::Ended;
use super::sets::{Entry, Place, Sets};
use super::sums::part_of;
use super::whereabouts::{Passage, Seen, Way, Whereabouts};
use crate::trace::Cause;

/// What comes back within this time came back soon: a second, in nanoseconds.
pub const SOON_NS: u64 = 1_000_000_000;

/// Bytes of a block, as a power of two.
const BLOCK_BITS: u32 = 21;

/// Blocks of one migration that are followed: 1 GiB.
const MOST_BLOCKS: u64 = 512;

/// Runs of pages that are kept of all blocks together: 8 MiB.
const MOST_RUNS: usize = 1 << 18;

/// What came back soon in one block of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// The process.
    pub pid: u32,
    /// The lowest address of a range of which pages came back.
    pub start: u64,
    /// The first address behind those ranges.
    pub end: u64,
    /// How often pages turned back, either way, as far as that is certain.
    pub trips: u64,
    /// Pages that came back, either way: at least so many. Unit: base pages.
    pub pages: u64,
    /// At most so many. Unit: base pages.
    pub most_pages: u64,
    /// The shortest stay, nanoseconds: from the end of the migration that brought a page to the
    /// start of the one that took it back. `None` where it is not known which pages came back.
    pub soonest_ns: Option<u64>,
    /// Stays, added up over the pages of which it is known.
    stays_ns: u64,
    stayed: u64,
}

impl Bounce {
    /// How long pages stayed on average, nanoseconds; `None` where it is not known which came back.
    pub fn mean_ns(&self) -> Option<u64> {
        self.stays_ns.checked_div(self.stayed)
    }

    fn add(&mut self, part: &Part, back: &Back, seen: &Seen) {
        self.start = self.start.min(part.start);
        self.end = self.end.max(part.end);
        self.pages = self.pages.saturating_add(back.least);
        self.most_pages = self.most_pages.saturating_add(back.most);
        if back.is_each_known {
            self.soonest_ns = [self.soonest_ns, seen.soonest_ns]
                .into_iter()
                .flatten()
                .min();
            self.stays_ns = self.stays_ns.saturating_add(seen.stays_ns);
            self.stayed = self.stayed.saturating_add(seen.short);
        }
    }
}

/// One block of one process.
#[derive(Clone, Debug)]
struct Block {
    number: u64,
    pages: Whereabouts,
    /// When something last arrived.
    last_ns: u64,
    last: Way,
    bounce: Bounce,
}

impl Block {
    fn new((pid, number): (u32, u64), last: Way) -> Self {
        let bounce = Bounce {
            pid,
            start: u64::MAX,
            end: 0,
            trips: 0,
            pages: 0,
            most_pages: 0,
            soonest_ns: None,
            stays_ns: 0,
            stayed: 0,
        };
        Self {
            number,
            pages: Whereabouts::default(),
            last_ns: 0,
            last,
            bounce,
        }
    }
}

impl Entry for Block {
    type Key = (u32, u64);

    fn key(&self) -> Self::Key {
        (self.bounce.pid, self.number)
    }

    fn weight(&self) -> (u64, u64) {
        (self.bounce.pages, self.last_ns)
    }
}

/// The part of a migration that lies in one block.
struct Part {
    number: u64,
    start: u64,
    end: u64,
    /// Its pages within the block: the first, and the first behind the last.
    from: u16,
    to: u16,
}

impl Part {
    fn key(&self, pid: u32) -> ((u32, u64), u64) {
        ((pid, self.number), self.number ^ u64::from(pid) << 32)
    }
}

/// What is known of a part of a migration.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Where its block is, if it is followed.
    place: Option<Place>,
    seen: Seen,
}

/// How many pages came back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Back {
    /// At least so many.
    pub(super) least: u64,
    /// At most so many.
    pub(super) most: u64,
    /// Did all move that were asked for, so that each is known?
    is_each_known: bool,
}

impl Back {
    /// Of `seen` pages, when `moved` of `asked` moved.
    fn new(seen: &Seen, moved: u64, asked: u64) -> Self {
        let stayed = asked.saturating_sub(moved);
        Self {
            least: seen.short.saturating_sub(stayed).min(moved),
            most: seen.maybe_short.min(moved),
            is_each_known: stayed == 0,
        }
    }
}

/// What came back soon, of all records. Bounded.
#[derive(Clone, Debug, Default)]
pub struct PingPong {
    blocks: Sets<Block>,
    trips: u64,
    pages: u64,
    most_pages: u64,
    time_ns: u64,
    there: u64,
    /// Pages that evictions took of which nobody knows whose they were.
    evicted_pages: u64,
    /// At least as many runs as there are in all blocks.
    runs: usize,
    forgotten: u64,
    /// Was every migration seen so far, so that what is not known to have moved has not?
    is_whole: bool,
}

impl PingPong {
    /// Tells whether all migrations so far came as records.
    pub(super) fn set_whole(&mut self, is_whole: bool) {
        self.is_whole = is_whole;
    }

    /// Adds one migration; how many of its pages came back.
    pub(super) fn count(&mut self, migration: &Ended<'_>, page_size: u64) -> Back {
        let none = Back::default();
        // Between devices, or between nodes, nothing comes home.
        let Some(way) = Way::of(migration.direction) else {
            return none;
        };
        let is_evicted = migration.cause == Cause::Eviction;
        let (Some(address), Some(pid)) = (migration.address, migration.pid) else {
            if is_evicted {
                self.evicted_pages = self.evicted_pages.saturating_add(migration.arrived);
            }
            return none;
        };
        let asked = migration.ledger.requested;
        let not_collected = migration.skips.map_or(0, |skips| skips.not_collected);
        if migration.arrived > asked || migration.arrived == 0 && not_collected == 0 {
            return none;
        }
        let passage = Passage {
            way,
            start_ns: migration.time_ns,
            // What is evicted nobody wanted back: it may come again, but it does not bounce.
            end_ns: if is_evicted { 0 } else { migration.end_ns },
            evicted: self.evicted_pages,
            soon_ns: SOON_NS,
        };
        let mut seen = Seen::default();
        // Most lie in one block, which is looked up once.
        let mut only = None;
        for (nth, part) in parts(address, asked, page_size).enumerate() {
            let found = self.look(pid, &part, &passage);
            only = (nth == 0).then_some(found);
            seen.add(&found.seen);
        }
        self.there = self.there.saturating_add(already_there(migration, &seen));
        if migration.arrived == 0 {
            return none;
        }
        let mut back = none;
        if !is_evicted {
            back = Back::new(&seen, migration.ledger.moved, asked);
            self.come_back(migration, &back);
        }
        // What was evicted since is not there, and nobody knows which that is.
        let others = self.is_whole
            && seen.evicted_since == 0
            && migration.arrived == asked.saturating_sub(seen.there);
        for part in parts(address, asked, page_size) {
            self.part(migration, pid, &part, (&passage, others, only));
        }
        self.bound(migration.time_ns);
        back
    }

    fn look(&self, pid: u32, part: &Part, passage: &Passage) -> Found {
        let (key, hash) = part.key(pid);
        let place = self.blocks.find(key, hash);
        let block = place.and_then(|place| self.blocks.get(place));
        let seen = block.map(|block| block.pages.look(part.from, part.to, passage));
        Found {
            place,
            seen: seen.unwrap_or_default(),
        }
    }

    fn come_back(&mut self, migration: &Ended<'_>, back: &Back) {
        if back.least > 0 {
            let part_ns = part_of(migration.total_ns, back.least, migration.arrived);
            self.time_ns = self.time_ns.saturating_add(part_ns);
            self.pages = self.pages.saturating_add(back.least);
        }
        self.most_pages = self.most_pages.saturating_add(back.most);
    }

    /// Adds one part of a migration of which something arrived. `others`: have all arrived that
    /// were not there already? `found`: its block, where that was looked up and none was made
    /// since.
    fn part(
        &mut self,
        migration: &Ended<'_>,
        pid: u32,
        part: &Part,
        (passage, others, found): (&Passage, bool, Option<Found>),
    ) {
        let (key, hash) = part.key(pid);
        let way = passage.way;
        let Found { place, seen } = found.unwrap_or_else(|| self.look(pid, part, passage));
        let blocks = &mut self.blocks;
        let block = blocks.entry_at(place, hash, || Block::new(key, way));
        if migration.cause != Cause::Eviction {
            let back = Back::new(&seen, migration.ledger.moved, migration.ledger.requested);
            let turned = std::mem::replace(&mut block.last, way) != way;
            if back.most > 0 {
                block.bounce.add(part, &back, &seen);
            }
            if back.least > 0 && turned {
                block.bounce.trips = block.bounce.trips.saturating_add(1);
                self.trips = self.trips.saturating_add(1);
            }
        }
        block.last_ns = migration.end_ns;
        let before = block.pages.len();
        if migration.arrived == migration.ledger.requested {
            block.pages.arrive(part.from, part.to, passage);
        } else {
            let pages = &mut block.pages;
            pages.arrive_in_part(part.from, part.to, passage, others);
        }
        self.runs += block.pages.len().saturating_sub(before);
    }

    /// Keeps memory bounded: joins what is old, and where that is not enough, forgets all.
    fn bound(&mut self, now_ns: u64) {
        if self.runs <= MOST_RUNS {
            return;
        }
        let old_ns = now_ns.saturating_sub(SOON_NS);
        self.blocks
            .iter_mut()
            .for_each(|block| block.pages.join(old_ns));
        self.runs = self.blocks.iter().map(|block| block.pages.len()).sum();
        if self.runs <= MOST_RUNS / 2 {
            return;
        }
        for block in self.blocks.iter_mut() {
            self.forgotten = self.forgotten.saturating_add(block.pages.pages());
            block.pages.clear();
        }
        self.runs = 0;
    }

    /// Those where most pages came back for certain first, then those where most may have.
    pub fn sorted(&self) -> Vec<&Bounce> {
        let all = self.blocks.iter().map(|block| &block.bounce);
        let mut bounced: Vec<_> = all.filter(|bounce| bounce.most_pages > 0).collect();
        bounced.sort_by_key(|bounce| {
            let pages = (Reverse(bounce.pages), Reverse(bounce.most_pages));
            (pages, bounce.pid, bounce.start)
        });
        bounced
    }

    /// Those that came back soonest first, and last those of which that is not known.
    pub fn soonest(&self) -> Vec<&Bounce> {
        let mut bounced = self.sorted();
        bounced.sort_by_key(|bounce| (bounce.soonest_ns.is_none(), bounce.soonest_ns));
        bounced
    }

    /// Pages that came back soon, in blocks that gave way to others too: at least so many. Unit:
    /// base pages.
    pub fn total_pages(&self) -> u64 {
        self.pages
    }

    /// At most so many, of what was followed. Unit: base pages.
    pub fn most_pages(&self) -> u64 {
        self.most_pages
    }

    /// How often pages turned back, as far as that is certain.
    pub fn total_trips(&self) -> u64 {
        self.trips
    }

    /// The time that migrations took which brought pages back, nanoseconds: of each, the part of
    /// the pages that are certain.
    pub fn total_ns(&self) -> u64 {
        self.time_ns
    }

    /// Pages that were not collected and had been seen to arrive where they were to go, and not to
    /// leave: at least so many. It means nothing where records are missing. Unit: base pages.
    pub fn already_there(&self) -> u64 {
        self.there
    }

    /// Blocks that gave way to others: what comes back there later is not noticed.
    pub fn evicted(&self) -> u64 {
        self.blocks.evicted()
    }

    /// Pages of which it was forgotten where they are, because too many moved one by one. Unit:
    /// base pages.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// Pages that were not collected because they are where they should go already, at least. Some may
/// have been collected all the same (a driver can ask for pages of both sides) and declined; some
/// may have been evicted.
fn already_there(migration: &Ended<'_>, seen: &Seen) -> u64 {
    let Some(skips) = migration.skips else {
        return 0;
    };
    let holes = migration.declined_holes.unwrap_or(0);
    let declined = migration.ledger.declined.saturating_sub(holes);
    let there = seen.there.saturating_sub(seen.evicted_since);
    there.saturating_sub(declined).min(skips.not_collected)
}

/// A range of pages, block by block.
fn parts(address: u64, requested: u64, page_size: u64) -> impl Iterator<Item = Part> {
    let page_size = page_size.max(1);
    let bytes = requested.saturating_mul(page_size).max(1);
    let end = address.saturating_add(bytes);
    let first = address >> BLOCK_BITS;
    let last = (end.max(1) - 1) >> BLOCK_BITS;
    let numbers = first..=last.max(first).min(first.saturating_add(MOST_BLOCKS - 1));
    numbers.map(move |number| {
        let block = number << BLOCK_BITS;
        let start = block.max(address);
        let end = block.saturating_add(1 << BLOCK_BITS).min(end).max(start);
        // Pages are no smaller than 512 bytes anywhere.
        let page = |at: u64| ((at - block) / page_size).min(u16::MAX.into()) as u16;
        Part {
            number,
            start,
            end,
            from: page(start),
            to: page(end).max(page(start) + 1),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Direction, Ledger, Migration, Outcome, Skips};
    use migscope_testkit::{START_NS, Synthetic};

    const PAGE: u64 = 4096;
    const START: u64 = 0x7f00_0000_0000;

    /// A migration of so many pages, `first` pages from the start, that begins after so many
    /// milliseconds and takes 1 µs.
    fn migration(ms: u64, direction: Direction, first: u64, pages: u64) -> Migration {
        Migration {
            time_ns: START_NS + ms * 1_000_000,
            pid: Some(7),
            direction,
            outcome: Outcome::Completed,
            address: Some(START + first * PAGE),
            ledger: Ledger {
                requested: pages,
                moved: pages,
                ..Ledger::default()
            },
            steps: [Some(1000), None, None, None, None],
            probe: [0; 3],
            ..Synthetic::new(1).migration()
        }
    }

    use Direction::{ToDevice, ToSystem};

    fn count(ping_pong: &mut PingPong, migration: &Migration) {
        ping_pong.count(&Ended::new(&migration.into()), PAGE);
    }

    #[test]
    fn pages_that_come_back_one_by_one_are_each_counted_once() {
        let mut ping_pong = PingPong::default();
        for round in 0..3 {
            count(&mut ping_pong, &migration(round * 100, ToDevice, 0, 16));
            for page in 0..16 {
                let back = migration(round * 100 + 20 + page, ToSystem, page, 1);
                count(&mut ping_pong, &back);
            }
        }
        // 16 home in each round, and out again in the last two.
        assert_eq!(ping_pong.total_pages(), 16 * 5);
        assert_eq!(ping_pong.total_trips(), 5);
        assert_eq!(ping_pong.total_ns(), (3 * 16 + 2) * 1000);
        let sorted = ping_pong.sorted();
        let bounce = sorted[0];
        assert_eq!((sorted.len(), bounce.pid, bounce.trips), (1, 7, 5));
        assert_eq!((bounce.start, bounce.end), (START, START + 16 * PAGE));
        assert_eq!(bounce.soonest_ns, Some(20_000_000 - 1000));
        assert!(bounce.mean_ns() > bounce.soonest_ns);
        assert_eq!(bounce.most_pages, bounce.pages);
    }

    #[test]
    fn what_stays_for_long_does_not_bounce() {
        let mut ping_pong = PingPong::default();
        count(&mut ping_pong, &migration(0, ToDevice, 0, 16));
        count(&mut ping_pong, &migration(1200, ToSystem, 0, 16));
        count(&mut ping_pong, &migration(2500, ToDevice, 0, 16));
        // The same way twice: nothing came back.
        count(&mut ping_pong, &migration(2600, ToDevice, 0, 16));
        assert_eq!(ping_pong.total_pages(), 0);
        assert!(ping_pong.sorted().is_empty());
        let mut other = migration(2700, ToSystem, 0, 16);
        other.pid = Some(8);
        count(&mut ping_pong, &other);
        assert_eq!(ping_pong.total_pages(), 0, "another process");
        count(&mut ping_pong, &migration(2700, ToSystem, 0, 16));
        assert_eq!(ping_pong.total_pages(), 16);
    }

    #[test]
    fn a_range_is_divided_among_its_blocks() {
        let all: Vec<_> = parts(START + 512 * PAGE / 2, 1000, PAGE).collect();
        let pages: Vec<_> = all.iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(pages, [(256, 512), (0, 512), (0, 232)]);
        assert!(all.windows(2).all(|two| two[0].end == two[1].start));
        assert_eq!(parts(u64::MAX - 5, u64::MAX, PAGE).count(), 1);
        assert_eq!(parts(0, u64::MAX, PAGE).count(), MOST_BLOCKS as usize);
        let mut ping_pong = PingPong::default();
        count(&mut ping_pong, &migration(0, ToDevice, 256, 1000));
        count(&mut ping_pong, &migration(5, ToSystem, 256, 1000));
        assert_eq!(ping_pong.total_pages(), 1000);
    }

    /// Of so many pages, only these arrive; the others are not collected.
    fn partly(mut migration: Migration, moved: u64) -> Migration {
        migration.ledger.skipped = migration.ledger.requested - moved;
        migration.ledger.moved = moved;
        migration.skips = Some(Skips {
            not_collected: migration.ledger.skipped,
            unmap_failed: 0,
        });
        migration.declined_holes = Some(0);
        migration.cause = Cause::Driver;
        migration
    }

    #[test]
    fn pages_that_only_go_one_way_do_not_come_back() {
        let mut ping_pong = PingPong::default();
        for call in 0..1000 {
            let direction = [ToDevice, ToSystem][call as usize % 2];
            count(&mut ping_pong, &migration(call, direction, call % 2, 1));
        }
        assert_eq!((ping_pong.total_pages(), ping_pong.most_pages()), (0, 0));
        assert!(ping_pong.sorted().is_empty());
    }

    #[test]
    fn where_some_move_there_are_bounds() {
        let mut ping_pong = PingPong::default();
        count(&mut ping_pong, &migration(0, ToDevice, 0, 8));
        // Six of twelve, of which eight had gone: two at least, and all six at most.
        count(&mut ping_pong, &partly(migration(5, ToSystem, 0, 12), 6));
        assert_eq!((ping_pong.total_pages(), ping_pong.most_pages()), (2, 6));
        let bounce = ping_pong.sorted()[0];
        assert_eq!((bounce.soonest_ns, bounce.mean_ns()), (None, None));
        // Each of the twelve may have gone home, and may go again.
        count(&mut ping_pong, &migration(9, ToDevice, 0, 12));
        assert_eq!((ping_pong.total_pages(), ping_pong.most_pages()), (2, 18));
    }

    #[test]
    fn what_arrived_is_there_already() {
        let mut ping_pong = PingPong::default();
        ping_pong.set_whole(true);
        count(&mut ping_pong, &migration(0, ToDevice, 0, 8));
        // Of sixteen, those eight are there, and all others arrive.
        count(&mut ping_pong, &partly(migration(1, ToDevice, 0, 16), 8));
        assert_eq!(ping_pong.already_there(), 8);
        count(&mut ping_pong, &partly(migration(2, ToDevice, 0, 16), 0));
        assert_eq!(ping_pong.already_there(), 24);
        // Of those that evictions took it is not known whose they were.
        let evicted = Migration {
            cause: Cause::Eviction,
            pid: None,
            address: None,
            ..migration(3, ToSystem, 0, 5)
        };
        count(&mut ping_pong, &evicted);
        count(&mut ping_pong, &partly(migration(4, ToDevice, 0, 16), 0));
        assert_eq!(ping_pong.already_there(), 24 + 11);
        // The other way, nothing of them is there.
        count(&mut ping_pong, &partly(migration(5, ToSystem, 0, 16), 0));
        assert_eq!(ping_pong.already_there(), 24 + 11);
    }

    #[test]
    fn pages_that_move_one_by_one_are_joined_when_it_is_long_ago() {
        let mut ping_pong = PingPong::default();
        for page in 0..512 {
            count(&mut ping_pong, &migration(page * 10, ToDevice, page, 1));
        }
        let block = ping_pong.blocks.iter().next().unwrap();
        assert!(block.pages.len() < 300, "{}", block.pages.len());
        assert_eq!(block.pages.pages(), 512);
        count(&mut ping_pong, &migration(5120, ToSystem, 0, 512));
        // Those of the last second.
        assert_eq!(ping_pong.total_pages(), 100);
    }

    #[test]
    fn memory_is_bounded() {
        let mut ping_pong = PingPong::default();
        for block in 0..100_000 {
            let there = migration(block, ToDevice, block * 512, 4);
            count(&mut ping_pong, &there);
            let back = migration(block, ToSystem, block * 512, 4);
            count(&mut ping_pong, &back);
        }
        assert_eq!(ping_pong.sorted().len(), super::super::sets::KEPT);
        assert_eq!(ping_pong.total_pages(), 400_000);
        assert_eq!(
            ping_pong.evicted(),
            100_000 - super::super::sets::KEPT as u64
        );
    }
}
