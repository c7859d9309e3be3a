//! `contended`: everybody wants the same pages.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::request,
    worker::{Process, Worker},
};

const PAGES: usize = 128;
/// Most pages in a call.
const BATCH: usize = 32;
const THREADS: u16 = 4;

/// Two devices and several threads after the same pages.
pub(super) struct Contended;

impl Scenario for Contended {
    fn name(&self) -> &'static str {
        "contended"
    }

    fn about(&self) -> &'static str {
        "Several threads (four, or as many as --threads says) want the same 128 pages on two devices, while they also \
         read them: pages that another thread is just migrating, or that are on the other device, are skipped, and \
         what one has fetched the next takes away. Expect many skipped pages, ping-pong between the devices, and \
         faults that find their page already gone."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let mut area = Area::new(PAGES, process.device().page_bytes(), Backing::BasePages)?;
        area.write(0, PAGES);
        process.threads(THREADS, |worker| fight(worker, &area))?;
        area.check_all()
    }
}

fn fight(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    while worker.goes_on() {
        let count = worker.rng.power_of_two(BATCH);
        let first = worker.rng.below(PAGES - count + 1);
        let number = worker.rng.below(2);
        let device = worker.device_or_last(number);
        let request = request(area, first, count, 0);
        match worker.rng.below(8) {
            0..=4 => worker.migrate_on(device, Direction::ToDevice, &request)?,
            5 => worker.migrate_on(device, Direction::ToSystem, &request)?,
            _ => {
                area.check(first, count.min(4))?;
                None
            }
        };
    }
    Ok(())
}
