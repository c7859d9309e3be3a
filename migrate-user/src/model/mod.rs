//! Records in, state out. No input or output, no clock, no terminal: every number that is shown or exported comes
//! from here, so that every view agrees with every other. Memory is bounded however long it runs.

mod coverage;
mod details;
mod drivers;
mod exact;
mod kernel;
pub mod ledger;
mod losses;
mod migration;
pub mod rates;
pub mod recent;
pub mod steps;
mod tally;
mod totals;

pub use coverage::{Coverage, Origin};
pub use details::{OffCpuSums, PARTS, PartSums};
pub use drivers::{Driver, Drivers};
pub use exact::{Exact, ExactCount, ExactFigure};
pub use losses::Losses;
pub use migration::{Direction, Ledger, Migration, Outcome, Parts, Skips, Step, Trigger};
pub use rates::{Rate, Rates};
pub use recent::Recent;
pub use steps::{Distribution, Steps};
pub use tally::Tally;
pub use totals::{Kind, Reasons};

use kernel::Kernel;
use migrate_ebpf::wire::Loss;

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
    records: Tally,
    /// Of the records.
    rates: Rates,
    recent: Recent,
    drivers: Drivers,
    parts: PartSums,
    off_cpu: OffCpuSums,
    kernel: Kernel,
    status: Option<Status>,
    /// Records that were lost before counting began.
    lost_before: u64,
    began_ns: Option<u64>,
    now_ns: Option<u64>,
}

impl Model {
    /// Nothing yet.
    pub fn new(facts: Facts) -> Self {
        let began_ns = facts.started_ns;
        Self {
            facts,
            records: Tally::default(),
            rates: began_ns.map(Rates::starting_at).unwrap_or_default(),
            recent: Recent::default(),
            drivers: Drivers::default(),
            parts: PartSums::default(),
            off_cpu: OffCpuSums::default(),
            kernel: Kernel::new(began_ns),
            status: None,
            lost_before: 0,
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
            self.kernel.status(&status);
            self.status = Some(status);
        }
    }

    fn migration(&mut self, migration: Migration) {
        let end_ns = migration.end_ns();
        self.pass(end_ns);
        self.records.count(&migration);
        self.rates.count(
            end_ns,
            migration.direction,
            ledger::arrived(&migration.ledger),
        );
        self.drivers.count(&migration);
        self.parts.count(&migration);
        self.off_cpu.count(&migration);
        self.recent.push(migration);
    }

    fn pass(&mut self, time_ns: u64) {
        self.began_ns.get_or_insert(time_ns);
        self.now_ns = Some(self.now_ns.map_or(time_ns, |now| now.max(time_ns)));
        self.rates.advance(time_ns);
    }

    /// Counts from here on, as if the tracer had just started; the kernel's totals from when they were last read. What
    /// was lost stays: it is the tracer's own count.
    pub fn reset(&mut self) {
        if self.now_ns.is_none() {
            return;
        }
        let fresh = Self::new(Facts {
            started_ns: self.now_ns,
            ..self.facts.clone()
        });
        let old = std::mem::replace(self, fresh);
        self.lost_before = old.records_lost();
        self.facts = old.facts;
        self.kernel = old.kernel;
        self.kernel.reset();
        self.status = old.status;
        self.now_ns = old.now_ns;
    }

    /// The machine, the kernel and the clock.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Counts and ledgers: of the records, or the kernel's own; [`Model::coverage`] says which.
    pub fn totals(&self) -> &Exact {
        match self.coverage().from {
            Origin::Records => self.records.exact(),
            Origin::Kernel => self.kernel.totals().unwrap_or(self.records.exact()),
        }
    }

