//! `uvm`: nvidia-uvm.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    request::{every, play},
    uapi::{
        Play,
        play::{UVM_EVICT, UVM_FAULT},
        play_flags,
    },
    worker::{Process, Worker},
};

/// Pages of a block.
const BLOCK: usize = 512;
/// Pages that a fault of the device brings.
const FAULT: u64 = 64;
/// Pages at either end and in the middle that the process touches.
const MOST_TOUCHED: usize = 8;

/// nvidia-uvm.
pub(super) struct Uvm;

impl Scenario for Uvm {
    fn name(&self) -> &'static str {
        "uvm"
    }

    fn about(&self) -> &'static str {
        "nvidia-uvm: faults of the device are served by a kernel thread, UVM GPU0 BH, for a process whose address space it \
         does not take on. When room is needed, each page of a block of up to 512 is set up by itself, in rising, \
         falling or random order, except those that the process has touched meanwhile, itself or with a system call, at the beginning, in the middle and \
         at the end; then pages and finalize are called once for each region of the block. Sometimes it gives up after the \
         setups and begins anew. Expect evictions of as many pages as a region has, those that are missing skipped and free, \
         kernel accesses by threads of the process, and nothing lost."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, |worker| {
            for turn in 0.. {
                if !worker.goes_on() {
                    break;
                }
                block(worker, turn)?;
            }
            Ok(())
        })
    }
}

/// A block on its way to the device and back.
fn block(worker: &mut Worker<'_>, turn: usize) -> Result<()> {
    let device = worker.device();
    let pages = [16, BLOCK, BLOCK / 2][turn % 3];
    let mut area = Area::new(pages, device.page_bytes(), Backing::BasePages)?;
    let holes = worker.rng.below(pages / 4);
    area.write(holes, pages - holes);
    let out = Play {
        batch: FAULT,
        ..play(&area, 0, pages, UVM_FAULT)
    };
    if worker.rng.one_in(2) {
        let retry = Play {
            flags: play_flags::ROLL_BACK,
            ..out
        };
        worker.expect_play(device, &retry, "a retry moves nothing", |played| {
            played.ledger.rolled_back == pages as u64
        })?;
    }
    worker.expect_play(device, &out, "all is on the device", |played| {
        played.ledger.moved + played.ledger.populated == pages as u64
            && played.ledger.populated == holes as u64
    })?;
    let touched = touch(worker, &mut area)?;
    if worker.rng.one_in(4) {
        return come_home(worker, &area, touched);
    }
    evict(worker, &area, touched, turn)
}

/// The process touches some pages: they come home. Says how many.
fn touch(worker: &mut Worker<'_>, area: &mut Area) -> Result<usize> {
    let pages = area.pages();
    let count = 1 + worker.rng.below(MOST_TOUCHED.min(pages / 4));
    let mut touched = 0;
    for first in [0, pages / 2, pages - count] {
        if worker.rng.one_in(2) {
            if worker.rng.one_in(3) {
                area.pass_to_kernel(first, count)?;
            }
            area.check(first, count)?;
            area.write(first, count);
            touched += count;
        }
    }
    Ok(touched)
}

/// The block's pages go home, in one region or two.
fn evict(worker: &mut Worker<'_>, area: &Area, touched: usize, turn: usize) -> Result<()> {
    let device = worker.device();
    let pages = area.pages();
    let order = [0, play_flags::DESCENDING, play_flags::SHUFFLED][turn / 3 % 3];
    let request = Play {
        batch: (pages / (1 + worker.rng.below(2))) as u64,
        flags: order,
        seed: worker.rng.word(),
        ..play(area, 0, pages, UVM_EVICT)
    };
    if worker.rng.one_in(2) {
        let retry = Play {
            flags: order | play_flags::ROLL_BACK,
            ..request
        };
        worker.expect_play(device, &retry, "a retry evicts nothing", |played| {
            played.ledger.rolled_back == (pages - touched) as u64
        })?;
    }
    let mut left = pages - touched;
    if worker.rng.one_in(2) {
        let some = Play {
            skip: every(2 + worker.rng.below(6) as u32),
            ..request
        };
        let Some(played) = worker.play(device, &some)? else {
            return area.check_all();
        };
        left -= played.ledger.moved as usize;
    }
    worker.expect_play(device, &request, "what is there goes home", |played| {
        let ledger = &played.ledger;
        ledger.moved == left as u64 && ledger.skipped == ledger.free
    })?;
    area.check_all()
}

/// The device will reach the pages in system memory.
fn come_home(worker: &mut Worker<'_>, area: &Area, touched: usize) -> Result<()> {
    let request = Play {
        flags: play_flags::TO_SYSTEM,
        ..play(area, 0, area.pages(), UVM_FAULT)
    };
    let away = (area.pages() - touched) as u64;
    worker.expect_play(worker.device(), &request, "all is at home", |played| {
        played.ledger.moved == away && played.ledger.declined == touched as u64
    })?;
    area.check_all()
}
