//! What it costs to touch a page that is not there: it is on the device, or in swap space.

use std::io;

use anyhow::{Context as _, Result, ensure};

use super::{WARM_UP, migrate, thread_ns};
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    pagemap,
    swap::Swap,
    uapi::{Totals, cause, direction},
};

/// Pages that are put away together, and then touched one by one. They lie next to each other, so
/// that a touch which brings neighbours along is noticed.
const AT_ONCE: usize = 64;

/// Touches of pages that are on the device: each has the driver migrate one.
pub(super) fn on_device(device: &Device, touches: usize) -> Result<Vec<u64>> {
    let put = |area: &mut Area| migrate(device, area, Direction::ToDevice).map(drop);
    timed(device.page_bytes(), touches, put, || faults(device))
}

/// Touches of pages that are in swap space: each has the kernel read one.
pub(super) fn in_swap(page_bytes: usize, touches: usize) -> Result<Vec<u64>> {
    // It goes after the pages, or the kernel would have to read them first.
    let _swap = Swap::find_or_make()?;
    timed(page_bytes, touches, swap_out, major_faults)
}

/// Puts pages away and touches each, and times that, until there are enough. `fetched` says how
/// many touches have had a page fetched from there so far.
fn timed(
    page_bytes: usize,
    touches: usize,
    put: impl Fn(&mut Area) -> Result<()>,
    fetched: impl Fn() -> Result<u64>,
) -> Result<Vec<u64>> {
    let mut area = Area::new(AT_ONCE, page_bytes, Backing::BasePages)?;
    area.write(0, AT_ONCE);
    let mut taken = Vec::with_capacity(touches + AT_ONCE);
    for round in 0..WARM_UP + touches.div_ceil(AT_ONCE) {
        put(&mut area)?;
        let before = fetched()?;
        for page in 0..AT_ONCE {
            let ns = touch(&area, page)?;
            if round >= WARM_UP {
                taken.push(ns);
            }
        }
        let fetched = fetched()? - before;
        ensure!(
            fetched == AT_ONCE as u64,
            "{fetched} of {AT_ONCE} touches had a page fetched: what they take says nothing"
        );
    }
    area.check_all()?;
    taken.truncate(touches);
    Ok(taken)
}

/// What a touch of a page takes, when those before it are there already.
fn touch(area: &Area, page: usize) -> Result<u64> {
    let begun = thread_ns()?;
    area.read(page, 1);
    let taken = thread_ns()? - begun;
    let there = look(area)?.present;
    ensure!(
        there == page as u64 + 1,
        "{there} pages are there after {} touches: one touch is to bring one page",
        page + 1
    );
    Ok(taken)
}

fn swap_out(area: &mut Area) -> Result<()> {
    area.swap_out(0, AT_ONCE)?;
    let pages = look(area)?;
    ensure!(
        pages.elsewhere == AT_ONCE as u64,
        "the kernel did not swap everything out: {pages:?}"
    );
    Ok(())
}

fn look(area: &Area) -> Result<pagemap::Pages> {
    pagemap::look(area.address(0), area.pages(), area.bytes(1))
}

/// Migrations that the driver made because this program touched pages.
fn faults(device: &Device) -> Result<u64> {
    let kind = Totals::index(direction::TO_SYSTEM, cause::CPU_FAULT);
    Ok(device.file_totals()?.by_kind[kind].migrations)
}

/// Faults of this thread for which the kernel read a page. One that it had read ahead is none.
fn major_faults() -> Result<u64> {
    // SAFETY: It is made of integers, for which zeroes are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: The kernel writes to the structure, which lives as long as the call.
    if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
        return Err(io::Error::last_os_error()).context("count the thread's faults");
    }
    Ok(usage.ru_majflt as u64)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PAGE: usize = 4096;

    /// Nowhere, from where each touch maps the page of zeroes.
    fn forget(area: &mut Area) -> Result<()> {
        area.forget(0, AT_ONCE)
    }

    #[test]
    fn each_touch_is_timed_by_itself() {
        let fetched = Cell::new(0);
        let count = || {
            fetched.set(fetched.get() + AT_ONCE as u64);
            Ok(fetched.get())
        };
        let taken = timed(PAGE, AT_ONCE + 6, forget, count).unwrap();
        assert_eq!(taken.len(), AT_ONCE + 6);
        assert!(taken.iter().all(|ns| *ns > 0));
    }

    #[test]
    fn touches_that_fetch_nothing_are_refused() {
        let error = timed(PAGE, 1, forget, major_faults).unwrap_err();
        assert!(error.to_string().starts_with("0 of 64 touches"), "{error}");
    }

    #[test]
    fn touches_of_what_is_there_already_are_refused() {
        let error = timed(PAGE, 1, |_| Ok(()), major_faults).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("64 pages are there after 1"), "{error}");
    }
}
