//! `amdgpu`.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    held::Held,
    request::play,
    uapi::{
        Configuration, configuration,
        play::{AMDGPU_EVICT, AMDGPU_FAULT, AMDGPU_PREFETCH},
    },
    worker::{Process, Worker},
};

const PAGES: usize = 128;
/// Pages of them that are holes at first.
const HOLES: usize = 16;
/// Pages that a CPU fault brings home.
const FAULT_PAGES: u64 = 16;

/// amdgpu.
pub(super) struct Amdgpu;

impl Scenario for Amdgpu {
    fn name(&self) -> &'static str {
        "amdgpu"
    }

    fn about(&self) -> &'static str {
        "amdgpu, as it was until Linux 6.6: faults of the device and evictions are work items, everything is done under \
         one lock, which is taken before setup, and each position gets a destination, whether something was collected there or \
         not. Of 128 pages a pipe holds one. A call that collects nothing returns after setup. Expect evictions with an \
         address and an owner, one skipped page in each first call, and abandoned calls."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            fault_pages: FAULT_PAGES,
            flags: configuration::LOCKED_FAULTS,
            ..Configuration::default()
        }
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
    area.write(HOLES, PAGES - HOLES);
    let held = Held::new(&area, HOLES + worker.rng.below(PAGES - HOLES))?;
    let mode = [AMDGPU_FAULT, AMDGPU_PREFETCH][worker.rng.below(2)];
    let out = play(&area, 0, PAGES, mode);
    worker.expect_play(device, &out, "all but what is held is there", |played| {
        let ledger = &played.ledger;
        ledger.skipped == 1 && ledger.moved + ledger.populated == pages - 1
    })?;
    worker.expect_play(device, &out, "nothing is left to collect", |played| {
        played.ledger.skipped == pages
    })?;
    drop(held);
    worker.expect_play(device, &out, "what was held goes, too", |played| {
        played.ledger.moved == 1
    })?;
    // Up to sixteen pages come home with the one that is touched.
    let touched = worker.rng.below(PAGES);
    area.check(touched, 1)?;
    let home = play(&area, 0, PAGES, AMDGPU_EVICT);
    worker.expect_play(device, &home, "the rest goes home", |played| {
        let ledger = &played.ledger;
        (1..=FAULT_PAGES).contains(&ledger.skipped) && ledger.moved + ledger.skipped == pages
    })?;
    worker.expect_play(device, &home, "nothing is left to evict", |played| {
        played.ledger.skipped == pages
    })?;
    area.check_all()
}
