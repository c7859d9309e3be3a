//! `oversubscribe`: more is wanted than fits.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::request,
    uapi::{Configuration, flags},
    worker::{Process, Worker, as_expected},
};

/// Pages of device memory.
const CAPACITY: usize = 512;
/// Pages that each thread wants to have there.
const PAGES: usize = 3 * CAPACITY;
/// Pages in a call.
const WINDOW: usize = 128;

/// More is wanted than fits.
pub(super) struct Oversubscribe;

impl Scenario for Oversubscribe {
    fn name(&self) -> &'static str {
        "oversubscribe"
    }

    fn about(&self) -> &'static str {
        "Three times as much memory as the device has (512 pages) goes there window by window, so that the driver \
         has to evict in the middle of most calls to make room; then the CPU touches some of it. Expect an eviction \
         nested in nearly every call once the device is full, alloc_and_copy many times as long as at the beginning, \
         and faults on what happens to be on the device."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            capacity: CAPACITY as u64,
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            area.write(0, PAGES);
            while worker.goes_on() {
                lap(worker, &area)?;
                for _ in 0..PAGES / WINDOW {
                    area.check(worker.rng.below(PAGES), 1)?;
                }
            }
            area.check_all()
        })
    }
}

/// Every window once.
fn lap(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let mut evictions = 0;
    for first in (0..PAGES).step_by(WINDOW) {
        let request = request(area, first, WINDOW, flags::EVICT);
        let Some(truth) = worker.migrate(Direction::ToDevice, &request)? else {
            return Ok(());
        };
        as_expected(
            &truth,
            "room is made for all",
            !worker.is_alone() || truth.ledger.declined == 0,
        )?;
        evictions += truth.evictions;
        let used = worker.device().used_pages()?;
        ensure!(
            used <= CAPACITY as u64,
            "{used} pages are in use of {CAPACITY} that may be"
        );
    }
    ensure!(
        evictions > 0 || !worker.is_alone(),
        "nothing was evicted although {PAGES} pages went where {CAPACITY} fit"
    );
    Ok(())
}
