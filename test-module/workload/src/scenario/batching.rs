//! `batching`: what a call costs, and what a page.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    memory,
    request::request,
    uapi::{Configuration, Migrate, Steps, UNKNOWN, flags},
    worker::{Process, Worker, as_expected},
};

/// Sizes of calls whose cost is compared.
const SMALL: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// And those of long ranges.
const LONG: [usize; 3] = [4096, 65_536, 262_144];
/// Round trips of each size in a sweep, at most: more for small ones.
const MOST_CALLS: usize = 16;
/// Pages that a size moves in a sweep, about.
const PAGES_PER_SIZE: usize = 1024;
/// Pages with something in them, at most; the others are holes at first.
const WRITTEN: usize = 4096;

/// What a call costs, and what a page.
pub(super) struct Batching;

impl Scenario for Batching {
    fn name(&self) -> &'static str {
        "batching"
    }

    fn about(&self) -> &'static str {
        "Calls of 1, 2, 4 ... 512 pages, then of 4,096, 65,536 and 262,144 (a gigabyte), in both directions, over and over. The copy \
         engine takes a millisecond for each call, and then 2,000 MB/s, so that a page costs the less the more \
         come along. Expect cost per page to fall from over a millisecond to a small part of it, and a finding that \
         small calls waste time, until those of a gigabyte come, beside which it hardly matters. Most pages of the largest ranges are made on the device, as far as it has memory; the others are declined."
    }

    fn configuration(&self, _device: usize) -> Configuration {
        Configuration {
            engine_setup_ns: 1_000_000,
            engine_bandwidth: 2000,
            ..Configuration::default()
        }
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut small = Sweep::new(worker.device(), &SMALL)?;
            // The first time every size comes soon; later there are as many pages of the small ones
            // as of others.
            let mut most_calls = 1;
            while worker.goes_on() {
                small.run(worker, most_calls)?;
                if worker.goes_on() {
                    // So much memory is not kept longer than needed.
                    Sweep::new(worker.device(), &LONG)?.run(worker, most_calls)?;
                }
                most_calls = MOST_CALLS;
            }
            Ok(())
        })
    }
}

/// Calls of several sizes.
struct Sweep {
    area: Area,
    /// Pages of it that are no holes.
    written: usize,
    /// Pages that there is memory for.
    affordable: usize,
    sizes: &'static [usize],
}

impl Sweep {
    fn new(device: &Device, sizes: &'static [usize]) -> Result<Self> {
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let mut area = Area::new(largest, device.page_bytes(), Backing::BasePages)?;
        // What is on the device costs as much again, and others need some, too.
        let affordable = memory::available_bytes()? as usize / device.page_bytes() / 4;
        let affordable = affordable.min(device.info().device_pages as usize);
        // To write more takes longer than to migrate it: the rest is made on the device.
        let written = largest.min(WRITTEN).min(affordable);
        area.write(0, written);
        Ok(Self {
            area,
            written,
            affordable,
            sizes,
        })
    }

    fn run(&mut self, worker: &mut Worker<'_>, most_calls: usize) -> Result<()> {
        let mut costs = Vec::new();
        for size in self.sizes {
            let calls = (PAGES_PER_SIZE / size).clamp(1, most_calls);
            let mut spent_ns = 0;
            for _ in 0..calls {
                spent_ns += self.round_trip(worker, *size)?;
            }
            costs.push(spent_ns / (calls * size) as u64);
        }
        self.area.check(0, self.written)?;
        if worker.goes_on() && worker.is_alone() {
            batching_pays(&costs)?;
        }
        Ok(())
    }

    /// Two calls, and what they took.
    fn round_trip(&self, worker: &mut Worker<'_>, size: usize) -> Result<u64> {
        let pages = size.min(self.affordable) as u64;
        let out = Migrate {
            allocations: pages,
            ..request(&self.area, 0, size, flags::POPULATE)
        };
        let Some(there) = worker.migrate(Direction::ToDevice, &out)? else {
            return Ok(0);
        };
        let arrived = there.ledger.moved + there.ledger.populated;
        as_expected(
            &there,
            "as many pages as there is memory for go to the device",
            arrived == pages && there.ledger.declined == out.pages - pages,
        )?;
        let Some(back) = worker.migrate(Direction::ToSystem, &request(&self.area, 0, size, 0))?
        else {
            return Ok(0);
        };
        as_expected(&back, "and come home", back.ledger.moved == pages)?;
        Ok(time_ns(&there.steps) + time_ns(&back.steps))
    }
}

fn time_ns(steps: &Steps) -> u64 {
    let steps = [
        steps.setup_ns,
        steps.alloc_and_copy_ns,
        steps.pages_ns,
        steps.finalize_and_map_ns,
        steps.finalize_ns,
    ];
    steps.into_iter().filter(|step| *step != UNKNOWN).sum()
}

/// The last size's pages cost less than half of what the first size's do.
fn batching_pays(costs: &[u64]) -> Result<()> {
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else {
        return Ok(());
    };
    // The long ranges begin where little is left to gain.
    ensure!(
        costs.len() <= LONG.len() || last * 2 < *first,
        "batching does not pay: nanoseconds per page and round trip, by size: {costs:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_did_not_happen_take_no_time() {
        let steps = Steps {
            setup_ns: 3,
            finalize_ns: 4,
            ..Steps::NONE
        };
        assert_eq!(time_ns(&steps), 7);
    }

    #[test]
    fn a_sweep_in_which_batching_does_not_pay_is_an_error() {
        batching_pays(&[1000, 600, 450, 400]).unwrap();
        assert!(batching_pays(&[1000, 900, 850, 800]).is_err());
    }
}
