//! `retries`: a device maps memory that does not keep still.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};

use super::Scenario;
use crate::{
    area::{Access, Area, Backing},
    device::Direction,
    request::whole,
    uapi::{Configuration, Map},
    worker::{Process, Worker},
};

/// Pages of the range: to bring all of them takes longer than until the next change.
const PAGES: usize = 512;

/// Between what the device's driver reads of the range and its use: as long as other drivers take
/// to look their own lock up and wait for it, in an emulated machine.
const DELAY_NS: u64 = 500_000;

/// Between two changes of the range, so that it can be mapped now and then, and before it is mapped
/// again.
const PAUSE: Duration = Duration::from_millis(3);

/// A device maps memory that does not keep still.
pub(super) struct Retries;

impl Scenario for Retries {
    fn name(&self) -> &'static str {
        "retries"
    }

    fn about(&self) -> &'static str {
        "One thread has the device map 512 pages where they are, over and over again, with an interval notifier and hmm_range_fault as \
         the kernel's documentation says. Another sends the pages to the device, calls them home, protects them and drops them \
         meanwhile. Each change makes the driver begin anew: hmm_range_fault says so itself, or it is noticed before its result is \
         used. Expect several calls for each range that was mapped, and time in mmu_interval_read_begin, which waits until a change is over."
    }

    /// Whoever mirrors the address space counts what changes.
    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            invalidate_ns: 1,
            ..Configuration::default()
        }
    }

    /// As for `convoy`.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let mut area = Area::new(PAGES, process.device().page_bytes(), Backing::BasePages)?;
        area.write(0, PAGES);
        let range = Map {
            address: area.address(0) as u64,
            pages: PAGES as u64,
            delay_ns: DELAY_NS,
            ..Map::default()
        };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let mapping = scope.spawn(|| map(process, &range, &is_over));
            let result = change(&mut process.worker(0), &mut area);
            is_over.store(true, Ordering::Relaxed);
            let mapped = mapping.join();
            result.and(mapped.map_err(|_| anyhow!("a thread panicked"))?)
        })?;
        area.check_all()
    }
}

/// Has the device map the range until it is over.
fn map(process: &Process<'_>, range: &Map, is_over: &AtomicBool) -> Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let found = process.device().map(range)?;
        ensure!(
            found.mapped == range.pages && found.range_faults == found.busy + found.retries + 1,
            "not as it must be: all is mapped after the last retry; the driver says {found:?}"
        );
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Changes the range until the run is over.
fn change(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    for turn in 0.. {
        if !worker.goes_on() {
            break;
        }
        match turn % 4 {
            0 => drop(worker.migrate(Direction::ToDevice, &whole(area, 0))?),
            1 => drop(worker.migrate(Direction::ToSystem, &whole(area, 0))?),
            2 => {
                area.protect(0, PAGES, Access::Read)?;
                area.protect(0, PAGES, Access::ReadWrite)?;
            }
            _ => {
                area.forget(0, PAGES)?;
                area.write(0, PAGES);
            }
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
