//! `handover`: pages written on one processor, migrated from another.

use anyhow::{Context as _, Result};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    processor,
    request::whole,
    worker::{Process, Worker},
};

/// Pages of a call: fewer than a processor keeps to itself before it puts them on the list where
/// others find them.
const PAGES: usize = 8;

/// Pages written on one processor, migrated from another.
pub(super) struct Handover;

impl Scenario for Handover {
    fn name(&self) -> &'static str {
        "handover"
    }

    fn about(&self) -> &'static str {
        "Eight pages at a time are written by a thread on one processor and sent to the device from another. New pages wait in a \
         cache of the processor that made them, where setup cannot isolate them; it has every processor drain \
         its cache, and waits. Expect setup to be most of the time, and a finding that it is spent on draining. With one processor there \
         is nothing to wait for."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, hand_over)
    }
}

fn hand_over(worker: &mut Worker<'_>) -> Result<()> {
    let processors = processor::allowed()?;
    let (first, last) = processors
        .first()
        .zip(processors.last())
        .context("this thread may run on no processor")?;
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    while worker.goes_on() {
        processor::run_on(*first)?;
        area.forget(0, PAGES)?;
        area.write(0, PAGES);
        processor::run_on(*last)?;
        worker.migrate(Direction::ToDevice, &whole(&area, 0))?;
    }
    area.check_all()
}
