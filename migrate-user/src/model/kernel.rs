//! The kernel's own totals, since it was last asked to count afresh.

use std::sync::Arc;

use migrate_ebpf::wire::Direction;

use super::Rates;
use crate::trace::{Exact, Status, ledger};

/// What the kernel counted by itself, and how that went over the last minutes.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    /// Totals that are not counted any more, and when they were read.
    before: Option<Reading>,
    /// When the totals were 0.
    started_ns: Option<u64>,
    last: Option<Reading>,
    /// The last totals without those before.
    since: Arc<Exact>,
    rates: Rates,
}

/// The totals at one moment.
#[derive(Clone, Debug)]
struct Reading {
    time_ns: u64,
    exact: Arc<Exact>,
}

impl Kernel {
    pub(super) fn new(started_ns: Option<u64>) -> Self {
        Self {
            before: None,
            started_ns,
            last: None,
            since: Arc::default(),
            rates: started_ns.map(Rates::starting_at).unwrap_or_default(),
        }
    }

    /// Takes in a status, if the totals came with it.
    pub(super) fn status(&mut self, status: &Status) {
        let Some(exact) = &status.exact else {
            return;
        };
        let now = Reading {
            time_ns: status.time_ns,
            exact: Arc::clone(exact),
        };
        self.rate(&now);
        let known = self.last.as_ref();
        if known.is_none_or(|last| !Arc::ptr_eq(&last.exact, exact)) {
            self.since = match &self.before {
                Some(before) => Arc::new(exact.since(&before.exact)),
                None => Arc::clone(exact),
            };
        }
        self.last = Some(now);
    }

    /// What came since the last reading, as much in each moment as in every other: more is not
    /// known.
    fn rate(&mut self, now: &Reading) {
        let last = self.last.as_ref().or(self.before.as_ref());
        let from_ns = last.map_or(self.started_ns, |last| Some(last.time_ns));
        for &direction in Direction::ALL {
            let sums = |exact: &Exact| {
                let arrived = ledger::arrived(&exact.ledger(Some(direction)));
                (exact.in_direction(direction), arrived)
            };
            let (calls, pages) = sums(&now.exact);
            let (old_calls, old_pages) = last.map_or((0, 0), |last| sums(&last.exact));
            let more = (
                calls.saturating_sub(old_calls),
                pages.saturating_sub(old_pages),
            );
            self.rates
                .spread(from_ns.unwrap_or(now.time_ns), now.time_ns, direction, more);
        }
    }

    /// Counts from the last reading on.
    pub(super) fn reset(&mut self) {
        let before = self.last.take().or(self.before.take());
        let began_ns = before
            .as_ref()
            .map_or(self.started_ns, |before| Some(before.time_ns));
        *self = Self {
            before,
            ..Self::new(began_ns)
        };
    }

    /// Has the kernel told what it counts?
    pub(super) fn is_known(&self) -> bool {
        self.last.is_some() || self.before.is_some()
    }

    /// The totals; `None` if the kernel has not told any.
    pub(super) fn totals(&self) -> Option<&Exact> {
        self.is_known().then_some(&*self.since)
    }

    pub(super) fn rates(&self) -> &Rates {
        &self.rates
    }

    /// When the totals were read; `None` if they were not since counting began.
    pub(super) fn time_ns(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.time_ns)
    }

    /// How much time the totals are about, nanoseconds; `None` if the kernel has not told.
    pub(super) fn span_ns(&self) -> Option<u64> {
        Some(self.time_ns()?.saturating_sub(self.started_ns?))
    }

    /// Migrations that the kernel had counted when the totals were last read, since the tracer
    /// started.
    pub(super) fn counted(&self) -> Option<u64> {
        let last = self.last.as_ref().or(self.before.as_ref())?;
        Some(last.exact.migrations())
    }
}
