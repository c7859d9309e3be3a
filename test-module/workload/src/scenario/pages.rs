//! `pages`: every kind of page.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Access, Area, Backing},
    device::Direction::{ToDevice, ToSystem},
    pagemap,
    request::whole,
    swap::Swap,
    uapi::{Migrate, Truth, flags},
    worker::{Process, Worker},
};

const PAGES: usize = 32;

/// Every kind of page.
pub(super) struct Pages;

impl Scenario for Pages {
    fn name(&self) -> &'static str {
        "pages"
    }

    fn about(&self) -> &'static str {
        "Every kind of page, one after the other: holes, the page of zeroes that stands for memory only read so far, \
         pages in swap space (on /dev/ram0 if there is none), write-protected and inaccessible ones, and pages that \
         mlock keeps in memory. Files' pages are in `wasted`, those of two processes in `fork`, pinned and locked ones \
         in `pinned`, large ones in `huge`. Expect holes declined or populated, swapped pages skipped, and all \
         others moved."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let swap = Swap::find_or_make()
            .inspect_err(|error| eprintln!("workload: no pages in swap space: {error:#}"))
            .ok();
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            while worker.goes_on() {
                nothing_there(worker, &mut area)?;
                only_read(worker, &mut area)?;
                if swap.is_some() {
                    swapped(worker, &mut area)?;
                }
                protected(worker, &mut area)?;
                kept(worker, &mut area)?;
            }
            Ok(())
        })
    }
}

/// A call for all of it, which must leave all pages on one row of the ledger.
fn all(
    worker: &mut Worker<'_>,
    request: &Migrate,
    what: &str,
    row: impl Fn(&Truth) -> u64,
) -> Result<bool> {
    worker.expect(ToDevice, request, what, |truth| row(truth) == PAGES as u64)
}

fn nothing_there(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    area.forget(0, PAGES)?;
    all(worker, &whole(area, 0), "holes are declined", |truth| {
        truth.ledger.declined
    })?;
    let request = whole(area, flags::POPULATE);
    worker.expect(ToSystem, &request, "holes get pages", |truth| {
        truth.ledger.populated == PAGES as u64
    })?;
    area.check_all()?;
    area.forget(0, PAGES)?;
    let what = "holes get pages on the device";
    all(worker, &request, what, |truth| truth.ledger.populated)?;
    area.check_all()
}

fn only_read(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    area.forget(0, PAGES)?;
    // Every word, so that a page that is read and is not mapped shows as what it is.
    area.check_all()?;
    let what = "the page of zeroes is none of the device's";
    worker.expect(ToSystem, &whole(area, 0), what, |truth| {
        truth.ledger.skipped == PAGES as u64
    })?;
    let what = "the page of zeroes counts as a hole";
    all(worker, &whole(area, 0), what, |truth| truth.ledger.declined)?;
    let request = whole(area, flags::POPULATE);
    all(worker, &request, what, |truth| truth.ledger.populated)?;
    area.check_all()
}

fn swapped(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    area.write(0, PAGES);
    area.swap_out(0, PAGES)?;
    let pages = pagemap::look(area.address(0), PAGES, worker.device().page_bytes())?;
    ensure!(
        pages.elsewhere > 0,
        "the kernel swapped nothing out: {pages:?}"
    );
    let what = "pages in swap space are skipped";
    worker.expect(ToDevice, &whole(area, 0), what, |truth| {
        truth.ledger.skipped == pages.elsewhere && truth.ledger.moved == pages.present
    })?;
    area.check_all()?;
    let what = "pages that came out of swap space move";
    all(worker, &whole(area, 0), what, |truth| truth.ledger.moved)?;
    area.check_all()
}

fn protected(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    for access in [Access::Read, Access::None] {
        area.write(0, PAGES);
        area.protect(0, PAGES, access)?;
        let what = "protected pages move";
        all(worker, &whole(area, 0), what, |truth| truth.ledger.moved)?;
        if access == Access::Read {
            area.check(0, PAGES / 2)?;
        }
        area.protect(0, PAGES, Access::ReadWrite)?;
        area.check_all()?;
    }
    area.write(0, PAGES);
    Ok(())
}

fn kept(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    area.lock(0, PAGES)?;
    let what = "pages that mlock keeps in memory move";
    all(worker, &whole(area, 0), what, |truth| truth.ledger.moved)?;
    area.check_all()?;
    area.unlock(0, PAGES)?;
    all(worker, &whole(area, 0), "pages move", |truth| {
        truth.ledger.moved
    })?;
    // To keep them there, the kernel fetches them first.
    area.lock(0, PAGES)?;
    let what = "nothing is left on the device to call home";
    worker.expect(ToSystem, &whole(area, 0), what, |truth| {
        truth.ledger.skipped == PAGES as u64
    })?;
    area.unlock(0, PAGES)?;
    area.check_all()
}
