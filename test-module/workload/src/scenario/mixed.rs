//! `mixed`: a little of everything.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    request::request,
    rng::Rng,
    uapi::{Migrate, Strike, flags},
    worker::{Process, Worker},
};

/// How much memory a thread works on.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Base pages.
    pages: usize,
    /// Large pages.
    large_pages: usize,
    /// Most pages in a call, except for large ones.
    batch: usize,
}

/// What a thread has when there are few.
const LARGE: Size = Size {
    pages: 2048,
    large_pages: 2,
    batch: 512,
};
/// What a thread has when there are many.
pub(super) const SMALL: Size = Size {
    pages: 256,
    large_pages: 0,
    batch: 64,
};

/// Most pages that the CPU touches in one go.
const TOUCH: usize = 16;
/// Longest delay in a call, nanoseconds.
const DELAY_NS: usize = 2_000_000;

/// A little of everything.
pub(super) struct Mixed;

impl Scenario for Mixed {
    fn name(&self) -> &'static str {
        "mixed"
    }

    fn about(&self) -> &'static str {
        "A little of everything that happens to a migration: both directions, batches of 1 to 512 pages, some pages \
         pinned or locked (skipped), some without a destination because the driver does not want them or has no \
         memory (declined), some referenced in the middle (copied in vain), holes with and without a page for them, \
         pages that the CPU touches and so faults back, 2 MiB pages moved whole and split, pages moved within the \
         device, calls that take their time, calls rolled back half-way, abandoned ones and those that the kernel \
         rejects. Every page carries a pattern that is checked."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| run(worker, LARGE))
    }
}

/// One thread of it.
pub(super) fn run(worker: &mut Worker<'_>, size: Size) -> Result<()> {
    let mut mix = Mix::new(worker.device(), size)?;
    while worker.goes_on() {
        mix.act(worker)?;
    }
    mix.base.check_all()?;
    mix.large.as_ref().map_or(Ok(()), Area::check_all)
}

struct Mix {
    size: Size,
    base: Area,
    large: Option<Area>,
    /// Base pages in a large one.
    compound: usize,
}

impl Mix {
    fn new(device: &Device, size: Size) -> Result<Self> {
        let (page_bytes, compound) = (device.page_bytes(), device.compound_pages());
        let backing = Backing::LargePages {
            bytes: compound * page_bytes,
        };
        let mut base = Area::new(size.pages, page_bytes, Backing::BasePages)?;
        // Half of it begins as holes.
        base.write(0, size.pages / 2);
        let large = (compound > 1 && size.large_pages > 0)
            .then(|| Area::new(size.large_pages * compound, page_bytes, backing));
        Ok(Self {
            size,
            base,
            large: large.transpose()?,
            compound,
        })
    }

    fn act(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        match worker.rng.below(64) {
            0..=23 => self.send_out(worker),
            24..=43 => self.call_home(worker),
            44..=57 => self.touch(worker),
            58 => self.forget(worker),
            59 => reject(worker),
            _ => self.large(worker),
        }
    }

    fn send_out(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, self.size.pages, self.size.batch);
        let within = if worker.rng.one_in(16) {
            flags::DEVICE_TOO
        } else {
            0
        };
        let request = request(&self.base, first, count, within);
        let request = varied(&mut worker.rng, request, 2);
        let number = usize::from(worker.rng.one_in(8));
        let device = worker.device_or_last(number);
        worker.migrate_on(device, Direction::ToDevice, &request)?;
        Ok(())
    }

    fn call_home(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, self.size.pages, self.size.batch);
        let request = request(&self.base, first, count, 0);
        let request = varied(&mut worker.rng, request, 8);
        worker.migrate(Direction::ToSystem, &request)?;
        // One page of it: what did not come home does so now, by a fault.
        self.base.check(first + worker.rng.below(count), 1)
    }

    /// The CPU uses some pages. Those on the device come home, one by one.
    fn touch(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, self.size.pages, TOUCH);
        self.base.check(first, count)?;
        if worker.rng.one_in(2) {
            self.base.write(first, count);
        }
        Ok(())
    }

    fn forget(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, self.size.pages, self.size.batch);
        self.base.forget(first, count)
    }

    /// One step in the life of a large page.
    fn large(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let Some(area) = &mut self.large else {
            return Ok(());
        };
        let most = self.size.large_pages;
        let (first, count) = some_pages(&mut worker.rng, most, most);
        let (first, count) = (first * self.compound, count * self.compound);
        let direction = match worker.rng.below(8) {
            0..=3 => Direction::ToDevice,
            4..=5 => Direction::ToSystem,
            6 => return touch_large(area, worker, first, count),
            _ => return renew(area, worker, first, count),
        };
        let split = if worker.rng.one_in(4) {
            flags::SPLIT
        } else {
            0
        };
        let request = request(area, first, count, flags::COMPOUND | split);
        let request = varied(&mut worker.rng, request, 2);
        worker.migrate(direction, &request)?;
        Ok(())
    }
}

