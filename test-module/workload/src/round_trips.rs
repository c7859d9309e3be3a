//! `workload round-trips`: does every byte survive?

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    area::{Area, Backing},
    cli::RoundTripOptions,
    device::{Device, Direction},
    request,
    uapi::{Ledger, Migrate},
};

/// Every so many trips the CPU's faults bring the pages home instead of a call.
const FAULT_EVERY: u64 = 16;

/// Moves memory to the device and back, and checks every byte each time.
pub fn run(options: &RoundTripOptions) -> Result<()> {
    let device = Device::open(0)?;
    let pages = options.pages as usize;
    let mut area = Area::new(pages, device.page_bytes(), Backing::BasePages)?;
    let request = Migrate {
        alloc_and_copy_delay_ns: options.delay.saturating_mul(options.pages.into()),
        ..request::whole(&area, 0)
    };
    let mut out = Ledger::default();
    let mut home = Ledger::default();
    let begun = Instant::now();
    for trip in 0..options.count {
        if let Some(rate) = options.rate {
            let due = Duration::from_secs_f64(trip as f64 / f64::from(rate));
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        area.write(0, pages);
        out.add(&device.migrate(Direction::ToDevice, &request)?.ledger);
        if trip % FAULT_EVERY != FAULT_EVERY - 1 {
            home.add(&device.migrate(Direction::ToSystem, &request)?.ledger);
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
