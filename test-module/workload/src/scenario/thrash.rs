//! `thrash`: pages that both sides want.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    request::whole,
    uapi::{Configuration, Totals, cause, direction},
    worker::{Process, Worker},
};

const PAGES: usize = 128;
/// Pages that a CPU fault brings home, on devices with an odd number.
const FAULT_PAGES: u64 = 16;

/// Pages that both sides want.
pub(super) struct Thrash;

impl Scenario for Thrash {
    fn name(&self) -> &'static str {
        "thrash"
    }

    fn about(&self) -> &'static str {
        "The device wants 128 pages and the CPU touches them as soon as they are there, again and again, so that every \
         page bounces and most of the time goes into moving them: one page per fault on the first device, 16 on the \
         second. Expect as many faults as pages (or a 16th), a ping-pong finding that names the range, and more time \
         spent by the faults than by the calls."
    }

    fn configuration(&self, device: usize) -> Configuration {
        Configuration {
            fault_pages: if device % 2 == 1 { FAULT_PAGES } else { 0 },
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            area.write(0, PAGES);
            for turn in 0.. {
                if !worker.goes_on() {
                    break;
                }
                let device = worker.device_or_last(turn % 2);
                bounce(worker, &mut area, device)?;
            }
            Ok(())
        })
    }
}

/// To the device by a call, home by faults.
fn bounce(worker: &mut Worker<'_>, area: &mut Area, device: &Device) -> Result<()> {
    let before = faults(device)?;
    let request = whole(area, 0);
    let Some(sent) = worker.migrate_on(device, Direction::ToDevice, &request)? else {
        return Ok(());
    };
    area.check_all()?;
    let after = faults(device)?;
    // In the one case they were read only, in the other also written.
    if worker.rng.one_in(2) {
        area.write(0, PAGES);
    }
    let came_home = after.ledger.moved - before.ledger.moved;
    ensure!(
        !worker.is_alone() || came_home == sent.ledger.moved,
        "{} pages went out, and faults brought {came_home} home",
        sent.ledger.moved
    );
    Ok(())
}

fn faults(device: &Device) -> Result<crate::uapi::Total> {
    let totals = device.file_totals()?;
    Ok(totals.by_kind[Totals::index(direction::TO_SYSTEM, cause::CPU_FAULT)])
}
