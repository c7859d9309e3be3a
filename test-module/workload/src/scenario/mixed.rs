//! `mixed`: a little of everything.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    rng::Rng,
    uapi::{Migrate, flags},
    worker::Worker,
};

/// Base pages that each thread works on.
const PAGES: usize = 2048;
/// Large pages that each thread works on.
const LARGE_PAGES: usize = 2;
/// Most pages in a call, except for large ones.
const BATCH: usize = 512;
/// Most pages that the CPU touches in one go.
const TOUCH: usize = 16;

/// A little of everything.
pub(super) struct Mixed;

impl Scenario for Mixed {
    fn name(&self) -> &'static str {
        "mixed"
    }

    fn about(&self) -> &'static str {
        "A little of everything that happens to a migration: both directions, batches of 1 to 512 pages, some \
         pages pinned (skipped), some without a destination (declined), some referenced in the middle (copied in \
         vain), holes with and without a page for them, pages that the CPU touches and so faults back, 2 MiB pages \
         moved whole and split, calls rolled back half-way and calls that the kernel rejects. Every page carries a \
         pattern that is checked."
    }

    fn run(&self, worker: &mut Worker<'_>) -> Result<()> {
        let mut mix = Mix::new(worker)?;
        while worker.goes_on() {
            mix.act(worker)?;
        }
        mix.check_all()
    }
}

struct Mix {
    base: Area,
    large: Area,
    /// Base pages in a large one.
    compound: usize,
}

impl Mix {
    fn new(worker: &Worker<'_>) -> Result<Self> {
        let (page_bytes, compound) = (
            worker.device().page_bytes(),
            worker.device().compound_pages(),
        );
        let backing = Backing::LargePages {
            bytes: compound * page_bytes,
        };
        let mut base = Area::new(PAGES, page_bytes, Backing::BasePages)?;
        // Half of it begins as holes.
        base.write(0, PAGES / 2);
        let large = Area::new(LARGE_PAGES * compound, page_bytes, backing)?;
        Ok(Self {
            base,
            large,
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
        let (first, count) = some_pages(&mut worker.rng, PAGES, BATCH);
        let request = request(&mut worker.rng, &self.base, first, count, 2, 0);
        worker.migrate(Direction::ToDevice, &request)?;
        Ok(())
    }

    fn call_home(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, PAGES, BATCH);
        let request = request(&mut worker.rng, &self.base, first, count, 8, 0);
        worker.migrate(Direction::ToSystem, &request)?;
        // One page of it: what did not come home does so now, by a fault.
        self.base.check(first + worker.rng.below(count), 1)
    }

    /// The CPU uses some pages. Those on the device come home, one by one.
    fn touch(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, PAGES, TOUCH);
        self.base.check(first, count)?;
        if worker.rng.one_in(2) {
            self.base.write(first, count);
        }
        Ok(())
    }

    fn forget(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let (first, count) = some_pages(&mut worker.rng, PAGES, BATCH);
        self.base.forget(first, count)
    }

    /// One step in the life of a large page.
    fn large(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        if self.compound == 1 {
            return Ok(());
        }
        let (first, count) = self.large_pages(&mut worker.rng);
        let direction = match worker.rng.below(8) {
            0..=3 => Direction::ToDevice,
            4..=5 => Direction::ToSystem,
            6 => return self.touch_large(worker, first, count),
            _ => return self.renew(worker, first, count),
        };
        let split = if worker.rng.one_in(4) {
            flags::SPLIT
        } else {
            0
        };
        let large = flags::COMPOUND | split;
        let request = request(&mut worker.rng, &self.large, first, count, 2, large);
        worker.migrate(direction, &request)?;
        Ok(())
    }

    /// The CPU uses a few pages of it. Whole large pages come home whole.
    fn touch_large(&self, worker: &mut Worker<'_>, first: usize, count: usize) -> Result<()> {
        let (offset, touched) = some_pages(&mut worker.rng, count, TOUCH);
        self.large.check(first + offset, touched)
    }

    /// Large pages that were split never grow together again: new ones take their place.
    fn renew(&mut self, worker: &mut Worker<'_>, first: usize, count: usize) -> Result<()> {
        self.touch_large(worker, first, count)?;
        self.large.forget(first, count)?;
        if !worker.rng.one_in(4) {
            self.large.write(first, count);
        }
        Ok(())
    }

    fn large_pages(&self, rng: &mut Rng) -> (usize, usize) {
        let (first, count) = some_pages(rng, LARGE_PAGES, LARGE_PAGES);
        (first * self.compound, count * self.compound)
    }

    fn check_all(&self) -> Result<()> {
        self.base.check(0, self.base.pages())?;
        self.large.check(0, self.large.pages())
    }
}

/// A power of two of pages, and where they begin.
fn some_pages(rng: &mut Rng, of: usize, most: usize) -> (usize, usize) {
    let count = rng.power_of_two(most);
    (rng.below(of - count + 1), count)
}

/// Adds faults to some calls: each of them to one in eight, and now and then several.
fn injected(rng: &mut Rng, request: Migrate) -> Migrate {
    let mut every = || {
        if rng.one_in(8) {
            1 + rng.below(16) as u32
        } else {
            0
        }
    };
    let (pin_every, decline_every, reference_every) = (every(), every(), every());
    let roll_back = if rng.one_in(32) { flags::ROLL_BACK } else { 0 };
    let flags = request.flags | roll_back;
    Migrate {
        pin_every,
        decline_every,
        reference_every,
        flags,
        ..request
    }
}

/// A call for `count` pages of an area, of which one in `populate` gives pages to holes, with something injected now
/// and then.
fn request(
    rng: &mut Rng,
    area: &Area,
    first: usize,
    count: usize,
    populate: usize,
    flags: u32,
) -> Migrate {
    let populate = if rng.one_in(populate) {
        flags::POPULATE
    } else {
        0
    };
    let request = Migrate {
        address: area.address(first) as u64,
        pages: count as u64,
        flags: flags | populate,
        ..Migrate::default()
    };
    injected(rng, request)
}

/// Asks for memory that the kernel does not migrate: its own code in this process.
fn reject(worker: &mut Worker<'_>) -> Result<()> {
    // SAFETY: Looks up a number that the kernel gave to the process.
    let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    if vdso == 0 {
        return Ok(());
    }
    let request = Migrate {
        address: vdso,
        pages: 1,
        ..Migrate::default()
    };
    worker.migrate(Direction::ToDevice, &request)?;
    Ok(())
}
