//! `xe`.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Device,
    held::Held,
    request::{every, play},
    uapi::{
        Configuration, PEER_PATH, Play,
        play::{XE_EVICT, XE_FAULT, XE_PREFETCH, XE_TOUCH},
    },
    worker::{Process, Worker},
};

const PAGES: usize = 128;
/// Pages that a CPU fault brings home, and every how many of them are left alone.
const FAULT_PAGES: u64 = 16;
const RETIRED: u32 = 4;

/// xe.
pub(super) struct Xe;

impl Scenario for Xe {
    fn name(&self) -> &'static str {
        "xe"
    }

    fn about(&self) -> &'static str {
        "xe, on two devices that may take each other's pages: a worker of the kernel's or an ioctl brings all of a range or \
         nothing, from system memory, from the other device, or from both, 2 MiB pages whole. Where a pipe holds a page, \
         nothing moves. Pages go home when a worker touches them as another device would, when the process does, or when they are \
         evicted; every fourth is collected and then left alone by faults and evictions. Expect device to device, \
         kernel accesses by workers, and declined pages."
    }

    fn needs(&self) -> &'static [&'static str] {
        &[PEER_PATH]
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            fault_pages: FAULT_PAGES,
            retired_every: RETIRED.into(),
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let peers = [process.peer(0)?, process.peer(1)?];
        process.threads(1, |worker| {
            while worker.goes_on() {
                let mut area = Area::new(PAGES, peers[0].page_bytes(), Backing::BasePages)?;
                area.write(PAGES / 4, PAGES * 3 / 4);
                round(worker, &area, peers)?;
                area.check_all()?;
                evictions(worker, &mut area, peers[0])?;
                large(worker, peers)?;
            }
            Ok(())
        })
    }
}

fn mode(worker: &mut Worker<'_>) -> u32 {
    [XE_FAULT, XE_PREFETCH][worker.rng.below(2)]
}

/// All or nothing, to one device, then to the other, and home because a worker touches it.
fn round(worker: &mut Worker<'_>, area: &Area, peers: [&Device; 2]) -> Result<()> {
    let pages = PAGES as u64;
    let held = Held::new(area, PAGES / 4 + worker.rng.below(PAGES * 3 / 4))?;
    let out = play(area, 0, PAGES, mode(worker));
    worker.expect_play(peers[0], &out, "with one held, none moves", |played| {
        played.ledger.skipped == 1 && played.ledger.declined == pages - 1
    })?;
    drop(held);
    let half = Play {
        pages: pages / 2,
        ..out
    };
    let first = if worker.rng.one_in(2) { half } else { out };
    arrives(worker, peers[0], &first)?;
    let again = play(area, 0, first.pages as usize, mode(worker));
    worker.expect_play(peers[0], &again, "it is there already", |played| {
        played.ledger.declined == played.ledger.requested
    })?;
    arrives(worker, peers[1], &out)?;
    let touch = play(area, 0, PAGES, XE_TOUCH);
    let Some(_) = worker.play(peers[0], &touch)? else {
        return Ok(());
    };
    let used = peers[1].used_pages()?;
    ensure!(
        used == 0 || !worker.is_alone(),
        "a worker has touched everything, and {used} pages are on the device"
    );
    Ok(())
}

fn all_arrive(worker: &mut Worker<'_>, device: &Device, area: &Area) -> Result<()> {
    let out = play(area, 0, area.pages(), mode(worker));
    arrives(worker, device, &out)
}

fn arrives(worker: &mut Worker<'_>, device: &Device, request: &Play) -> Result<()> {
    worker.expect_play(device, request, "all of it arrives", |played| {
        played.ledger.moved + played.ledger.populated == request.pages
    })?;
    Ok(())
}

/// Pages go home wherever they are mapped, but for those that are retired; the process fetches
/// these.
fn evictions(worker: &mut Worker<'_>, area: &mut Area, device: &Device) -> Result<()> {
    all_arrive(worker, device, area)?;
    let some = Play {
        skip: every(RETIRED),
        ..play(area, 0, PAGES, XE_EVICT)
    };
    let stay = PAGES as u64 / u64::from(RETIRED);
    worker.expect_play(device, &some, "every fourth stays", |played| {
        played.ledger.moved == PAGES as u64 - stay && played.ledger.declined == stay
    })?;
    area.check_all()?;
    all_arrive(worker, device, area)?;
    area.check_all()
}

/// A 2 MiB page.
fn large(worker: &mut Worker<'_>, peers: [&Device; 2]) -> Result<()> {
    let pages = peers[0].compound_pages();
    if pages == 1 {
        return Ok(());
    }
    let page_bytes = peers[0].page_bytes();
    let bytes = pages * page_bytes;
    let mut area = Area::new(pages, page_bytes, Backing::LargePages { bytes })?;
    area.write(0, pages);
    for device in peers {
        all_arrive(worker, device, &area)?;
    }
    worker.play(peers[1], &play(&area, 0, pages, XE_TOUCH))?;
    area.check_all()
}
