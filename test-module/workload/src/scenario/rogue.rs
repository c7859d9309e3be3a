//! `rogue-claim`, `rogue-vanish`: a driver that breaks rules. Every other call is an ordinary one,
//! of which all is well.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    held::Held,
    request::{play, whole},
    uapi::{
        flags,
        play::{ROGUE_CLAIM, ROGUE_VANISH},
    },
    worker::{Process, Worker},
};

/// More than are looked at by loads alone, and no multiple of a chunk.
const PAGES: usize = 21;

/// A driver that marks as collected what was not.
pub(super) struct Claim;

/// A driver that calls with arrays that are not there.
pub(super) struct Vanish;

impl Scenario for Claim {
    fn name(&self) -> &'static str {
        "rogue-claim"
    }

    fn about(&self) -> &'static str {
        "Of 21 pages one is a hole, and a pipe holds another, which the driver marks as collected. It comes to nothing, and the \
         page stands in two rows."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let (area, held) = area_with_one_held(worker, 1)?;
            while worker.goes_on() {
                claim(worker, &area)?;
            }
            drop(held);
            area.check_all()
        })
    }
}

fn claim(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let others = PAGES as u64 - 2;
    let device = worker.device();
    let out = play(area, 0, PAGES, ROGUE_CLAIM);
    worker.expect_play(device, &out, "one is claimed in vain", |played| {
        let ledger = &played.ledger;
        ledger.moved == others && ledger.declined == 1 && ledger.wasted_fill == 1
    })?;
    worker.expect(
        Direction::ToSystem,
        &whole(area, 0),
        "the others come home",
        |truth| truth.ledger.moved == others && truth.ledger.skipped == 1,
    )?;
    Ok(())
}

impl Scenario for Vanish {
    fn name(&self) -> &'static str {
        "rogue-vanish"
    }

    fn about(&self) -> &'static str {
        "Nothing is on the device, so that the driver has nothing to bring home. It goes on with arrays that have no entries and \
         no address."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            let (area, held) = area_with_one_held(worker, 0)?;
            while worker.goes_on() {
                vanish(worker, &area)?;
            }
            drop(held);
            area.check_all()
        })
    }
}

fn vanish(worker: &mut Worker<'_>, area: &Area) -> Result<()> {
    let home = play(area, 0, PAGES, ROGUE_VANISH);
    worker.expect_play(worker.device(), &home, "nothing is there", |played| {
        played.ledger.skipped == PAGES as u64
    })?;
    worker.expect(
        Direction::ToSystem,
        &whole(area, flags::ABANDON),
        "nor is it now",
        |truth| truth.ledger.skipped == PAGES as u64,
    )?;
    Ok(())
}

/// An area that begins with so many holes, and of which a pipe holds a page.
fn area_with_one_held(worker: &Worker<'_>, holes: usize) -> Result<(Area, Held)> {
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(holes, PAGES - holes);
    let held = Held::new(&area, PAGES / 2)?;
    Ok((area, held))
}
