//! `crowd`: many threads, one page.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::whole,
    uapi::{Configuration, configuration},
    worker::Process,
};

const THREADS: u16 = 8;

/// Pages of a call, which are touched one after the other.
const PAGES: usize = 32;

/// How long a fault takes, besides the migration: until all others are there, even in an emulated
/// machine.
const FAULT_NS: u64 = 3_000_000;

/// Many threads, one page.
pub(super) struct Crowd;

impl Scenario for Crowd {
    fn name(&self) -> &'static str {
        "crowd"
    }

    fn about(&self) -> &'static str {
        "Several threads (eight, or as many as --threads says) touch the same page on the device at the same time, then the next \
         one, all 32 of a call. The first to come brings the page home, which takes three milliseconds, and the kernel has the others \
         wait for it: they never come to the driver. Expect one migration for each page, and seven threads that waited as long."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            fault_ns: FAULT_NS,
            flags: configuration::FAULT_SLEEPS,
            ..Configuration::default()
        }
    }

    /// As for `convoy`.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let threads = process.thread_count(THREADS);
        let mut area = Area::new(PAGES, process.device().page_bytes(), Backing::BasePages)?;
        let mut worker = process.worker(0);
        area.write(0, PAGES);
        while worker.goes_on() {
            if (worker.migrate(Direction::ToDevice, &whole(&area, 0))?).is_none() {
                break;
            }
            process.in_step(threads, PAGES, |_, page| process.touch(&area, page))?;
        }
        area.check_all()
    }
}
