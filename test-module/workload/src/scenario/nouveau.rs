//! `nouveau`.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::{play, whole},
    uapi::{
        Play, flags,
        play::{NOUVEAU_EVICT, NOUVEAU_FAULT, NOUVEAU_PREFETCH},
    },
    worker::{Process, Worker},
};

const PAGES: usize = 64;

/// nouveau.
pub(super) struct Nouveau;

impl Scenario for Nouveau {
    fn name(&self) -> &'static str {
        "nouveau"
    }

    fn about(&self) -> &'static str {
        "nouveau: a work item serves the device's faults, page by page, all with the same structure; where there is nothing \
         to collect any more, it goes on after setup. All of the device's memory is cleared at once, most of it free; a 2 MiB \
         page gets a destination that does not say that it is large, so that it is copied in vain. Expect abandoned calls, \
         evictions with mostly free pages, and 512 wasted copies for each large page."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            while worker.goes_on() {
                round(worker)?;
            }
            Ok(())
        })
    }
}

fn round(worker: &mut Worker<'_>) -> Result<()> {
    let device = worker.device();
    let pages = PAGES as u64;
    let mut area = Area::new(PAGES, device.page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    let fault = Play {
        batch: 1,
        ..play(&area, 0, PAGES, NOUVEAU_FAULT)
    };
    worker.expect_play(device, &fault, "each page moves by itself", |played| {
        played.migrations == pages && played.ledger.moved == pages
    })?;
    // Others clear the device, too.
    let alone = worker.is_alone();
    worker.expect_play(device, &fault, "each is there already", |played| {
        played.migrations == pages && (!alone || played.ledger.skipped == pages)
    })?;
    let prefetch = Play {
        batch: 1 + worker.rng.below(PAGES) as u64,
        ..play(&area, 0, PAGES, NOUVEAU_PREFETCH)
    };
    area.check(0, PAGES / 2)?;
    worker.expect_play(device, &prefetch, "what came home goes back", |played| {
        !alone || played.ledger.moved == pages / 2
    })?;
    let evict = play(&area, 0, 1, NOUVEAU_EVICT);
    worker.expect_play(device, &evict, "all goes home", |played| {
        let ledger = &played.ledger;
        !alone || (ledger.moved == pages && ledger.free == ledger.skipped)
    })?;
    area.check_all()?;
    large(worker)
}

/// A large page is not taken. It comes home when it is touched.
fn large(worker: &mut Worker<'_>) -> Result<()> {
    let device = worker.device();
    let pages = device.compound_pages();
    if pages == 1 {
        return Ok(());
    }
    let bytes = pages * device.page_bytes();
    let backing = Backing::LargePages { bytes };
    let mut area = Area::new(pages, device.page_bytes(), backing)?;
    area.write(0, pages);
    let out = whole(&area, flags::COMPOUND);
    let Some(there) = worker.migrate(Direction::ToDevice, &out)? else {
        return Ok(());
    };
    let alone = worker.is_alone();
    let evict = play(&area, 0, 1, NOUVEAU_EVICT);
    worker.expect_play(device, &evict, "a large page stays", |played| {
        !alone || played.ledger.wasted_copy == there.whole
    })?;
    area.check_all()
}
