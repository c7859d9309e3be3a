//! `abandoned`: many threads that make one call each, of which nothing comes.

use std::time::Duration;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::whole,
    uapi::{flags, outcome},
    worker::{Process, Worker},
};

const PAGES: usize = 4;
const THREADS: u16 = 500;
/// How long threads go on living.
const REST: Duration = Duration::from_secs(3);

/// Many threads that make one call each, of which nothing comes.
pub(super) struct Abandoned;

impl Scenario for Abandoned {
    fn name(&self) -> &'static str {
        "abandoned"
    }

    fn about(&self) -> &'static str {
        "500 threads, or as many as --threads says, make one call each for pages that are not on the device, so that it collects \
         nothing and returns after setup, as amdgpu, nouveau and xe do. Then they sleep three seconds and end, and the run \
         with them. Expect as many abandoned migrations as there are threads, and none lost."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let mut area = Area::new(PAGES, process.device().page_bytes(), Backing::BasePages)?;
        area.write(0, PAGES);
        process.threads(THREADS, |worker| call_once(worker, &area))?;
        area.check_all()
    }
}

fn call_once(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let request = whole(area, flags::ABANDON);
    worker.expect(Direction::ToSystem, &request, "nothing is there", |truth| {
        truth.outcome == outcome::ABANDONED
    })?;
    std::thread::sleep(REST);
    Ok(())
}
