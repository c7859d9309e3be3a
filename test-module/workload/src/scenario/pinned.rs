//! `pinned`: pages that somebody holds.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction::{self, ToDevice, ToSystem},
    request::{every, whole},
    worker::{Process, Worker},
};

/// Pages that are held in a range, one in this many.
const ONE_IN: usize = 8;

/// Pages that somebody holds.
pub(super) struct Pinned;

impl Scenario for Pinned {
    fn name(&self) -> &'static str {
        "pinned"
    }

    fn about(&self) -> &'static str {
        "Some pages of every range are pinned for long, as RDMA or io_uring would, or locked, as somebody would who is \
         using them: the kernel skips them, first on the way to the device and then on the way back. Between one \
         in two and one in nine pages is held; a second call without it fetches the rest. Expect `skipped` in every \
         other call, by exactly as much as is held."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, hold)
    }
}

fn hold(worker: &mut Worker<'_>) -> Result<()> {
    while worker.goes_on() {
        let pages = 16 << worker.rng.below(5);
        let one_in = 2 + worker.rng.below(ONE_IN) as u32;
        let mut area = Area::new(pages, worker.device().page_bytes(), Backing::BasePages)?;
        area.write(0, pages);
        for by in [Hold::Pin, Hold::Lock] {
            for direction in [ToDevice, ToSystem] {
                held(worker, &area, direction, by, one_in)?;
            }
        }
        area.check_all()?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Hold {
    Pin,
    Lock,
}

/// What is held stays, until it is no longer.
fn held(
    worker: &mut Worker<'_>,
    area: &Area,
    direction: Direction,
    by: Hold,
    one_in: u32,
) -> Result<()> {
    let mut request = whole(area, 0);
    let what = match by {
        Hold::Pin => {
            request.pin = every(one_in);
            "pinned pages are skipped"
        }
        Hold::Lock => {
            request.lock = every(one_in);
            "locked pages are skipped"
        }
    };
    let held = area.pages() as u64 / u64::from(one_in);
    worker.expect(direction, &request, what, |truth| {
        let counted = match by {
            Hold::Pin => (truth.pinned, truth.locked),
            Hold::Lock => (truth.locked, truth.pinned),
        };
        counted == (held, 0)
            && truth.ledger.skipped == held
            && truth.ledger.moved == request.pages - held
    })?;
    the_rest(worker, area, direction, held)
}

/// What was held can go now; what has gone is skipped.
fn the_rest(worker: &mut Worker<'_>, area: &Area, direction: Direction, held: u64) -> Result<()> {
    let request = whole(area, 0);
    let what = "what is no longer held moves";
    worker.expect(direction, &request, what, |truth| {
        truth.ledger.moved == held && truth.ledger.skipped == request.pages - held
    })?;
    Ok(())
}
