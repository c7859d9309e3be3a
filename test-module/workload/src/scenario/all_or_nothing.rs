//! `all-or-nothing`: one page that cannot move keeps all the others.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    held::Held,
    request::play,
    uapi::play::XE_FAULT,
    worker::{Process, Worker},
};

const PAGES: usize = 512;

/// One page that cannot move keeps all the others.
pub(super) struct AllOrNothing;

impl Scenario for AllOrNothing {
    fn name(&self) -> &'static str {
        "all-or-nothing"
    }

    fn about(&self) -> &'static str {
        "Calls of 512 pages, of which a pipe holds one, by a driver that moves all or nothing, as xe does: it collects, sees that \
         one is missing, and gives none of the others a destination. The device's memory is nearly empty. Expect one skipped \
         and 511 declined pages in each call, and nothing about memory that is full."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, fail)
    }
}

fn fail(worker: &mut Worker<'_>) -> Result<()> {
    let device = worker.device();
    let mut area = Area::new(PAGES, device.page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    let held = Held::new(&area, worker.rng.below(PAGES))?;
    let out = play(&area, 0, PAGES, XE_FAULT);
    while worker.goes_on() {
        worker.expect_play(device, &out, "none moves", |played| {
            played.ledger.skipped == 1 && played.ledger.declined == PAGES as u64 - 1
        })?;
    }
    drop(held);
    area.check_all()
}
