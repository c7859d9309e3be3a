//! `workload crowd`: many threads that make one call each.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{
    area::{Area, Backing},
    cli::CrowdOptions,
    device::{Device, Direction},
    request::request,
    truth::{TruthFile, sums},
    uapi::{Migrate, Totals, Truth, flags, outcome},
};

/// Room for a thread's stack: there may be thousands.
const STACK_BYTES: usize = 64 << 10;

/// Every thread calls, stays for a while, and ends.
pub fn run(options: &CrowdOptions) -> Result<()> {
    let device = Device::open(0)?;
    let mut area = Area::new(
        usize::from(options.threads),
        device.page_bytes(),
        Backing::BasePages,
    )?;
    area.write(0, area.pages());
    let mut truth = TruthFile::create(options.truth.as_deref())?;
    let mut totals = Totals::default();
    let begun = Instant::now();
    let all_are_there = Barrier::new(usize::from(options.threads));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for page in 0..usize::from(options.threads) {
            let (device, area, all_are_there) = (&device, &area, &all_are_there);
            let body = move || {
                all_are_there.wait();
                let result = call(device, area, page, options);
                thread::sleep(Duration::from_millis(options.stay));
                result
            };
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            threads.push(thread.spawn_scoped(scope, body).context("start a thread")?);
        }
        threads.into_iter().try_for_each(|thread| {
            let result = thread.join();
            let called = result.map_err(|_| anyhow!("a thread panicked"))??;
            sums::count(&mut totals, &called);
            truth.write(&called)
        })
    })?;
    area.check_all()?;
    // What had moved came home, which no call returns. Another crowd may find that in its log.
    if options.truth.is_some() {
        device.drain(|fault| {
            sums::count(&mut totals, fault);
            truth.write(fault)
        })?;
    }
    truth.finish(&totals)?;
    println!(
        "{} threads made one call each, in {} ms",
        options.threads,
        begun.elapsed().as_millis()
    );
    Ok(())
}

/// One call for one page: its driver sleeps in the middle, or finds nothing to do and leaves it at
/// setup.
fn call(device: &Device, area: &Area, page: usize, options: &CrowdOptions) -> Result<Truth> {
    if options.asleep {
        let delay_ns = options.sleep * 1_000_000;
        let slow = Migrate {
            alloc_and_copy_delay_ns: delay_ns,
            finalize_and_map_delay_ns: delay_ns,
            ..request(area, page, 1, flags::SLEEP)
        };
        let truth = device.migrate(Direction::ToDevice, &slow)?;
        ensure!(truth.ledger.moved == 1, "it did not move: {truth:?}");
        Ok(truth)
    } else {
        // It is in system memory already.
        let home = request(area, page, 1, flags::ABANDON);
        let truth = device.migrate(Direction::ToSystem, &home)?;
        ensure!(
            truth.outcome == outcome::ABANDONED,
            "it was not abandoned: {truth:?}"
        );
        Ok(truth)
    }
}
