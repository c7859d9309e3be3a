//! Lines of what came since the last line, as often as they are wanted.

use std::time::Duration;

use tokio::time::{Instant, Interval as Ticks, MissedTickBehavior, interval_at};

use crate::model::Model;
use crate::report::stat::{Form, Interval};
use crate::trace::{Batch, Facts, Status};

/// What a run grew by, from line to line.
pub(super) struct Lines {
    form: Form,
    every: Duration,
    ticks: Option<Ticks>,
    /// Is a line due with the next totals?
    is_due: bool,
    has_heading: bool,
    run: u32,
    began_ns: u64,
    last: Status,
}

impl Lines {
    pub(super) fn new(every: Duration, form: Form) -> Self {
        Self {
            form,
            every,
            ticks: None,
            is_due: false,
            has_heading: false,
            run: 0,
            began_ns: 0,
            last: Status::default(),
        }
    }

    /// A run begins with these totals.
    pub(super) fn begin(&mut self, run: u32, began: &Status) {
        // A time too far away to be expressed never comes.
        self.ticks = Instant::now().checked_add(self.every).map(|first| {
            let mut ticks = interval_at(first, self.every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            ticks
        });
        self.is_due = false;
        self.run = run;
        self.began_ns = began.time_ns;
        self.last = began.clone();
    }

    /// Returns when totals are to be read for a line. Cancel-safe.
    pub(super) async fn tick(&mut self) {
        match &mut self.ticks {
            Some(ticks) => ticks.tick().await,
            None => std::future::pending().await,
        };
        self.is_due = true;
    }

    /// The next line, if one is due and the totals are there.
    pub(super) fn next(&mut self, now: &Status, facts: &Facts) -> Option<String> {
        (self.is_due && now.exact.is_some()).then(|| self.rest(now, facts))
    }

    /// What came since the last line.
    pub(super) fn rest(&mut self, now: &Status, facts: &Facts) -> String {
        self.is_due = false;
        let model = since(facts, &self.last, now);
        let interval = Interval {
            run: self.run,
            time_ns: now.time_ns.saturating_sub(self.began_ns),
            model: &model,
        };
        let heading = if self.has_heading {
            String::new()
        } else {
            interval.heading(self.form)
        };
        self.has_heading = true;
        self.last = now.clone();
        heading + &interval.line(self.form)
    }
}

/// What was counted between two readings of the totals. Records, if there are any, are counted
/// elsewhere.
pub(super) fn since(facts: &Facts, before: &Status, now: &Status) -> Model {
    let mut model = Model::new(Facts {
        started_ns: Some(before.time_ns),
        started_unix_ns: facts.unix_ns(before.time_ns),
        record_every: 0,
        ..facts.clone()
    });
    model.apply(Batch {
        status: Some(now.since(before)),
        ..Batch::default()
    });
    model
}
