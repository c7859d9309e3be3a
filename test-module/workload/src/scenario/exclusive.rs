//! `exclusive`: pages that the device has for itself, until a processor touches them.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::request,
    uapi::Exclusive as Request,
    worker::{Process, Worker},
};

/// Pages of a call. Half of them are on the device before it.
const PAGES: usize = 32;

/// Pages that the device has for itself, until a processor touches them.
pub(super) struct Exclusive;

impl Scenario for Exclusive {
    fn name(&self) -> &'static str {
        "exclusive"
    }

    fn about(&self) -> &'static str {
        "The device gets 32 pages for itself, as for operations that have to be atomic: the kernel takes them out of the page tables \
         of processors. Half of them are on the device before, and come home for it by faults of the kernel's. Then the CPU touches each \
         page, which takes it from the device again, without a migration. Expect 16 faults for each call, by kernel access."
    }

    /// As for `convoy`.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, take_turns)
    }
}

fn take_turns(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    let all = Request {
        address: area.address(0) as u64,
        pages: PAGES as u64,
        ..Request::default()
    };
    while worker.goes_on() {
        area.write(0, PAGES);
        worker.migrate(Direction::ToDevice, &request(&area, 0, PAGES / 2, 0))?;
        let Some(made) = worker.make_exclusive(&all)? else {
            break;
        };
        ensure!(
            made.made == all.pages && made.refused == 0,
            "not as it must be: every page becomes exclusive; the driver says {made:?}"
        );
        for page in 0..PAGES {
            worker.process.touch(&area, page)?;
        }
        area.check_all()?;
    }
    area.check_all()
}