/// The CPU uses a few pages of it. Whole large pages come home whole.
fn touch_large(area: &Area, worker: &mut Worker<'_>, first: usize, count: usize) -> Result<()> {
    let (offset, touched) = some_pages(&mut worker.rng, count, TOUCH);
    area.check(first + offset, touched)
}

/// Large pages that were split never grow together again: new ones take their place.
fn renew(area: &mut Area, worker: &mut Worker<'_>, first: usize, count: usize) -> Result<()> {
    touch_large(area, worker, first, count)?;
    area.forget(first, count)?;
    if !worker.rng.one_in(4) {
        area.write(first, count);
    }
    Ok(())
}

/// A power of two of pages, and where they begin.
fn some_pages(rng: &mut Rng, of: usize, most: usize) -> (usize, usize) {
    let count = rng.power_of_two(most);
    (rng.below(of - count + 1), count)
}

/// Adds faults and delays to some calls, each of them to a few, and now and then several. One in
/// `populate` gives pages to holes.
fn varied(rng: &mut Rng, request: Migrate, populate: usize) -> Migrate {
    let flags = request.flags
        | one_flag_in(rng, populate, flags::POPULATE)
        | one_flag_in(rng, 32, flags::ROLL_BACK)
        | one_flag_in(rng, 2, flags::ABANDON)
        | one_flag_in(rng, 2, flags::SLEEP);
    let varied = Migrate {
        flags,
        seed: rng.word(),
        pin: strike(rng, 8),
        lock: strike(rng, 16),
        decline: strike(rng, 8),
        fail: strike(rng, 16),
        reference: strike(rng, 8),
        ..request
    };
    limited(rng, varied)
}

/// Memory that ends in the middle, and delays.
fn limited(rng: &mut Rng, request: Migrate) -> Migrate {
    let mut delay_ns = || {
        if rng.one_in(64) {
            rng.below(DELAY_NS) as u64
        } else {
            0
        }
    };
    let (alloc_and_copy_delay_ns, finalize_and_map_delay_ns) = (delay_ns(), delay_ns());
    let allocations = if rng.one_in(16) {
        1 + rng.below(request.pages as usize) as u64
    } else {
        0
    };
    Migrate {
        allocations,
        alloc_and_copy_delay_ns,
        finalize_and_map_delay_ns,
        ..request
    }
}

fn one_flag_in(rng: &mut Rng, n: usize, flag: u32) -> u32 {
    if rng.one_in(n) { flag } else { 0 }
}

/// In one of `n` calls, by position or by probability.
fn strike(rng: &mut Rng, n: usize) -> Strike {
    if !rng.one_in(n) {
        return Strike::default();
    }
    let every = 1 + rng.below(16) as u32;
    if rng.one_in(2) {
        return Strike {
            every,
            per_million: 0,
        };
    }
    Strike {
        every: 0,
        per_million: 1_000_000 / every,
    }
}

/// Asks for memory that the kernel does not migrate: its own code in this process.
fn reject(worker: &mut Worker<'_>) -> Result<()> {
    let Some(address) = super::sequences::kernel_code() else {
        return Ok(());
    };
    let request = Migrate {
        address,
        pages: 1,
        ..Migrate::default()
    };
    worker.migrate(Direction::ToDevice, &request)?;
    Ok(())
}