    /// Durations of the five steps, and other figures, from where [`Model::totals`] are.
    pub fn steps(&self) -> Steps<'_> {
        match self.coverage().from {
            Origin::Records => Steps::of_records(&self.records),
            Origin::Kernel => Steps::of_totals(self.totals()),
        }
    }

    /// How much per second, from where [`Model::totals`] are.
    pub fn rates(&self) -> &Rates {
        match self.coverage().from {
            Origin::Records => &self.rates,
            Origin::Kernel => self.kernel.rates(),
        }
    }

    /// The totals of the records that came.
    pub fn records(&self) -> &Exact {
        self.records.exact()
    }

    /// The kernel's own totals; `None` if it has not told any.
    pub fn exact(&self) -> Option<&Exact> {
        self.kernel.totals()
    }

    /// The drivers, of the records that came.
    pub fn drivers(&self) -> &Drivers {
        &self.drivers
    }

    /// Where the kernel's time went, of the records that tell.
    pub fn parts(&self) -> &PartSums {
        &self.parts
    }

    /// When threads did not run, of the records that tell.
    pub fn off_cpu(&self) -> &OffCpuSums {
        &self.off_cpu
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

    /// How long it has been counted, nanoseconds of the recording's clock.
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

    /// The average over all the time that [`Model::totals`] are about; `None` if no time has passed.
    pub fn average(&self, direction: Option<Direction>) -> Option<Rate> {
        let span_ns = match self.coverage().from {
            Origin::Records => self.elapsed_ns(),
            Origin::Kernel => self.kernel.span_ns()?,
        };
        let seconds = span_ns as f64 / 1e9;
        let totals = self.totals();
        let calls = match direction {
            Some(direction) => totals.in_direction(direction),
            None => totals.migrations(),
        };
        let pages = ledger::arrived(&totals.ledger(direction));
        (seconds > 0.0).then(|| Rate {
            calls: calls as f64 / seconds,
            pages: pages as f64 / seconds,
        })
    }

    /// The tracer's own time as a share of the steps and it together, 0 to 1; `None` if nothing was measured.
    pub fn probe_share(&self) -> Option<f64> {
        let probe = self.totals().probe_ns() as f64;
        let all = probe + self.steps().total_ns(None) as f64;
        (all > 0.0).then(|| probe / all)
    }

    /// Migrations that ended and were not chosen to be recorded; `None` before the tracer has told.
    pub fn left_out(&self) -> Option<u64> {
        Some(self.ended()? - self.chosen()?)
    }

    /// Migrations that ended and were to be recorded: those whose sequence number `record_every` divides.
    fn chosen(&self) -> Option<u64> {
        let every = u64::from(self.facts.record_every);
        self.ended()
            .map(|ended| if every == 0 { 0 } else { ended.div_ceil(every) })
    }

    /// Migrations that the tracer says have ended, and that neither came, nor are among the lost, nor were left out: 0
    /// in a whole recording. With sampling it can be more, but not less, than this: which of the incomplete ones were
    /// chosen is not known. Where none is recorded, it is what the kernel's totals lack. `None` before the tracer has
    /// told. Means nothing after a [`reset`](Self::reset).
    pub fn unaccounted(&self) -> Option<u64> {
        let losses = self.losses()?;
        let (expected, known) = match self.facts.record_every {
            0 => {
                let incomplete = losses.of(Loss::Incomplete);
                (
                    self.ended()?,
                    incomplete.saturating_add(self.kernel.counted()?),
                )
            }
            _ => {
                let received = self.records.exact().migrations();
                (self.chosen()?, losses.lost().saturating_add(received))
            }
        };
        Some(expected.saturating_sub(known))
    }

    /// Records that did not fit into the ring since the tracer started.
    fn records_lost(&self) -> u64 {
        self.losses().map_or(0, |losses| losses.of(Loss::RingFull))
    }

    /// Of the migrations that were chosen to be recorded, those that the kernel has counted and of which no record came.
    fn unrecorded(&self) -> u64 {
        self.records_lost().saturating_sub(self.lost_before)
    }
}

#[cfg(test)]
mod tests;
