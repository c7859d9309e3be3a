//! `sequences`: every way in which the three calls can follow each other.

use std::io;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::{
    area::{Access, Area, Backing},
    device::Direction::{ToDevice, ToSystem},
    request::{request, whole},
    uapi::{
        Configuration, Evict, Migrate, Total, Totals, Truth, cause, direction, evict, flags,
        outcome,
    },
    worker::{Process, Worker, as_expected},
};

const PAGES: usize = 128;
/// Pages of device memory.
const CAPACITY: usize = 2 * PAGES;
/// Pages that a CPU fault brings home.
const FAULT_PAGES: usize = 8;

/// Every way in which the three calls can follow each other.
pub(super) struct Sequences;

impl Scenario for Sequences {
    fn name(&self) -> &'static str {
        "sequences"
    }

    fn about(&self) -> &'static str {
        "Every way in which setup, pages and finalize can follow each other, one after the other: completed in both \
         directions and within the device, rolled back, abandoned after setup found nothing, rejected by setup \
         (memory that the kernel does not migrate, a range that leaves its mapping), evictions by page numbers and \
         by range, an eviction nested in another migration, and CPU faults that bring eight pages home at once. \
         Expect every outcome, and faults, evictions and calls there is."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            capacity: CAPACITY as u64,
            fault_pages: FAULT_PAGES as u64,
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            area.write(0, PAGES);
            while worker.goes_on() {
                calls(worker, &area)?;
                faults(worker, &area)?;
                rejected(worker, &mut area)?;
                refused(worker, &area)?;
                evictions(worker, &area)?;
                nested(worker)?;
            }
            area.check_all()
        })
    }
}

/// Without a fault or an eviction.
fn calls(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let all = whole(area, 0);
    let moved = |truth: &Truth| {
        truth.outcome == outcome::COMPLETED && truth.ledger.moved == truth.ledger.requested
    };
    // Memory of the device may be short when there are others.
    let alone = worker.is_alone();
    worker.expect(ToDevice, &all, "all pages move", |truth| {
        !alone || moved(truth)
    })?;
    let again = whole(area, flags::ABANDON);
    let what = "with nothing to do the call is abandoned";
    worker.expect(ToDevice, &again, what, |truth| {
        !alone
            || (truth.outcome == outcome::ABANDONED
                && truth.ledger.skipped == truth.ledger.requested)
    })?;
    let within = whole(area, flags::DEVICE_TOO);
    worker.expect(ToDevice, &within, "pages move within the device", |truth| {
        !alone || moved(truth)
    })?;
    let back = whole(area, flags::ROLL_BACK);
    worker.expect(ToSystem, &back, "nothing moves when rolled back", |truth| {
        !alone
            || (truth.outcome == outcome::ROLLED_BACK
                && truth.ledger.rolled_back == truth.ledger.requested)
    })?;
    Ok(())
}

/// What is on the device comes home by blocks of pages.
fn faults(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let device = worker.device();
    let faults = || -> Result<Total> {
        let totals = device.file_totals()?;
        Ok(totals.by_kind[Totals::index(direction::TO_SYSTEM, cause::CPU_FAULT)])
    };
    let before = faults()?;
    area.check_all()?;
    let after = faults()?;
    let page = area.address(0) / device.page_bytes();
    let blocks = (page + PAGES - 1) / FAULT_PAGES - page / FAULT_PAGES + 1;
    let migrations = after.migrations - before.migrations;
    let moved = after.ledger.moved - before.ledger.moved;
    ensure!(
        !worker.goes_on()
            || !worker.is_alone()
            || (migrations == blocks as u64 && moved == PAGES as u64),
        "{migrations} faults brought {moved} pages home instead of {blocks} faults and {PAGES} pages"
    );
    Ok(())
}

/// What setup does not take.
fn rejected(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    let invalid = |truth: &Truth| {
        truth.outcome == outcome::REJECTED
            && truth.errno == libc::EINVAL as u32
            && truth.ledger.rejected == truth.ledger.requested
    };
    if let Some(address) = kernel_code() {
        let special = Migrate {
            address,
            pages: 1,
            ..Migrate::default()
        };
        worker.expect(ToDevice, &special, "the kernel's code stays", invalid)?;
    }
    // A mapping ends where what the CPU may do changes.
    area.protect(PAGES / 2, PAGES / 2, Access::Read)?;
    let across = request(area, PAGES / 2 - 1, 2, 0);
    worker.expect(ToDevice, &across, "a range stays in its mapping", invalid)?;
    area.protect(PAGES / 2, PAGES / 2, Access::ReadWrite)
}

/// What the driver does not even begin.
fn refused(worker: &Worker<'_>, area: &Area) -> Result<()> {
    let all = whole(area, 0);
    let page = area.bytes(1) as u64;
    #[rustfmt::skip]
    let cases = [
        (Migrate { pages: 0, ..all }, libc::EINVAL),
        (Migrate { pages: u64::MAX, ..all }, libc::EINVAL),
        (Migrate { address: all.address + 1, ..all }, libc::EINVAL),
        (Migrate { address: u64::MAX - page + 1, ..all }, libc::EINVAL),
        (Migrate { flags: 1 << 31, ..all }, libc::EINVAL),
        (Migrate { flags: flags::SPLIT, ..all }, libc::EINVAL),
        (Migrate { alloc_and_copy_delay_ns: u64::MAX, ..all }, libc::EINVAL),
        (Migrate { address: 0, pages: 1, ..all }, libc::EFAULT),
    ];
    for (request, expected) in cases {
        let result = worker.device().migrate(ToDevice, &request);
        let error = result
            .err()
            .with_context(|| format!("the driver did not refuse {request:?}"))?;
        let errno = error
            .root_cause()
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        ensure!(
            errno == Some(expected),
            "the driver refused {request:?} with {error:#} instead of {}",
            io::Error::from_raw_os_error(expected)
        );
    }
    Ok(())
}

/// Device memory is cleared by page numbers and by range.
fn evictions(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    for how in [evict::PFNS, evict::RANGE] {
        if worker.migrate(ToDevice, &whole(area, 0))?.is_none() {
            return Ok(());
        }
        let device = worker.device();
        let (pages, used) = (device.info().device_pages, device.used_pages()?);
        let request = Evict {
            pages,
            how,
            ..Evict::default()
        };
        let Some(truth) = worker.evict(device, &request)? else {
            return Ok(());
        };
        let requested = if how == evict::PFNS { used } else { pages };
        as_expected(
            &truth,
            "everything that is on the device goes home",
            !worker.is_alone()
                || (truth.cause == cause::EVICTION
                    && truth.ledger.requested == requested
                    && truth.ledger.moved == used),
        )?;
    }
    Ok(())
}

/// A full device makes room in the middle of a call.
fn nested(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(
        CAPACITY + PAGES,
        worker.device().page_bytes(),
        Backing::BasePages,
    )?;
    area.write(0, area.pages());
    worker.migrate(ToDevice, &request(&area, 0, CAPACITY, 0))?;
    let alone = worker.is_alone();
    let more = request(&area, CAPACITY, PAGES, flags::EVICT);
    worker.expect(ToDevice, &more, "room is made", |truth| {
        !alone || (truth.evictions > 0 && truth.ledger.moved == truth.ledger.requested)
    })?;
    area.check_all()
}

/// Code of the kernel's that is mapped into every process, and no ordinary memory.
pub(super) fn kernel_code() -> Option<u64> {
    // SAFETY: Looks up a number that the kernel gave to the process.
    let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    (vdso != 0).then_some(vdso)
}
