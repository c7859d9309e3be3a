//! `hang`: calls that stand still until they are told to go on.

use std::time::Duration;

use anyhow::Result;

use super::Scenario;
use crate::{
    area::{Area, Backing},
    device::{Device, Direction},
    process,
    request::whole,
    uapi::{Configuration, configuration},
    worker::{Process, Worker, as_expected},
};

/// Pages of a call.
const PAGES: usize = 16;

/// How long a call stands still.
const HANG: Duration = Duration::from_secs(3);

/// Calls that stand still until they are told to go on.
pub(super) struct Hang;

impl Scenario for Hang {
    fn name(&self) -> &'static str {
        "hang"
    }

    fn about(&self) -> &'static str {
        "A call to the device with 16 pages stops in setup, because a mirror does not let go, and is told to go on after three \
         seconds; the next one stops after its copies, the third after pages; then all again. So drivers hang that wait for a \
         fence which nobody signals, or for a lock whose holder waits for them. Expect `migscope stuck` to tell where each one \
         is while it hangs."
    }

    /// Nothing happens most of the time.
    fn is_of_each(&self) -> bool {
        false
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(1, hang_and_go_on)
    }
}

fn hang_and_go_on(worker: &mut Worker<'_>) -> Result<()> {
    let mut area = Area::new(PAGES, worker.device().page_bytes(), Backing::BasePages)?;
    let places = [
        configuration::HANG_IN_SETUP,
        configuration::HANG_IN_COPY,
        configuration::HANG_IN_MAP,
    ];
    for place in places.into_iter().cycle() {
        if !worker.goes_on() {
            break;
        }
        hang(worker, &mut area, place)?;
    }
    area.check_all()
}

/// One call, which another process lets go on. (A thread would need the lock of the address space,
/// which the call holds, to begin.)
fn hang(worker: &mut Worker<'_>, area: &mut Area, place: u64) -> Result<()> {
    let device = worker.device();
    configure(device, place)?;
    let control = worker.process.control();
    let other = process::fork(|| {
        control.sleep(HANG);
        configure(&Device::open(device.number() as u32)?, 0)
    })?;
    // Pages of its own: those from before are the other's, too.
    area.forget(0, PAGES)?;
    area.write(0, PAGES);
    let truth = worker.migrate(Direction::ToDevice, &whole(area, 0))?;
    other.wait()?;
    if let Some(truth) = truth {
        let steps = &truth.steps;
        let all = [
            steps.setup_ns,
            steps.alloc_and_copy_ns,
            steps.pages_ns,
            steps.finalize_and_map_ns,
            steps.finalize_ns,
        ];
        let longest = match place {
            configuration::HANG_IN_SETUP => steps.setup_ns,
            configuration::HANG_IN_COPY => steps.alloc_and_copy_ns,
            _ => steps.finalize_and_map_ns,
        };
        let is_longest = all.iter().all(|step| *step <= longest);
        as_expected(&truth, "it hung where it was told to", is_longest)?;
    }
    Ok(())
}

/// Has calls hang there, from now on; 0: nowhere.
fn configure(device: &Device, place: u64) -> Result<()> {
    device.configure(&Configuration {
        flags: place,
        // There is a mirror.
        invalidate_ns: 1,
        ..Configuration::default()
    })
}
