//! `phases`: a program that says what it is doing.

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::Direction,
    phases::{Log, NVTX, ROCTX},
    request::{play, whole},
    uapi::{
        Evict, evict,
        play::{AMDGPU_FAULT, UVM_EVICT, UVM_FAULT},
    },
    worker::{Process, Worker},
};

const PAGES: usize = 16;
const THREADS: u16 = 2;

/// A program that says what it is doing.
pub(super) struct Phases;

impl Scenario for Phases {
    fn name(&self) -> &'static str {
        "phases"
    }

    fn about(&self) -> &'static str {
        "A program marks its phases by functions of roctx and nvtx: two threads, nested, with marks, with more ends than beginnings, and one \
         that dies in a phase. Threads of its own migrate, and workers of the kernel's as those of amdgpu and nvidia-uvm. \
         Expect each call of a thread's own in that thread's phase, those of workers in the phase of the one thread that is in any, and in \
         an unknown one where both are."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        let page_bytes = process.device().page_bytes();
        let area = || Area::new(PAGES, page_bytes, Backing::BasePages);
        let mut areas = [area()?, area()?];
        let main = process.worker(THREADS);
        while main.goes_on() {
            for area in &mut areas {
                area.write(0, PAGES);
            }
            process.in_step(THREADS, STEPS.len(), |thread, step| {
                let mut actor = Actor {
                    worker: process.worker(thread as u16),
                    log: process.phases(),
                    area: &areas[thread],
                };
                STEPS[step][thread](&mut actor)
            })?;
            // Who died in a phase is in it no more.
            by_worker(&mut Actor {
                worker: process.worker(THREADS),
                log: process.phases(),
                area: &areas[0],
            })?;
            areas.iter().try_for_each(Area::check_all)?;
        }
        Ok(())
    }
}

/// One thread.
struct Actor<'a> {
    worker: Worker<'a>,
    log: &'a Log,
    area: &'a Area,
}

type Step = fn(&mut Actor<'_>) -> Result<()>;

/// What each of the two does in each step.
const STEPS: [[Step; THREADS as usize]; 15] = [
    [|one| one.log.push(&ROCTX, c"train"), rest],
    [migrate, migrate],
    // One is in a phase.
    [rest, by_worker],
    [evict_all, rest],
    [by_worker, touch],
    [
        |one| one.log.push(&ROCTX, c"forward"),
        |one| one.log.push(&NVTX, c"load"),
    ],
    [migrate, migrate],
    // Both are.
    [by_worker, rest],
    [touch, |one| one.log.mark(&NVTX, c"half way")],
    [|one| one.log.pop(&ROCTX), migrate],
    [migrate, |one| one.log.pop(&NVTX)],
    [|one| one.log.pop(&ROCTX), |one| one.log.pop(&NVTX)],
    // None is.
    [by_worker, migrate],
    [touch, touch],
    [
        |one| {
            one.log.push(&ROCTX, c"left open")?;
            migrate(one)?;
            one.log.end()
        },
        |one| one.log.end(),
    ],
];

fn rest(_: &mut Actor<'_>) -> Result<()> {
    Ok(())
}

/// It moves its memory to the device.
fn migrate(one: &mut Actor<'_>) -> Result<()> {
    let request = whole(one.area, 0);
    one.worker.migrate(Direction::ToDevice, &request).map(drop)
}

/// It needs its memory back.
fn touch(one: &mut Actor<'_>) -> Result<()> {
    one.area.read(0, PAGES);
    Ok(())
}

/// Threads of the kernel's move its memory to the device, and some back.
fn by_worker(one: &mut Actor<'_>) -> Result<()> {
    touch(one)?;
    let device = one.worker.device();
    for mode in [AMDGPU_FAULT, UVM_EVICT, UVM_FAULT] {
        one.worker.play(device, &play(one.area, 0, PAGES, mode))?;
    }
    touch(one)
}

/// It has the device cleared, of whosever memory.
fn evict_all(one: &mut Actor<'_>) -> Result<()> {
    let device = one.worker.device();
    let all = Evict {
        pages: device.info().device_pages,
        how: evict::RANGE,
        ..Evict::default()
    };
    one.worker.evict(device, &all).map(drop)
}
