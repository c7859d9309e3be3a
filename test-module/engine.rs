// SPDX-License-Identifier: GPL-2.0

//! The device's copy engine: what copying would take if a machine did it, beside the driver.
//!
//! The bytes are copied by the CPU. The engine is a clock: it says when a machine with a set
//! bandwidth, which needs a set time to begin, and does one job after the other, would be done.

use kernel::{new_spinlock, prelude::*, sync::SpinLock};

use crate::{
    clock::{self, Stamp},
    uapi::MAX_DELAY_NS,
};

/// How fast it is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Speed {
    /// Nanoseconds that every job takes.
    pub(crate) setup: u64,
    /// Bytes in a microsecond; 0 for no limit.
    pub(crate) bandwidth: u64,
}

impl Speed {
    fn time(&self, bytes: usize) -> u64 {
        if bytes == 0 {
            return 0;
        }
        let copying = (bytes as u64 * 1000).checked_div(self.bandwidth);
        self.setup.saturating_add(copying.unwrap_or(0))
    }
}

/// The engine.
#[pin_data]
pub(crate) struct Engine {
    #[pin]
    state: SpinLock<State>,
}

struct State {
    speed: Speed,
    /// When it has done everything it was given.
    done: Stamp,
}

/// What the engine was given to do.
pub(crate) struct Job {
    done: Stamp,
}

impl Engine {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self { state <- new_spinlock!(State { speed: Speed::default(), done: 0 }) })
    }

    pub(crate) fn set_speed(&self, speed: Speed) {
        self.state.lock().speed = speed;
    }

    /// Gives it `bytes` to copy, which could begin at `from`.
    pub(crate) fn start(&self, from: Stamp, bytes: usize) -> Job {
        let mut state = self.state.lock();
        let time = state.speed.time(bytes);
        if time == 0 {
            return Job { done: from };
        }
        // Nobody waits longer than that, however long the queue and however slow the engine.
        let latest = clock::now().saturating_add(MAX_DELAY_NS);
        state.done = state.done.max(from).saturating_add(time).min(latest);
        Job { done: state.done }
    }
}

impl Job {
    /// When it is done, if it is not yet.
    pub(crate) fn due(&self) -> Option<Stamp> {
        (clock::now() < self.done).then_some(self.done)
    }

    /// Sleeps until it is done. Says how long that took, nanoseconds.
    pub(crate) fn wait(&self) -> u64 {
        let from = clock::now();
        if from >= self.done {
            return 0;
        }
        clock::sleep_until(self.done);
        clock::now() - from
    }
}
