//! `workload churn`: threads that come, call a few times, and go.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    area::{Area, Backing},
    cli::ChurnOptions,
    device::{Device, Direction},
    request::request,
    rng::Rng,
    truth::{TruthFile, sums},
    uapi::{Totals, flags},
};

/// Room for a thread's stack.
const STACK_BYTES: usize = 64 << 10;

/// As many threads at a time as are asked for, each with a page of its own, until all calls are
/// made.
pub fn run(options: &ChurnOptions) -> Result<()> {
    let device = Device::open(0)?;
    let pages = usize::from(options.at_once);
    let mut area = Area::new(pages, device.page_bytes(), Backing::BasePages)?;
    area.write(0, area.pages());
    let truth = TruthFile::create(options.truth.as_deref())?;
    let before = device.totals()?;
    let begun = Instant::now();
    let (left, lives) = (AtomicU64::new(options.calls), AtomicU64::new(0));
    thread::scope(|scope| {
        let line = |page| {
            let (device, area, left, lives) = (&device, &area, &left, &lives);
            move || -> Result<()> {
                let mut rng = Rng::new(options.seed, page as u16);
                while let Some(calls) = take(left, options.each) {
                    lives.fetch_add(1, Ordering::Relaxed);
                    live(device, area, page, calls, rng.split())?;
                }
                Ok(())
            }
        };
        let lines: Vec<_> = (0..pages).map(|page| scope.spawn(line(page))).collect();
        lines
            .into_iter()
            .try_for_each(|line| line.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    // What is on the device still comes home by faults, which count.
    area.check_all()?;
    let mut totals = Totals::default();
    sums::add_growth(&mut totals, &before, &device.totals()?);
    truth.finish(&totals)?;
    println!(
        "{} threads made {} calls, {} at a time, in {} ms",
        lives.into_inner(),
        options.calls,
        options.at_once,
        begun.elapsed().as_millis()
    );
    Ok(())
}

/// How many calls the next thread has, if there are any left.
fn take(left: &AtomicU64, each: u64) -> Option<u64> {
    let take = |left: u64| (left > 0).then(|| left.saturating_sub(each));
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
    before.ok().map(|before| before.min(each))
}

/// A thread that makes these calls and ends. What its last call has begun may have no end but its
/// own.
fn live(device: &Device, area: &Area, page: usize, calls: u64, mut rng: Rng) -> Result<()> {
    thread::scope(|scope| {
        let body = move || {
            (0..calls).try_for_each(|_| {
                let direction = rng.pick(&[Direction::ToDevice, Direction::ToSystem]);
                let flags = rng.pick(&[0, 0, flags::ROLL_BACK, flags::ABANDON, flags::ABANDON]);
                let call = request(area, page, 1, flags);
                device.migrate(direction, &call).map(drop)
            })
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, body).context("start a thread")?;
        thread.join().map_err(|_| anyhow!("a thread panicked"))?
    })
}
