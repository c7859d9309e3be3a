//! Memory that goes one way and soon comes back: the CPU and a device that want the same pages.
//!
//! It is followed by process and by block of 2 MiB. Of a range that lies in more than one block, each has its part of the pages that
//! arrived. Within a block it is known how many pages went each way, not which: pages that come back are taken for those that
//! went. Calls of up to a block with no other traffic there are exact.

use std::cmp::Reverse;

use super::sets::{Entry, Sets};
use super::{Cause, Direction, Ended, sums::part_of};

/// What comes back within this time came back soon: a second, in nanoseconds.
pub const SOON_NS: u64 = 1_000_000_000;

/// Bytes of a block, as a power of two.
const BLOCK_BITS: u32 = 21;

/// Blocks of one migration that are followed: 1 GiB.
const MOST_BLOCKS: u64 = 512;

/// What came back soon in one block of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// The process.
    pub pid: u32,
    /// The lowest address of a range that came back.
    pub start: u64,
    /// The first address behind those that came back.
    pub end: u64,
    /// How often pages turned back, either way.
    pub trips: u64,
    /// Pages that came back, either way. Unit: base pages.
    pub pages: u64,
    /// The shortest stay, nanoseconds: from the end of the last migration there to the start of one back.
    pub soonest_ns: u64,
    /// Stays, added up over pages.
    stays_ns: u64,
}

impl Bounce {
    /// How long pages stayed on average, nanoseconds.
    pub fn mean_ns(&self) -> u64 {
        self.stays_ns.checked_div(self.pages).unwrap_or(0)
    }

    fn add(&mut self, part: &Part, pages: u64, stay_ns: u64) {
        self.start = self.start.min(part.start);
        self.end = self.end.max(part.end);
        self.pages = self.pages.saturating_add(pages);
        self.soonest_ns = self.soonest_ns.min(stay_ns);
        self.stays_ns = self.stays_ns.saturating_add(stay_ns.saturating_mul(pages));
    }
}

/// What went one way in a block, and has not come back.
#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    pages: u64,
    /// When the last of it had arrived.
    time_ns: u64,
}

/// One block of one process.
#[derive(Clone, Debug)]
struct Block {
    number: u64,
    to_device: Gone,
    to_system: Gone,
    last: Direction,
    bounce: Bounce,
}

impl Block {
    fn new((pid, number): (u32, u64), last: Direction) -> Self {
        let bounce = Bounce {
            pid,
            start: u64::MAX,
            end: 0,
            trips: 0,
            pages: 0,
            soonest_ns: u64::MAX,
            stays_ns: 0,
        };
        Self {
            number,
            to_device: Gone::default(),
            to_system: Gone::default(),
            last,
            bounce,
        }
    }

    /// What went the same way as this, and what went the other way.
    fn ways(&mut self, direction: Direction) -> (&mut Gone, &mut Gone) {
        match direction {
            Direction::ToSystem => (&mut self.to_system, &mut self.to_device),
            _ => (&mut self.to_device, &mut self.to_system),
        }
    }
}

impl Entry for Block {
    type Key = (u32, u64);

    fn key(&self) -> Self::Key {
        (self.bounce.pid, self.number)
    }

    fn weight(&self) -> (u64, u64) {
        let last_ns = self.to_device.time_ns.max(self.to_system.time_ns);
        (self.bounce.pages, last_ns)
    }
}

/// The part of a migration that lies in one block.
struct Part {
    number: u64,
    start: u64,
    end: u64,
    arrived: u64,
}

/// What came back soon, of all records. Bounded.
#[derive(Clone, Debug, Default)]
pub struct PingPong {
    blocks: Sets<Block>,
    trips: u64,
    pages: u64,
    time_ns: u64,
}

impl PingPong {
    /// Adds one migration. Evictions are not followed.
    pub(super) fn count(&mut self, migration: &Ended<'_>, page_size: u64) {
        // Between devices, or between nodes, nothing comes home.
        let is_one_way = matches!(
            migration.direction,
            Direction::ToDevice | Direction::ToSystem
        );
        // What is evicted nobody wanted back.
        let is_wanted = migration.cause != Cause::Eviction;
        let (true, Some(address), Some(pid)) = (
            is_one_way && is_wanted && migration.arrived > 0,
            migration.address,
            migration.pid,
        ) else {
            return;
        };
        let (requested, arrived) = (migration.ledger.requested, migration.arrived);
        let back: u64 = parts(address, requested, arrived, page_size)
            .map(|part| self.part(migration, pid, &part, page_size))
            .sum();
        if back > 0 {
            let part_ns = part_of(migration.total_ns, back, arrived);
            self.time_ns = self.time_ns.saturating_add(part_ns);
            self.pages = self.pages.saturating_add(back);
        }
    }

