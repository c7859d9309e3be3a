//! `workload round-trips`: does every byte survive?

use anyhow::{Context as _, Result};

use crate::{
    area::{Area, Backing},
    cli::RoundTripOptions,
    device::{Device, Direction},
    request,
    uapi::Ledger,
};

/// Every so many trips the CPU's faults bring the pages home instead of a call.
const FAULT_EVERY: u64 = 16;

/// Moves memory to the device and back, and checks every byte each time.
pub fn run(options: &RoundTripOptions) -> Result<()> {
    let device = Device::open(0)?;
    let pages = options.pages as usize;
    let mut area = Area::new(pages, device.page_bytes(), Backing::BasePages)?;
    let mut out = Ledger::default();
    let mut home = Ledger::default();
    for trip in 0..options.count {
        area.write(0, pages);
        out.add(&migrate(&device, &area, Direction::ToDevice)?);
        if trip % FAULT_EVERY != FAULT_EVERY - 1 {
            home.add(&migrate(&device, &area, Direction::ToSystem)?);
        }
        area.check(0, pages)
            .with_context(|| format!("in round trip {trip}"))?;
    }
    println!(
        "{} round trips of {pages} pages: {} pages moved out, {} called home, the rest fetched by faults; \
         every byte intact",
        options.count, out.moved, home.moved
    );
    Ok(())
}

fn migrate(device: &Device, area: &Area, direction: Direction) -> Result<Ledger> {
    let request = request::whole(area, 0);
    Ok(device.migrate(direction, &request)?.ledger)
}
