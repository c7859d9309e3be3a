//! `declined`: collected, and not wanted.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction::{ToDevice, ToSystem},
    request::{every, whole},
    uapi::{Migrate, Strike},
    worker::{Process, Worker},
};

const PAGES: usize = 128;
const MILLION: u32 = 1_000_000;

/// Collected, and not wanted.
pub(super) struct Declined;

impl Scenario for Declined {
    fn name(&self) -> &'static str {
        "declined"
    }

    fn about(&self) -> &'static str {
        "The kernel collects pages and the driver gives them no destination: because it does not want them (every \
         n-th page, in both directions), because allocating one fails now and then, because memory is out in the \
         middle of the call, or because they are holes. The work of collecting, unmapping and mapping them again is \
         lost. Expect `declined` in every other call, no page wasted."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
            while worker.goes_on() {
                round(worker, &mut area)?;
                area.check_all()?;
                area.forget(0, PAGES)?;
            }
            Ok(())
        })
    }
}

fn round(worker: &mut Worker<'_>, area: &mut Area) -> Result<()> {
    let pages = PAGES as u64;
    let all = whole(area, 0);
    worker.expect(ToDevice, &all, "holes are declined", |truth| {
        truth.ledger.declined == pages
    })?;
    area.write(0, PAGES);
    let one_in = 2 + worker.rng.below(8) as u32;
    let unwanted = pages / u64::from(one_in);
    for direction in [ToDevice, ToSystem] {
        let some = Migrate {
            decline: every(one_in),
            ..all
        };
        worker.expect(direction, &some, "every n-th is declined", |truth| {
            truth.ledger.declined == unwanted && truth.ledger.moved == pages - unwanted
        })?;
        worker.expect(direction, &all, "the rest moves", |truth| {
            truth.ledger.moved == unwanted
        })?;
    }
    short_of_memory(worker, &all)
}

/// Allocations that fail, here and there and from somewhere on.
fn short_of_memory(worker: &mut Worker<'_>, all: &Migrate) -> Result<()> {
    let room = 1 + worker.rng.below(PAGES - 1) as u64;
    for direction in [ToDevice, ToSystem] {
        let little = Migrate {
            allocations: room,
            ..*all
        };
        let what = "memory is out in the middle";
        worker.expect(direction, &little, what, |truth| {
            truth.failed == truth.ledger.declined
                && truth.ledger.moved == room
                && truth.ledger.declined == all.pages - room
        })?;
        let unlucky = Migrate {
            seed: worker.rng.word(),
            fail: Strike {
                every: 0,
                per_million: MILLION / 4,
            },
            ..*all
        };
        let what = "what cannot be allocated is declined";
        worker.expect(direction, &unlucky, what, |truth| {
            truth.failed == truth.ledger.declined
                && truth.ledger.moved + truth.ledger.declined == all.pages - room
        })?;
        worker.migrate(direction, all)?;
    }
    Ok(())
}