    /// Adds one part. How many pages soon came back with it.
    fn part(&mut self, migration: &Ended<'_>, pid: u32, part: &Part, page_size: u64) -> u64 {
        let (key, direction) = ((pid, part.number), migration.direction);
        let hash = part.number ^ u64::from(pid) << 32;
        let new = || Block::new(key, direction);
        let block = self.blocks.entry(key, hash, new);
        let turned = std::mem::replace(&mut block.last, direction) != direction;
        let (same, other) = block.ways(direction);

        let stay_ns = migration.time_ns.saturating_sub(other.time_ns);
        if stay_ns > SOON_NS {
            other.pages = 0;
        }
        let back = part.arrived.min(other.pages);
        other.pages -= back;

        if migration.time_ns.saturating_sub(same.time_ns) > SOON_NS {
            same.pages = 0;
        }
        let most = (1u64 << BLOCK_BITS) / page_size.max(1);
        same.pages = same.pages.saturating_add(part.arrived).min(most);
        same.time_ns = migration.end_ns;

        if back > 0 {
            block.bounce.add(part, back, stay_ns);
            let trips = u64::from(turned);
            block.bounce.trips = block.bounce.trips.saturating_add(trips);
            self.trips = self.trips.saturating_add(trips);
        }
        back
    }

    /// Those where most pages came back first.
    pub fn sorted(&self) -> Vec<&Bounce> {
        let all = self.blocks.iter().map(|block| &block.bounce);
        let mut bounced: Vec<_> = all.filter(|bounce| bounce.pages > 0).collect();
        bounced.sort_by_key(|bounce| (Reverse(bounce.pages), bounce.pid, bounce.start));
        bounced
    }

    /// Those that came back soonest first.
    pub fn soonest(&self) -> Vec<&Bounce> {
        let mut bounced = self.sorted();
        bounced.sort_by_key(|bounce| bounce.soonest_ns);
        bounced
    }

    /// Pages that came back soon, in blocks that gave way to others too. Unit: base pages.
    pub fn total_pages(&self) -> u64 {
        self.pages
    }

    /// How often pages turned back.
    pub fn total_trips(&self) -> u64 {
        self.trips
    }

    /// The time that migrations took which brought pages back, nanoseconds: of each, the part of the pages.
    pub fn total_ns(&self) -> u64 {
        self.time_ns
    }

    /// Blocks that gave way to others: what comes back there later is not noticed.
    pub fn evicted(&self) -> u64 {
        self.blocks.evicted()
    }
}

/// A range of pages, block by block, each with its part of those that arrived.
fn parts(address: u64, requested: u64, arrived: u64, page_size: u64) -> impl Iterator<Item = Part> {
    let bytes = requested.saturating_mul(page_size).max(1);
    let end = address.saturating_add(bytes);
    let first = address >> BLOCK_BITS;
    let last = (end.max(1) - 1) >> BLOCK_BITS;
    // How many have arrived in front of an address, if they are spread evenly: so all parts add up.
    let before = move |at: u64| part_of(arrived, at - address, bytes);
    let numbers = first..=last.max(first).min(first.saturating_add(MOST_BLOCKS - 1));
    numbers.map(move |number| {
        let block = number << BLOCK_BITS;
        let start = block.max(address);
        let end = block.saturating_add(1 << BLOCK_BITS).min(end).max(start);
        Part {
            number,
            start,
            end,
            arrived: before(end) - before(start),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Ledger, Migration, Outcome};
    use super::*;
    use crate::support::{START_NS, Synthetic};

    const PAGE: u64 = 4096;
    const START: u64 = 0x7f00_0000_0000;

    /// A migration of so many pages, `first` pages from the start, that begins after so many milliseconds and takes 1 µs.
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
        assert_eq!(bounce.soonest_ns, 20_000_000 - 1000);
        assert!(bounce.mean_ns() > bounce.soonest_ns);
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
        let all: Vec<_> = parts(START + 512 * PAGE / 2, 1000, 700, PAGE).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all.iter().map(|part| part.arrived).sum::<u64>(), 700);
        assert_eq!(all[0].arrived, 256 * 7 / 10);
        assert!(all.windows(2).all(|two| two[0].end == two[1].start));
        let huge = parts(u64::MAX - 5, u64::MAX, u64::MAX, PAGE).count();
        assert_eq!(huge, 1);
        assert_eq!(parts(0, u64::MAX, 1, PAGE).count(), MOST_BLOCKS as usize);
        let mut ping_pong = PingPong::default();
        count(&mut ping_pong, &migration(0, ToDevice, 256, 1000));
        count(&mut ping_pong, &migration(5, ToSystem, 256, 1000));
        assert_eq!(ping_pong.total_pages(), 1000);
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
