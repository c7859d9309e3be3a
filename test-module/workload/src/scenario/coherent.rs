//! `coherent`: device memory that CPUs can reach.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{
        Device,
        Direction::{self, ToDevice, ToSystem},
    },
    request::{every, request, whole},
    uapi::{COHERENT_PATH, Evict, Migrate, Truth, evict, flags},
    worker::{Process, Worker, as_expected},
};

const PAGES: usize = 256;
/// Pages of them that are holes at first.
const HOLES: usize = 32;

/// Device memory that CPUs can reach.
pub(super) struct Coherent;

impl Scenario for Coherent {
    fn name(&self) -> &'static str {
        "coherent"
    }

    fn about(&self) -> &'static str {
        "A device whose memory CPUs can reach, as on machines with an MI200: 256 pages go there, holes among them, are \
         written to where they are, and come home, by a call, or because the device's memory is cleared. Expect \
         migrations to device and system with device_coherent at the other end, and not one fault."
    }

    fn needs(&self) -> &'static [&'static str] {
        &[COHERENT_PATH]
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let device = process.coherent()?;
        process.threads(1, |worker| {
            while worker.goes_on() {
                round(worker, device)?;
            }
            Ok(())
        })
    }
}

fn round(worker: &mut Worker<'_>, device: &Device) -> Result<()> {
    let pages = PAGES as u64;
    let mut area = Area::new(PAGES, device.page_bytes(), Backing::BasePages)?;
    area.write(HOLES, PAGES - HOLES);
    let out = whole(&area, flags::POPULATE);
    expect(worker, device, ToDevice, &out, "all go there", |truth| {
        let ledger = &truth.ledger;
        ledger.moved + ledger.populated == pages && truth.to.device_coherent == pages
    })?;
    // Where they are: no fault brings them home.
    area.check_all()?;
    area.write(0, PAGES);
    let some = Migrate {
        decline: every(1 + worker.rng.below(4) as u32),
        ..request(&area, 0, PAGES / 2, 0)
    };
    expect(worker, device, ToSystem, &some, "some come home", |truth| {
        truth.from.device_coherent == truth.ledger.moved && truth.to.system == truth.ledger.moved
    })?;
    if worker.rng.one_in(2) {
        let home = whole(&area, 0);
        let what = "the rest comes home";
        // Others clear the device, too.
        let alone = worker.is_alone();
        expect(worker, device, ToSystem, &home, what, |truth| {
            !alone || truth.ledger.moved > 0 && truth.ledger.declined == 0
        })?;
    } else {
        let all = Evict {
            pages: device.info().device_pages,
            how: evict::RANGE,
            ..Evict::default()
        };
        worker.evict(device, &all)?;
    }
    area.check_all()
}

fn expect(
    worker: &mut Worker<'_>,
    device: &Device,
    direction: Direction,
    request: &Migrate,
    what: &str,
    holds: impl Fn(&Truth) -> bool,
) -> Result<()> {
    match worker.migrate_on(device, direction, request)? {
        Some(truth) => as_expected(&truth, what, holds(&truth)),
        None => Ok(()),
    }
}
