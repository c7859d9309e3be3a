//! `mirrored`: somebody mirrors the address space, and is slow to let go.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::request,
    uapi::Configuration,
    worker::{Process, Worker, as_expected},
};

/// Pages of a call.
const PAGES: usize = 16;

/// What the mirror takes to invalidate a range: more than all else that setup does, even in an
/// emulated machine.
const INVALIDATE_NS: u64 = 2_000_000;

/// Somebody mirrors the address space, and is slow to let go.
pub(super) struct Mirrored;

impl Scenario for Mirrored {
    fn name(&self) -> &'static str {
        "mirrored"
    }

    fn about(&self) -> &'static str {
        "Calls of 16 pages, back and forth, in an address space that a device mirrors in its own page tables. Before pages are \
         migrated the kernel asks every mirror to forget them, and waits; this one takes two milliseconds for it. Expect \
         setup to be all of the time, and a finding that it is spent on invalidation."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            invalidate_ns: INVALIDATE_NS,
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, back_and_forth)
    }
}

fn back_and_forth(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    while worker.goes_on() {
        for direction in [Direction::ToDevice, Direction::ToSystem] {
            let request = request(&area, 0, PAGES, 0);
            if let Some(truth) = worker.migrate(direction, &request)? {
                let waited = (INVALIDATE_NS..=truth.steps.setup_ns).contains(&truth.invalidate_ns);
                as_expected(&truth, "setup waits for the mirror", waited)?;
            }
        }
    }
    area.check_all()
}
