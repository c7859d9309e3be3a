//! `fork`: pages that two processes share.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Result, bail};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction::{ToDevice, ToSystem},
    process::Child,
    request::{request, whole},
    rng::Rng,
    shared::Shared,
    worker::{Process, Worker},
};

const PAGES: usize = 64;
/// Things that each side does with the pages while the other does the same.
const ACTS: usize = 20;
/// Numbers of workers in a forked process, so that they are not taken for those of its parent.
const CHILDREN: u16 = 128;

/// Pages that two processes share.
pub(super) struct Fork;

impl Scenario for Fork {
    fn name(&self) -> &'static str {
        "fork"
    }

    fn about(&self) -> &'static str {
        "A process with half of its pages on the device forks, again and again: parent and child then share every \
         page, in system memory and on the device. The child fetches them all to the device, which takes them from \
         both; then both read, write (each write makes a copy) and migrate. Expect short-lived processes, migrations \
         of shared pages, and faults of either side on what the other has sent away."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let page_bytes = worker.device().page_bytes();
            while worker.goes_on() {
                let mut area = Area::new(PAGES, page_bytes, Backing::BasePages)?;
                area.write(0, PAGES);
                generation(worker, &mut area)?;
                area.check_all()?;
            }
            Ok(())
        })
    }
}

/// One child, from birth to end.
fn generation(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    worker.migrate(ToDevice, &request(area, 0, PAGES / 2, 0))?;
    let ready = Shared::new(AtomicBool::new(false))?;
    let mut rng = worker.rng.split();
    let mut child = worker.process.fork(|process| {
        let mut worker = process.worker(CHILDREN);
        fetch_all(&mut worker, area)?;
        ready.store(true, Ordering::Release);
        act(&mut worker, &mut rng, area)
    })?;
    while !ready.load(Ordering::Acquire) {
        if child.poll()?.is_some() {
            return child.wait();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let mut rng = worker.rng.split();
    act(worker, &mut rng, area)?;
    wait(child)
}

fn wait(child: Child) -> Result<()> {
    match child.wait() {
        Ok(()) => Ok(()),
        Err(error) => bail!("the forked process: {error:#}"),
    }
}

/// What is in system memory is shared, and moves nevertheless; what is on the device stays there.
fn fetch_all(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let half = PAGES as u64 / 2;
    let what = "shared pages move, those on the device stay";
    worker.expect(ToDevice, &whole(area, 0), what, |truth| {
        truth.ledger.moved == half && truth.ledger.skipped == half
    })?;
    Ok(())
}

/// What either side does while the other does, too.
fn act(worker: &mut Worker<'_>, rng: &mut Rng, area: &mut Area) -> Result<()> {
    for _ in 0..ACTS {
        let count = rng.power_of_two(PAGES / 4);
        let first = rng.below(PAGES - count + 1);
        match rng.below(4) {
            0 => area.write(first, count),
            1 => area.check(first, count)?,
            2 => drop(worker.migrate(ToDevice, &request(area, first, count, 0))?),
            _ => drop(worker.migrate(ToSystem, &request(area, first, count, 0))?),
        }
    }
    area.check_all()
}
