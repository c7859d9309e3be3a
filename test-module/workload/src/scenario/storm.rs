//! `storm`: single pages, as fast as possible.

use std::thread;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::request,
    worker::{Process, Worker},
};

/// Pages that each thread sends back and forth.
const PAGES: usize = 32;

/// Single pages, as fast as possible, on all processors.
pub(super) struct Storm;

impl Scenario for Storm {
    fn name(&self) -> &'static str {
        "storm"
    }

    fn about(&self) -> &'static str {
        "Single pages to the device and back, as fast as the machine can, by one thread on each processor (or as many \
         as --threads says): the most migrations in a second that there can be, each of them as small as there is. \
         Records may be lost here, and must be counted where they are; totals must still be exact."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let processors = thread::available_parallelism().map_or(1, |count| count.get().min(64));
        process.threads(processors as u16, rage)
    }
}

fn rage(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    while worker.goes_on() {
        let page = worker.rng.below(PAGES);
        for direction in [Direction::ToDevice, Direction::ToSystem] {
            worker.migrate(direction, &request(&area, page, 1, 0))?;
        }
    }
    area.check_all()
}
