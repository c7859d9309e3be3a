//! `huge`: 2 MiB pages.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction::{self, ToDevice, ToSystem},
    request::{every, whole},
    uapi::{Migrate, Truth, flags},
    worker::{Process, Worker, as_expected},
};

/// Large pages that each thread works on.
const LARGE_PAGES: usize = 2;

/// 2 MiB pages.
pub(super) struct Huge;

impl Scenario for Huge {
    fn name(&self) -> &'static str {
        "huge"
    }

    fn about(&self) -> &'static str {
        "2 MiB pages: moved whole in both directions and by a fault; split on the way because the driver wants it \
         so, because there is no large destination (half of the pages then find none at all), or by a driver \
         that does not know of them; declined and referenced; and empty 2 MiB ranges filled whole and page by page. \
         Expect calls that move 512 pages for hardly more than the price of a few, and the same calls page by page \
         at many times that."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        if process.device().compound_pages() == 1 {
            eprintln!("workload: this kernel does not migrate large pages whole: nothing to do");
            return Ok(());
        }
        process.threads(1, |worker| {
            let mut large = Large::new(worker)?;
            while worker.goes_on() {
                large.round(worker)?;
            }
            large.area.check_all()
        })
    }
}

struct Large {
    area: Area,
    /// Base pages in a large one.
    compound: usize,
    /// Base pages that were moved or made as parts of whole ones.
    whole: u64,
}

impl Large {
    fn new(worker: &Worker<'_>) -> Result<Self> {
        let (compound, page_bytes) = (
            worker.device().compound_pages(),
            worker.device().page_bytes(),
        );
        let bytes = compound * page_bytes;
        let backing = Backing::LargePages { bytes };
        Ok(Self {
            area: Area::new(LARGE_PAGES * compound, page_bytes, backing)?,
            compound,
            whole: 0,
        })
    }

    fn round(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        self.taken_whole(worker)?;
        self.taken_apart(worker)?;
        self.held_back(worker)?;
        self.made(worker)?;
        ensure!(
            self.whole > 0 || !worker.goes_on(),
            "the kernel had no large page at all: is memory short, or transparent_hugepage off?"
        );
        Ok(())
    }

    /// New large pages with something in them: those that were split never grow together again.
    fn renew(&mut self) -> Result<()> {
        self.area.check_all()?;
        self.area.forget(0, self.area.pages())?;
        self.area.write(0, self.area.pages());
        Ok(())
    }

    /// A call for all of it, which must do this to all pages.
    fn all(
        &mut self,
        worker: &mut Worker<'_>,
        direction: Direction,
        request: &Migrate,
        what: &str,
        row: impl Fn(&Truth) -> u64,
    ) -> Result<()> {
        if let Some(truth) = worker.migrate(direction, request)? {
            self.whole += truth.whole;
            as_expected(&truth, what, row(&truth) == request.pages)?;
        }
        Ok(())
    }

    fn taken_whole(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        self.renew()?;
        let request = whole(&self.area, flags::COMPOUND);
        let moved = |truth: &Truth| truth.ledger.moved;
        self.all(worker, ToDevice, &request, "large pages move", moved)?;
        self.all(worker, ToSystem, &request, "large pages come home", moved)?;
        self.all(worker, ToDevice, &request, "large pages move again", moved)?;
        // One fault for each, on any page of it.
        for first in (0..self.area.pages()).step_by(self.compound) {
            self.area
                .check(first + worker.rng.below(self.compound), 1)?;
        }
        self.area.check_all()
    }

    fn taken_apart(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        let moved = |truth: &Truth| truth.ledger.moved;
        for flags in [flags::COMPOUND | flags::SPLIT, 0] {
            self.renew()?;
            let request = whole(&self.area, flags);
            self.all(worker, ToDevice, &request, "pages move one by one", moved)?;
            self.all(worker, ToSystem, &request, "and come home so", moved)?;
        }
        self.renew()?;
        let request = whole(&self.area, flags::COMPOUND);
        self.all(worker, ToDevice, &request, "large pages move", moved)?;
        let apart = whole(&self.area, flags::COMPOUND | flags::SPLIT);
        self.all(worker, ToSystem, &apart, "and come home split", moved)?;
        self.fallen_back(worker)
    }

    /// Memory for half a large page, and so for no large page.
    fn fallen_back(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        self.renew()?;
        let half = self.compound as u64 / 2;
        let request = Migrate {
            allocations: half,
            ..whole(&self.area, flags::COMPOUND)
        };
        let what = "without a large destination a large page is split";
        worker.expect(ToDevice, &request, what, |truth| {
            truth.ledger.moved == half
                && truth.ledger.declined == request.pages - half
                && truth.whole == 0
        })?;
        Ok(())
    }

    fn held_back(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        self.renew()?;
        let all = whole(&self.area, flags::COMPOUND);
        let declined = Migrate {
            decline: every(1),
            ..all
        };
        let what = "large pages are declined";
        self.all(worker, ToDevice, &declined, what, |truth| {
            truth.ledger.declined
        })?;
        let referenced = Migrate {
            reference: every(1),
            ..all
        };
        let what = "large pages are copied in vain";
        self.all(worker, ToDevice, &referenced, what, |truth| {
            truth.ledger.wasted_copy
        })
    }

    fn made(&mut self, worker: &mut Worker<'_>) -> Result<()> {
        for split in [0, flags::SPLIT] {
            for direction in [ToDevice, ToSystem] {
                self.area.check_all()?;
                self.area.forget(0, self.area.pages())?;
                let fill = flags::POPULATE | flags::COMPOUND | split;
                let request = whole(&self.area, fill);
                self.all(worker, direction, &request, "holes are filled", |truth| {
                    truth.ledger.populated
                })?;
            }
        }
        Ok(())
    }
}
