//! Records in, state out. No input or output, no clock, no terminal: every number that is shown or exported comes
//! from here, so that every view agrees with every other. Memory is bounded however long it runs.

mod exact;
pub mod ledger;
mod losses;
mod migration;
pub mod rates;
pub mod recent;
pub mod steps;
mod totals;

pub use exact::{Exact, ExactCount, ExactFigure};
pub use losses::Losses;
pub use migration::{Direction, Ledger, Migration, Outcome, Parts, Skips, Step, Trigger};
pub use rates::{Rate, Rates};
pub use recent::Recent;
pub use steps::{Durations, Steps};
pub use totals::{Kind, Reasons, Totals};

use crate::recording::Facts;
use crate::source::{Batch, Status};

/// The place of a direction in arrays: numbers on the wire begin at 1.
fn index(direction: Direction) -> usize {
    direction as usize - 1
}

/// Everything that is known about a run so far.
#[derive(Clone, Debug)]
pub struct Model {
    facts: Facts,
    totals: Totals,
    steps: Steps,
    rates: Rates,
    recent: Recent,
    status: Option<Status>,
    began_ns: Option<u64>,
    now_ns: Option<u64>,
}

impl Model {
    /// Nothing yet.
    pub fn new(facts: Facts) -> Self {
        let began_ns = facts.started_ns;
        Self {
            facts,
            totals: Totals::default(),
            steps: Steps::default(),
            rates: began_ns.map(Rates::starting_at).unwrap_or_default(),
            recent: Recent::default(),
            status: None,
            began_ns,
            now_ns: None,
        }
    }

    /// Takes in what has happened.
    pub fn apply(&mut self, batch: Batch) {
        for migration in batch.migrations {
            self.migration(migration);
        }
        if let Some(status) = batch.status {
            self.pass(status.time_ns);
            self.status = Some(status);
        }
    }

    fn migration(&mut self, migration: Migration) {
        let end_ns = migration.end_ns();
        self.pass(end_ns);
        self.totals.count(&migration);
        self.steps.record(&migration);
        self.rates.count(
            end_ns,
            migration.direction,
            ledger::arrived(&migration.ledger),
        );
        self.recent.push(migration);
    }

    fn pass(&mut self, time_ns: u64) {
        self.began_ns.get_or_insert(time_ns);
        self.now_ns = Some(self.now_ns.map_or(time_ns, |now| now.max(time_ns)));
        self.rates.advance(time_ns);
    }

    /// Counts from here on, as if the tracer had just started. What was lost stays: it is the tracer's own count.
    pub fn reset(&mut self) {
        if self.now_ns.is_none() {
            return;
        }
        let fresh = Self::new(Facts {
            started_ns: self.now_ns,
            ..self.facts.clone()
        });
        let old = std::mem::replace(self, fresh);
        self.facts = old.facts;
        self.status = old.status;
        self.now_ns = old.now_ns;
    }

    /// The machine, the kernel and the clock.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Counts and ledgers.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Durations of the five steps.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// How much per second.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// The last migrations.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// What the tracer lost since it started; `None` before it has told.
    pub fn losses(&self) -> Option<Losses> {
        self.status
            .as_ref()
            .map(|status| Losses::new(status.losses))
    }

    /// Migrations that ended in the kernel since the tracer started, reported or lost; `None` before it has told.
    pub fn ended(&self) -> Option<u64> {
        self.status.as_ref().map(|status| status.ended)
    }

    /// How much time the counts are about, nanoseconds of the recording's clock.
    pub fn elapsed_ns(&self) -> u64 {
        match (self.began_ns, self.now_ns) {
            (Some(began), Some(now)) => now.saturating_sub(began),
            _ => 0,
        }
    }

    /// When the counts began, nanoseconds of the recording's clock; `None` if nothing has come yet and the
    /// recording does not say.
    pub fn began_ns(&self) -> Option<u64> {
        self.began_ns
    }

    /// The average over all the time that the counts are about; `None` if no time has passed.
    pub fn average(&self, direction: Option<Direction>) -> Option<Rate> {
        let seconds = self.elapsed_ns() as f64 / 1e9;
        let calls = match direction {
            Some(direction) => self.totals.in_direction(direction),
            None => self.totals.migrations(),
        };
        let pages = ledger::arrived(&self.totals.ledger(direction));
        (seconds > 0.0).then(|| Rate {
            calls: calls as f64 / seconds,
            pages: pages as f64 / seconds,
        })
    }

    /// The tracer's own time as a share of the steps and it together, 0 to 1; `None` if nothing was measured.
    pub fn probe_share(&self) -> Option<f64> {
        let probe = self.totals.probe_ns() as f64;
        let all = probe + self.steps.total_ns(None) as f64;
        (all > 0.0).then(|| probe / all)
    }

    /// Migrations that the tracer says have ended, and that neither came nor are among the lost: 0 in a whole
    /// recording. `None` before the tracer has told. Means nothing after a [`reset`](Self::reset).
    pub fn unaccounted(&self) -> Option<u64> {
        let known = self
            .losses()?
            .lost()
            .saturating_add(self.totals.migrations());
        self.ended().map(|ended| ended.saturating_sub(known))
    }
}

#[cfg(test)]
mod tests;
