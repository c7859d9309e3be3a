// SPDX-License-Identifier: GPL-2.0

//! What the driver remembers of the calls in which somebody may wait: CPU faults, and the kernel's
//! functions for devices that mirror an address space. A bounded log of each, and sums.

use kernel::{new_spinlock, prelude::*, sync::SpinLock};

use crate::{
    clock::Stamp,
    layout,
    ring::Ring,
    timeline::Span,
    uapi::{UNKNOWN, Wait, WaitTotals},
};

/// Calls that the log holds before the oldest is lost.
pub(crate) const CAPACITY: usize = 16_384;

struct State {
    log: Ring<Wait>,
    totals: WaitTotals,
}

/// Those of one device.
#[pin_data]
pub(crate) struct Waits {
    #[pin]
    state: SpinLock<State>,
}

impl Waits {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- new_spinlock!(State {
                log: Ring::new(CAPACITY)?,
                totals: WaitTotals::default(),
            }),
        })
    }

    /// Counts one, and keeps it until somebody takes it.
    pub(crate) fn keep(&self, wait: &Wait) {
        let mut state = self.state.lock();
        state.totals.count(wait);
        if state.log.push(*wait) {
            state.totals.lost += 1;
        }
    }

    /// Takes the oldest out of the log.
    pub(crate) fn take(&self) -> Option<Wait> {
        self.state.lock().log.take()
    }

    /// Counts one that was taken and did not reach its reader.
    pub(crate) fn lose(&self) {
        self.state.lock().totals.lost += 1;
    }

    pub(crate) fn totals(&self) -> WaitTotals {
        self.state.lock().totals
    }
}

impl Wait {
    /// One that this thread begins.
    pub(crate) fn begun(what: u32, began: Stamp) -> Self {
        let (pid, tid) = layout::current_ids();
        Self {
            what,
            pid,
            tid,
            began_ns: began,
            lock_wait_ns: UNKNOWN,
            locked_ns: UNKNOWN,
            setup_ns: UNKNOWN,
            ..Self::default()
        }
    }

    /// One that this thread has behind it.
    pub(crate) fn over(what: u32, result: u32, span: Span) -> Self {
        Self {
            result,
            total_ns: span.to - span.from,
            ..Self::begun(what, span.from)
        }
    }
}
