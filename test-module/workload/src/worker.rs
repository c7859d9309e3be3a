//! What a scenario works with: one thread's choices, its calls, and when to stop.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    device::{Device, Direction},
    rng::Rng,
    truth::TruthFile,
    uapi::{Migrate, Truth},
};

/// Longest sleep before looking whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// What all workers of a run share.
#[derive(Debug)]
pub struct Shared<'a> {
    /// The driver.
    pub device: &'a Device,
    /// Where truths go.
    pub truth: &'a TruthFile,
    stopped: AtomicBool,
    /// Calls that may still be made.
    budget: AtomicU64,
    /// Time between calls, and when the next is due.
    pace: Option<(Duration, Mutex<Instant>)>,
}

impl<'a> Shared<'a> {
    /// `calls`: how many in all; `rate`: how many per second at most.
    pub fn new(
        device: &'a Device,
        truth: &'a TruthFile,
        calls: Option<u64>,
        rate: Option<u64>,
    ) -> Self {
        let pace = rate.map(|rate| {
            (
                Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX),
                Mutex::new(Instant::now()),
            )
        });
        Self {
            device,
            truth,
            stopped: AtomicBool::new(false),
            budget: AtomicU64::new(calls.unwrap_or(u64::MAX)),
            pace,
        }
    }

    /// Makes every worker come to an end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether workers should come to an end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Takes one call out of the budget. False when there is none left.
    fn spend(&self) -> bool {
        let left = |budget: u64| budget.checked_sub(1);
        let spent = self
            .budget
            .try_update(Ordering::Relaxed, Ordering::Relaxed, left)
            .is_ok();
        if !spent {
            self.stop();
        }
        spent
    }

    /// Waits until the next call is due. Time that nobody used is not caught up on.
    fn wait_for_turn(&self) {
        let Some((interval, next)) = &self.pace else {
            return;
        };
        let due = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            let due = (*next).max(Instant::now());
            *next = due + *interval;
            due
        };
        while !self.is_stopped() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }
}

/// One thread of a scenario.
#[derive(Debug)]
pub struct Worker<'a> {
    shared: &'a Shared<'a>,
    /// Its choices.
    pub rng: Rng,
}

impl<'a> Worker<'a> {
    /// The worker with this number.
    pub fn new(shared: &'a Shared<'a>, seed: u64, thread: u16) -> Self {
        Self {
            shared,
            rng: Rng::new(seed, thread),
        }
    }

    /// The driver.
    pub fn device(&self) -> &'a Device {
        self.shared.device
    }

    /// Whether to go on.
    pub fn goes_on(&self) -> bool {
        !self.shared.is_stopped()
    }

    /// Calls the driver when it is time, and writes down what it says. `None`: the run is over, no call was made.
    pub fn migrate(&mut self, direction: Direction, request: &Migrate) -> Result<Option<Truth>> {
        self.shared.wait_for_turn();
        if !self.goes_on() || !self.shared.spend() {
            return Ok(None);
        }
        let truth = self.shared.device.migrate(direction, request)?;
        ensure!(
            truth.unbalanced == 0,
            "the driver's own count does not add up: {truth:?}"
        );
        self.shared.truth.write(&truth)?;
        Ok(Some(truth))
    }
}
