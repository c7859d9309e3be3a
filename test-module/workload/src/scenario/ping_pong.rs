//! `ping-pong`: a worker and a process want the same pages.

use std::time::Duration;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    request::play,
    uapi::play::{AMDGPU_FAULT, NOUVEAU_FAULT, UVM_FAULT, XE_FAULT},
    worker::{Process, Worker},
};

const PAGES: usize = 16;
/// How long pages stay on the device.
const PAUSE: Duration = Duration::from_millis(10);

/// A worker and a process want the same pages.
pub(super) struct PingPong;

impl Scenario for PingPong {
    fn name(&self) -> &'static str {
        "ping-pong"
    }

    fn about(&self) -> &'static str {
        "A worker of the kernel's moves the same 16 pages of a process to the device again and again, and the process touches \
         them ten milliseconds later: now as amdgpu's does it, now as nvidia-uvm's, nouveau's or xe's. Expect ping-pong \
         between device faults and CPU faults of one process, though the one who moves pages away is no thread of it."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, bounce)
    }
}

fn bounce(worker: &mut Worker<'_>) -> Result<()> {
    let device = worker.device();
    let mut area = Area::new(PAGES, device.page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    let modes = [AMDGPU_FAULT, UVM_FAULT, NOUVEAU_FAULT, XE_FAULT];
    for mode in modes.into_iter().cycle() {
        if !worker.goes_on() {
            break;
        }
        let out = play(&area, 0, PAGES, mode);
        worker.expect_play(device, &out, "a worker takes them all", |played| {
            played.ledger.moved == PAGES as u64
        })?;
        worker.process.control().sleep(PAUSE);
        area.check_all()?;
        area.write(0, PAGES);
    }
    Ok(())
}
