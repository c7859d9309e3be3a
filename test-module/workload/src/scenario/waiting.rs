//! `waiting`: calls that wait for somebody else.

use std::io;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    request::whole,
    uapi::{Configuration, Truth, configuration},
    worker::{Process, Worker, as_expected},
};

/// Pages of a call.
const PAGES: usize = 16;

/// How long a call waits: more than all else that it does, even in an emulated machine.
const WAIT_NS: u64 = 5_000_000;

/// What calls wait for.
const OBSTACLES: [u64; 4] = [
    configuration::FENCE_IN_COPY,
    configuration::FENCE_IN_MAP,
    configuration::MUTEX_IN_COPY,
    configuration::MUTEX_IN_MAP,
];

/// Calls that wait for somebody else.
pub(super) struct Waiting;

impl Scenario for Waiting {
    fn name(&self) -> &'static str {
        "waiting"
    }

    fn about(&self) -> &'static str {
        "Calls of 16 pages that each wait five milliseconds for somebody else, in turn: for a fence after the copies, as drivers do whose \
         device copies; for a fence after pages; for a mutex that another thread has, after the copies and after pages. Where the kernel \
         has no fences (CONFIG_DMA_SHARED_BUFFER) only for the mutex. Expect the step in which a call waits to be nearly all of its time."
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
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    area.write(0, PAGES);
    for obstacle in OBSTACLES.into_iter().cycle() {
        if !worker.goes_on() {
            break;
        }
        if !configure(worker.device(), obstacle)? {
            continue;
        }
        for direction in [Direction::ToDevice, Direction::ToSystem] {
            if let Some(truth) = worker.migrate(direction, &whole(&area, 0))? {
                as_expected(&truth, "it waits there", has_waited(&truth, obstacle))?;
            }
        }
    }
    area.check_all()
}

fn has_waited(truth: &Truth, obstacle: u64) -> bool {
    let (waited, step) = match obstacle {
        configuration::FENCE_IN_COPY => (truth.fence_ns, truth.steps.alloc_and_copy_ns),
        configuration::FENCE_IN_MAP => (truth.fence_ns, truth.steps.finalize_and_map_ns),
        configuration::MUTEX_IN_COPY => (truth.mutex_ns, truth.steps.alloc_and_copy_ns),
        _ => (truth.mutex_ns, truth.steps.finalize_and_map_ns),
    };
    // The mutex may have been given back before this thread came to wait, and the fence signalled.
    waited <= step && step >= WAIT_NS
}

/// Has calls wait for this from now on. False: the kernel has no such thing.
fn configure(device: &Device, obstacle: u64) -> Result<bool> {
    let result = device.configure(&Configuration {
        flags: obstacle,
        fence_ns: WAIT_NS,
        mutex_ns: WAIT_NS,
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
