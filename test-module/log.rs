// SPDX-License-Identifier: GPL-2.0

//! What the driver remembers of the migrations it made: totals of all, and a bounded log of those that no ioctl
//! returns.

use kernel::{new_spinlock, prelude::*, sync::SpinLock};

use crate::uapi::{Totals, Truth};

/// Truths that the log holds before the oldest is lost.
const CAPACITY: usize = 32_768;

/// Totals and log.
#[pin_data]
pub(crate) struct TruthLog {
    #[pin]
    state: SpinLock<State>,
}

struct State {
    /// A ring: `len` truths from `first` on.
    ring: KVVec<Truth>,
    first: usize,
    len: usize,
    totals: Totals,
}

impl TruthLog {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- new_spinlock!(State {
                ring: KVVec::from_elem(Truth::default(), CAPACITY, GFP_KERNEL)?,
                first: 0,
                len: 0,
                totals: Totals::default(),
            }),
        })
    }

    /// Counts a migration whose truth somebody else returns.
    pub(crate) fn count(&self, truth: &Truth) {
        self.state.lock().count(truth);
    }

    /// Counts a migration and keeps its truth.
    pub(crate) fn keep(&self, truth: &Truth) {
        let mut state = self.state.lock();
        state.count(truth);
        if state.len == CAPACITY {
            state.first = (state.first + 1) % CAPACITY;
            state.len -= 1;
            state.totals.log_lost += 1;
        }
        let next = (state.first + state.len) % CAPACITY;
        state.ring[next] = *truth;
        state.len += 1;
    }

    /// Takes the oldest truth out of the log.
    pub(crate) fn take(&self) -> Option<Truth> {
        let mut state = self.state.lock();
        if state.len == 0 {
            return None;
        }
        let truth = state.ring[state.first];
        state.first = (state.first + 1) % CAPACITY;
        state.len -= 1;
        Some(truth)
    }

    /// Counts a truth that was taken and did not reach its reader.
    pub(crate) fn lose(&self) {
        self.state.lock().totals.log_lost += 1;
    }

    pub(crate) fn totals(&self) -> Totals {
        self.state.lock().totals
    }
}

impl State {
    fn count(&mut self, truth: &Truth) {
        self.totals.unbalanced += u64::from(truth.unbalanced);
        let total = &mut self.totals.by_kind[Totals::index(truth.direction, truth.trigger)];
        total.migrations += 1;
        total.ledger.add(&truth.ledger);
    }
}
