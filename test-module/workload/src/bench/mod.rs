//! `workload bench`: what a migration costs the thread that makes it, and what it costs a thread to
//! touch a page that is not there.
//!
//! What is measured is the call of the driver, or the touch, from outside, by the time that this
//! thread was on a processor: other programs, such as a tracer that empties its ring, do not count
//! even where there is only one processor. The median is told, so that what happens in some calls
//! only does not count either.

mod touch;

use std::io;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{
    area::{Area, Backing},
    cli::BenchOptions,
    device::{Device, Direction},
    request,
};

/// Round trips of each size before time is taken, and rounds of touches: memory, lists of free
/// pages and translations of code are warm then.
const WARM_UP: usize = 10;
/// Pages that the timed round trips of a size move, about, within these numbers of round trips. Of
/// touches as many are timed as of the smallest size.
const PAGES_PER_SIZE: usize = 65_536;
const FEWEST: usize = 25;
const MOST: usize = 1000;

/// What calls of one size cost one way, or touches of one page.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    /// `to_device`, `to_system`: a call of the driver; `fault`: a touch of a page on the device;
    /// `swap_in`: of one in swap space; `push`, `pop`: a phase of no pages.
    what: &'static str,
    pages: usize,
    calls: usize,
    median_ns: u64,
    least_ns: u64,
}

/// Moves memory to the device and back, call by call, then touches pages one by one, and prints
/// what it takes: one JSON object per size and direction, and one per kind of touch.
pub fn run(options: &BenchOptions) -> Result<()> {
    let device = Device::open(0)?;
    for pages in options.pages.iter().map(|pages| *pages as usize) {
        let calls = options.calls.map_or_else(
            || (PAGES_PER_SIZE / pages).clamp(FEWEST, MOST),
            |calls| calls as usize,
        );
        for cost in costs(&device, pages, calls)? {
            tell(&cost)?;
        }
    }
    let touches = options.calls.map_or(MOST, |calls| calls as usize);
    let faults = touch::on_device(&device, touches)?;
    tell(&cost("fault", 1, faults))?;
    let swap_ins = touch::in_swap(device.page_bytes(), touches)?;
    tell(&cost("swap_in", 1, swap_ins))
}

/// Prints it.
pub(crate) fn tell(cost: &Cost) -> Result<()> {
    let line = serde_json::to_string(cost).context("the costs as JSON")?;
    println!("{line}");
    Ok(())
}

fn costs(device: &Device, pages: usize, calls: usize) -> Result<[Cost; 2]> {
    let mut area = Area::new(pages, device.page_bytes(), Backing::BasePages)?;
    area.write(0, pages);
    let ways = [Direction::ToDevice, Direction::ToSystem];
    let mut taken = ways.map(|_| Vec::with_capacity(calls));
    for trip in 0..WARM_UP + calls {
        for (direction, taken) in ways.into_iter().zip(&mut taken) {
            let ns = migrate(device, &area, direction)?;
            if trip >= WARM_UP {
                taken.push(ns);
            }
        }
    }
    area.check_all()?;
    let [out, home] = taken;
    Ok([
        cost("to_device", pages, out),
        cost("to_system", pages, home),
    ])
}

/// What one call takes.
fn migrate(device: &Device, area: &Area, direction: Direction) -> Result<u64> {
    let request = request::whole(area, 0);
    let begun = thread_ns()?;
    let truth = device.migrate(direction, &request)?;
    let taken = thread_ns()? - begun;
    let moved = truth.ledger.moved;
    ensure!(
        moved == area.pages() as u64,
        "{moved} of {} pages moved {direction:?}: what this takes says nothing",
        area.pages()
    );
    Ok(taken)
}

/// The median of what was timed.
pub(crate) fn cost(what: &'static str, pages: usize, mut taken: Vec<u64>) -> Cost {
    taken.sort_unstable();
    Cost {
        what,
        pages,
        calls: taken.len(),
        median_ns: taken.get(taken.len() / 2).copied().unwrap_or(0),
        least_ns: taken.first().copied().unwrap_or(0),
    }
}

/// How long this thread has been on a processor, nanoseconds.
pub(crate) fn thread_ns() -> Result<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes to the structure, which lives as long as the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("read the thread's clock");
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_told_whatever_the_order() {
        let cost = cost("to_device", 8, vec![900, 7, 5, 6, 8]);
        assert_eq!((cost.calls, cost.median_ns, cost.least_ns), (5, 7, 5));
    }

    #[test]
    fn the_clock_of_the_thread_goes_on_while_it_works() {
        let begun = thread_ns().unwrap();
        while thread_ns().unwrap() == begun {}
    }
}
