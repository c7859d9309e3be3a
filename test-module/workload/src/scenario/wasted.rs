//! `wasted`: copied, and thrown away.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing, Source, memory_file},
    device::Direction::{ToDevice, ToSystem},
    request::{every, whole},
    uapi::{Migrate, flags},
    userfault::Missing,
    worker::{Process, Worker},
};

const PAGES: usize = 64;

/// Copied, and thrown away.
pub(super) struct Wasted;

impl Scenario for Wasted {
    fn name(&self) -> &'static str {
        "wasted"
    }

    fn about(&self) -> &'static str {
        "Pages are copied and then cannot move: because somebody takes a reference on every n-th of them in the \
         middle of the call, because they are a file's (private and shared mappings of one), or because a 2 MiB page \
         cannot be split. And pages are made for holes that cannot be filled, because user space provides this \
         memory's pages (userfaultfd). Expect `wasted_copy` and `wasted_fill`, in bytes and in time thrown away."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let page_bytes = worker.device().page_bytes();
            let mut area = Area::new(PAGES, page_bytes, Backing::BasePages)?;
            while worker.goes_on() {
                by_reference(worker, &mut area)?;
                of_files(worker)?;
                of_large_pages(worker)?;
                of_holes(worker, &mut area)?;
            }
            Ok(())
        })
    }
}

/// Somebody takes a reference in the middle.
fn by_reference(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    let one_in = 2 + worker.rng.below(8) as u32;
    let struck = area.pages() as u64 / u64::from(one_in);
    area.write(0, area.pages());
    for direction in [ToDevice, ToSystem] {
        let request = Migrate {
            reference: every(one_in),
            ..whole(area, 0)
        };
        let what = "what is referenced in the middle is copied in vain";
        worker.expect(direction, &request, what, |truth| {
            truth.referenced == struck
                && truth.ledger.wasted_copy == struck
                && truth.ledger.moved == request.pages - struck
        })?;
        worker.migrate(direction, &whole(area, 0))?;
    }
    area.check_all()
}

/// Pages of the page cache are collected, and cannot move to a device. What a private mapping wrote
/// is its own.
fn of_files(worker: &mut Worker<'_>) -> Result<()> {
    let page_bytes = worker.device().page_bytes();
    let file = memory_file(PAGES * page_bytes)?;
    let mut shared = Area::of_file(PAGES, page_bytes, Source::SharedFile(&file))?;
    shared.write(0, PAGES / 2);
    cached(worker, &shared, PAGES as u64 / 2)?;
    shared.check_all()?;
    let file = memory_file(PAGES * page_bytes)?;
    let mut private = Area::of_file(PAGES, page_bytes, Source::PrivateFile(&file))?;
    private.read(0, PAGES / 2);
    cached(worker, &private, PAGES as u64 / 2)?;
    private.write(0, PAGES / 4);
    let own = PAGES as u64 / 4;
    worker.expect(
        ToDevice,
        &whole(&private, 0),
        "pages of its own move",
        |truth| truth.ledger.moved == own,
    )?;
    private.check_all()
}

/// `present` pages of the page cache are mapped; the rest of the range is not, and no file's hole
/// is collected.
fn cached(worker: &mut Worker<'_>, area: &Area, present: u64) -> Result<()> {
    let what = "pages of a file are copied in vain";
    worker.expect(ToDevice, &whole(area, flags::POPULATE), what, |truth| {
        truth.ledger.wasted_copy == present && truth.ledger.moved == 0
    })?;
    Ok(())
}

/// A reference on a large page keeps the kernel from splitting it.
fn of_large_pages(worker: &mut Worker<'_>) -> Result<()> {
    let (pages, page_bytes) = (
        worker.device().compound_pages(),
        worker.device().page_bytes(),
    );
    if pages == 1 {
        return Ok(());
    }
    let backing = Backing::LargePages {
        bytes: pages * page_bytes,
    };
    let mut area = Area::new(pages, page_bytes, backing)?;
    area.write(0, pages);
    let request = Migrate {
        reference: every(1),
        ..whole(&area, flags::COMPOUND | flags::SPLIT)
    };
    let what = "a large page that cannot be split is copied in vain";
    worker.expect(ToDevice, &request, what, |truth| {
        truth.ledger.wasted_copy == truth.referenced && truth.ledger.wasted_copy == request.pages
    })?;
    area.check_all()
}

/// User space has said that it provides what is missing.
fn of_holes(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    let pages = area.pages();
    area.forget(0, pages)?;
    let missing = Missing::register(area.address(0), area.bytes(pages))?;
    let request = whole(area, flags::POPULATE);
    for direction in [ToDevice, ToSystem] {
        let what = "no hole of such memory can be filled";
        worker.expect(direction, &request, what, |truth| {
            truth.ledger.wasted_fill == request.pages
        })?;
    }
    drop(missing);
    area.check_all()?;
    area.forget(0, pages)
}
