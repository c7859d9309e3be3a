//! `convoy`: faults on different pages, one lock for all of them.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    request::whole,
    uapi::{Configuration, configuration},
    worker::Process,
};

/// Threads, and pages: one each.
const THREADS: u16 = 32;

/// How long a fault has the lock, besides the migration.
const FAULT_NS: u64 = 1_000_000;

/// Faults on different pages, one lock for all of them.
pub(super) struct Convoy;

impl Scenario for Convoy {
    fn name(&self) -> &'static str {
        "convoy"
    }

    fn about(&self) -> &'static str {
        "Several threads (32, or as many as --threads says) touch a page on the device each, all at the same time and no two \
         the same. The driver brings one page home after the other: a fault takes a mutex first, as amdgpu's does, and has it for a \
         millisecond and its migration. Expect one fault that does not wait, and each of the others to wait a millisecond longer than \
         the one before it: time that no step of a migration has."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            fault_ns: FAULT_NS,
            flags: configuration::FAULT_MUTEX | configuration::FAULT_SLEEPS,
            ..Configuration::default()
        }
    }

    /// Its figures are about threads that wait, which others do not.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let threads = process.thread_count(THREADS);
        let page_bytes = process.device().page_bytes();
        let mut area = Area::new(threads.into(), page_bytes, Backing::BasePages)?;
        let mut worker = process.worker(0);
        area.write(0, area.pages());
        while worker.goes_on() {
            if (worker.migrate(Direction::ToDevice, &whole(&area, 0))?).is_none() {
                break;
            }
            process.in_step(threads, 1, |thread, _| process.touch(&area, thread))?;
        }
        area.check_all()
    }
}
