//! `waiting`: calls that wait for somebody else.

use std::io;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    request::request,
    uapi::{Configuration, Truth, configuration},
    worker::{Process, Worker, as_expected},
};

/// Pages of a call.
const PAGES: usize = 16;

/// Pages of a call that waits for the copy engine, so that it can be told from the others.
const COPIED: usize = 32;

/// What the copy engine does, MB/s: those pages in 6.6 ms.
const BANDWIDTH: u64 = 20;

/// How long a call waits: more than all else that it does, even in an emulated machine.
const WAIT_NS: u64 = 5_000_000;

/// What calls wait for.
const OBSTACLES: [u64; 6] = [
    configuration::FENCE_IN_COPY,
    configuration::FENCE_IN_MAP,
    configuration::MUTEX_IN_COPY,
    configuration::MUTEX_IN_MAP,
    configuration::FENCED_ENGINE,
    configuration::FENCED_ENGINE | configuration::WAIT_AFTER_PAGES,
];

/// Calls that wait for somebody else.
pub(super) struct Waiting;

impl Scenario for Waiting {
    fn name(&self) -> &'static str {
        "waiting"
    }

    fn about(&self) -> &'static str {
        "Calls of 16 pages that each wait five milliseconds for somebody else, in turn: for a fence after the copies, as drivers do whose \
         device copies; for a fence after pages; for a mutex that another thread has, after the copies and after pages. Then calls of 32 pages \
         that the copy engine takes 6.6 milliseconds for (20 MB/s), for which they wait by its fence, before pages and after. Where the kernel \
         has no fences (CONFIG_DMA_SHARED_BUFFER) only for the mutex. Expect the step in which a call waits to be nearly all of its time, and \
         the engine's speed within the bounds that a report has for copies."
    }

    /// Its configuration changes from call to call.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, wait_in_turn)
    }
}

fn wait_in_turn(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(COPIED, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(0, COPIED);
    for obstacle in OBSTACLES.into_iter().cycle() {
        if !worker.goes_on() {
            break;
        }
        if !configure(worker.device(), obstacle)? {
            continue;
        }
        let pages = if is_engine(obstacle) { COPIED } else { PAGES };
        for direction in [Direction::ToDevice, Direction::ToSystem] {
            if let Some(truth) = worker.migrate(direction, &request(&area, 0, pages, 0))? {
                as_expected(&truth, "it waits there", has_waited(&truth, obstacle))?;
            }
        }
    }
    area.check_all()
}

/// Does a call wait for the copy engine?
fn is_engine(obstacle: u64) -> bool {
    obstacle & configuration::FENCED_ENGINE != 0
}

fn has_waited(truth: &Truth, obstacle: u64) -> bool {
    if is_engine(obstacle) {
        return is_as_slow_as_the_engine(truth);
    }
    let (waited, step) = match obstacle {
        configuration::FENCE_IN_COPY => (truth.fence_ns, truth.steps.alloc_and_copy_ns),
        configuration::FENCE_IN_MAP => (truth.fence_ns, truth.steps.finalize_and_map_ns),
        configuration::MUTEX_IN_COPY => (truth.mutex_ns, truth.steps.alloc_and_copy_ns),
        _ => (truth.mutex_ns, truth.steps.finalize_and_map_ns),
    };
    // The mutex may have been given back before this thread came to wait, and the fence signalled.
    waited <= step && step >= WAIT_NS
}

/// The engine begins when setup is over, and is waited for before finalize is called.
fn is_as_slow_as_the_engine(truth: &Truth) -> bool {
    let steps = &truth.steps;
    let between = steps.alloc_and_copy_ns + steps.pages_ns + steps.finalize_and_map_ns;
    truth.engine_ns <= truth.fence_ns && truth.fence_ns <= between && between >= WAIT_NS
}

/// Has calls wait for this from now on. False: the kernel has no such thing.
fn configure(device: &Device, obstacle: u64) -> Result<bool> {
    let result = device.configure(&Configuration {
        flags: obstacle,
        fence_ns: WAIT_NS,
        mutex_ns: WAIT_NS,
        // Without an engine, copies take the time of the CPU.
        engine_bandwidth: if is_engine(obstacle) { BANDWIDTH } else { 0 },
        ..Configuration::default()
    });
    match result {
        Err(error) if is_unknown(&error) => Ok(false),
        result => result.map(|()| true),
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.and_then(io::Error::raw_os_error) == Some(libc::ENODEV)
}
