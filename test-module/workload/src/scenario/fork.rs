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
    process::{self, Child},
    request::{request, whole},
    rng::Rng,
    shared::Shared,
    uapi::{Truth, flags},
    worker::{Process, Worker},
};

const PAGES: usize = 64;
/// Things that each side does with the pages while the other does the same.
const ACTS: usize = 20;
/// Time between looks at what the other is doing.
const PAUSE: Duration = Duration::from_micros(200);
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
         both; then both read, write (each write makes a copy) and migrate. A 2 MiB page that both have moves whole or \
         not at all. Expect short-lived processes, migrations of shared pages, and faults of either side on what the \
         other has sent away."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let page_bytes = worker.device().page_bytes();
            while worker.goes_on() {
                let mut area = Area::new(PAGES, page_bytes, Backing::BasePages)?;
                area.write(0, PAGES);
                generation(worker, &mut area)?;
                area.check_all()?;
                if worker.device().compound_pages() > 1 {
                    for flags in [0, flags::SPLIT] {
                        large(worker, flags::COMPOUND | flags)?;
                    }
                }
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
        std::thread::sleep(PAUSE);
    }
    let mut rng = worker.rng.split();
    act(worker, &mut rng, area)?;
    wait(child)
}

/// A large page of two processes goes to the device and back whole. To split it would take one of
/// the two mappings only, and the kernel does not see to the other: the driver has to keep clear of
/// it.
fn large(worker: &mut Worker<'_>, flags: u32) -> Result<()> {
    let (pages, page_bytes) = (
        worker.device().compound_pages(),
        worker.device().page_bytes(),
    );
    let bytes = pages * page_bytes;
    let mut area = Area::new(pages, page_bytes, Backing::LargePages { bytes })?;
    area.write(0, pages);
    let over = Shared::new(AtomicBool::new(false))?;
    let child = process::fork(|| {
        while !over.load(Ordering::Acquire) {
            std::thread::sleep(PAUSE);
        }
        area.check_all()
    })?;
    let result = [ToDevice, ToSystem].into_iter().try_for_each(|direction| {
        let request = whole(&area, flags);
        let what = "a large page of two processes is not split";
        let unsplit = |truth: &Truth| truth.split == 0;
        worker.expect(direction, &request, what, unsplit).map(drop)
    });
    over.store(true, Ordering::Release);
    result?;
    area.check_all()?;
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
