//! Records in, state out. No input or output, no clock, no terminal: every number that is shown or
//! exported comes from here, so that every view agrees with every other. Memory is bounded however
//! long it runs.

mod batching;
mod copies;
mod coverage;
mod details;
mod devices;
mod drivers;
mod ended;
mod fit;
mod given_up;
mod hidden;
mod kernel;
mod losses;
pub mod mappings;
pub mod phases;
pub mod ping_pong;
pub mod processes;
pub mod rates;
pub mod recent;
pub mod retries;
mod sets;
pub mod slowest;
pub mod sparkline;
pub mod steps;
mod strip;
mod sums;
mod tally;
pub mod threads;
mod time;
pub mod timeline;
pub mod waits;
mod whereabouts;

pub use batching::{Alike, Batching, Group, Size};
pub use copies::{Copied, Copies};
pub use coverage::{Coverage, Origin};
pub use details::{DriverSums, OffCpuSums, PARTS, PartSums};
pub use devices::{OnDevice, Resident};
pub use drivers::{Driver, Drivers};
pub use fit::Fit;
pub use given_up::GivenUp;
pub use hidden::Hidden;
pub use mappings::{MappingUse, Mappings};
pub use phases::{Phase, Phases};
pub use ping_pong::{Bounce, PingPong};
pub use processes::{Process, Processes};
pub use rates::{Rate, Rates};
pub use recent::Recent;
pub use retries::{Retries, Retry};
pub use slowest::Slowest;
pub use sparkline::Sparkline;
pub use steps::{Distribution, Steps};
pub use strip::Strip;
pub use sums::Sums;
pub use tally::Tally;
pub use threads::Threads;
pub use time::MigrationTime;
pub use timeline::Timeline;
pub use waits::Waits;

use ended::Ended;
use kernel::Kernel;

use crate::trace::{Batch, Direction, Exact, Facts, Losses, Migration, Migrations, Status};

/// The place of a direction in arrays: numbers on the wire begin at 1.
fn index(direction: Direction) -> usize {
    direction as usize - 1
}

/// How many migrations are counted at once: what is counted of them should fit into a processor's
/// nearest cache.
const AT_ONCE: usize = 64;

/// Everything that is known about a run so far.
#[derive(Clone, Debug)]
pub struct Model {
    facts: Facts,
    records: Tally,
    /// Of the records.
    rates: Rates,
    timeline: Timeline,
    recent: Recent,
    slowest: Slowest,
    drivers: Drivers,
    processes: Processes,
    threads: Threads,
    phases: Phases,
    batching: Batching,
    ping_pong: PingPong,
    mappings: Mappings,
    retries: Retries,
    parts: PartSums,
    driver_parts: DriverSums,
    copies: Copies,
    off_cpu: OffCpuSums,
    waits: Waits,
    kernel: Kernel,
    hidden: Hidden,
    status: Option<Status>,
    /// Records that were lost before counting began.
    lost_before: u64,
    /// The same of waits.
    waits_lost_before: u64,
    began_ns: Option<u64>,
    now_ns: Option<u64>,
}

impl Model {
    /// Nothing yet.
    pub fn new(facts: Facts) -> Self {
        let began_ns = facts.started_ns;
        let hidden = Hidden::by(facts.filters()).of(facts.details);
        Self {
            facts,
            records: Tally::default(),
            rates: began_ns.map(Rates::starting_at).unwrap_or_default(),
            timeline: began_ns.map(Timeline::starting_at).unwrap_or_default(),
            recent: Recent::default(),
            slowest: Slowest::default(),
            drivers: Drivers::default(),
            processes: Processes::default(),
            threads: Threads::default(),
            phases: Phases::default(),
            batching: Batching::new(hidden.by_result),
            ping_pong: PingPong::default(),
            mappings: Mappings::default(),
            retries: Retries::default(),
            parts: PartSums::default(),
            driver_parts: DriverSums::default(),
            copies: Copies::default(),
            off_cpu: OffCpuSums::default(),
            waits: Waits::default(),
            kernel: Kernel::new(began_ns),
            hidden,
            status: None,
            lost_before: 0,
            waits_lost_before: 0,
            began_ns,
            now_ns: None,
        }
    }

    /// Takes in what has happened.
    pub fn apply(&mut self, batch: Batch) {
        self.ping_pong
            .set_whole(self.sees_all(batch.status.as_ref()));
        self.count(&batch.migrations);
        self.recent.add(batch.migrations);
        if let Some(status) = batch.status {
            self.pass(status.time_ns);
            self.kernel.status(&status);
            self.status = Some(status);
        }
        self.count_waits(&batch.waits);
    }

    /// Did every migration come as a record, as far as the newest status tells? Without one, nobody
    /// knows.
    fn sees_all(&self, status: Option<&Status>) -> bool {
        let status = status.or(self.status.as_ref());
        let lost_none = status.is_some_and(|status| Losses::new(status.losses).lost() == 0);
        self.facts.record_every == 1 && !self.hidden.anything && lost_none
    }

    fn count(&mut self, all: &Migrations) {
        let mut some = Vec::with_capacity(AT_ONCE);
        for begin in (0..all.len()).step_by(AT_ONCE) {
            let end = all.len().min(begin + AT_ONCE);
            all.rows(begin..end, &mut some);
            let ended: Vec<_> = some.iter().map(Ended::new).collect();
            self.count_some(&ended, |at| all.one(begin + at));
            some.clear();
        }
    }

    /// Adds some; `whole` makes one of them with all that there is. Each loop is short: so the
    /// processor goes on with the next migration while it waits for memory.
    fn count_some(&mut self, some: &[Ended<'_>], whole: impl Fn(usize) -> Migration) {
        for migration in some {
            let (end_ns, arrived) = (migration.end_ns, migration.arrived);
            self.reach(end_ns);
            self.rates.count(end_ns, migration.direction, arrived);
        }
        for migration in some {
            self.records.add(migration);
        }
        for migration in some {
            self.timeline.count(migration);
            self.batching.count(migration);
        }
        for migration in some {
            self.drivers.count(migration);
            self.processes.count(migration);
            self.threads.count(migration);
        }
        if self.facts.details.phases {
            for migration in some {
                self.phases.count(migration);
            }
        }
        self.note_moved(some);
        for (at, migration) in some.iter().enumerate() {
            let back = self.ping_pong.count(migration, self.facts.page_size);
            if self.facts.details.mappings {
                self.mappings.count(migration, back, self.facts.page_size);
            }
            self.retries.count(migration, || whole(at).errno);
        }
        for (at, migration) in some.iter().enumerate() {
            self.slowest.count(migration.total_ns, || whole(at));
            self.parts.count(migration);
            if self.facts.details.sub_steps {
                let whole = whole(at);
                self.driver_parts.count(&whole);
                self.copies.count(&whole);
            }
            self.off_cpu.count(migration);
        }
    }

    fn pass(&mut self, time_ns: u64) {
        self.reach(time_ns);
        self.rates.advance(time_ns);
    }

    /// Lets the run reach from its beginning to this time.
    fn reach(&mut self, time_ns: u64) {
        self.began_ns.get_or_insert(time_ns);
        self.now_ns = self.now_ns.max(Some(time_ns));
    }

    /// Counts from here on, as if the tracer had just started.
    pub fn reset(&mut self) {
        if self.now_ns.is_some() {
            *self = self.afresh(self.now_ns);
        }
    }

    /// The same run with nothing counted yet, as if the tracer had started at this time,
    /// nanoseconds of the recording's clock, which may be earlier than what has been reached;
    /// `None`: with what comes first. The kernel's totals count from when they were last read. What
    /// was lost stays: it is the tracer's own count.
    pub fn afresh(&self, began_ns: Option<u64>) -> Self {
        let mut kernel = self.kernel.clone();
        kernel.reset();
        let fresh = Self::new(Facts {
            started_ns: began_ns,
            ..self.facts.clone()
        });
        Self {
            facts: self.facts.clone(),
            lost_before: self.records_lost(),
            waits_lost_before: self.wait_records_lost(),
            kernel,
            status: self.status.clone(),
            now_ns: self.now_ns.max(began_ns),
            ..fresh
        }
    }

    /// What cannot be known under the filters that there are.
    pub fn hidden(&self) -> Hidden {
        self.hidden
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

    /// How long the records that came took, over the whole run.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
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

    /// The processes, of the records that came.
    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    /// The threads, of the records that came.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The phases of programs, of the records that came; none where they were not followed.
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// How time grows with the pages that are asked for, of the records that came.
    pub fn batching(&self) -> &Batching {
        &self.batching
    }

    /// Pages that soon came back, of the records that came.
    pub fn ping_pong(&self) -> &PingPong {
        &self.ping_pong
    }

    /// The mappings that migrations are in, of the records that came.
    pub fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    /// How many pages of a mapping are on devices; `None` where not every migration was recorded,
    /// where that is not known, and where a filter leaves out some.
    pub fn resident(&self, of: &MappingUse) -> Option<Resident> {
        self.sees_all(None).then(|| self.mappings.resident(of))
    }

    /// The same on each device, by its name; last, without one, on those whose name is not known.
    pub fn resident_by_device(&self, of: &MappingUse) -> Option<Vec<OnDevice>> {
        self.sees_all(None)
            .then(|| self.mappings.resident_by_device(of))
    }

    /// Of the pages that were not collected: those that had been seen to arrive where they were to
    /// go, and not to leave. At least so many; `None` where not every migration was recorded, where
    /// that is not known, and where a filter leaves out some. Unit: base pages.
    pub fn already_there(&self) -> Option<u64> {
        self.sees_all(None).then(|| self.ping_pong.already_there())
    }

    /// Calls without progress, of the records that came.
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// Where the kernel's time went, of the records that tell.
    pub fn parts(&self) -> &PartSums {
        &self.parts
    }

    /// Where the time of the driver's steps goes, of the records in which that was measured.
    pub fn driver_parts(&self) -> &DriverSums {
        &self.driver_parts
    }

    /// How fast pages were copied, of the records in which that was measured.
    pub fn copies(&self) -> &Copies {
        &self.copies
    }

    /// When threads did not run, of the records that tell.
    pub fn off_cpu(&self) -> &OffCpuSums {
        &self.off_cpu
    }

    /// The last migrations.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The slowest migrations, of the records that came.
    pub fn slowest(&self) -> &Slowest {
        &self.slowest
    }

    /// How long it has been counted, nanoseconds of the recording's clock.
    pub fn elapsed_ns(&self) -> u64 {
        match (self.began_ns, self.now_ns) {
            (Some(began), Some(now)) => now.saturating_sub(began),
            _ => 0,
        }
    }

    /// When the counts began, nanoseconds of the recording's clock; `None` if nothing has come yet
    /// and the recording does not say.
    pub fn began_ns(&self) -> Option<u64> {
        self.began_ns
    }

    /// The time that has been reached, nanoseconds of the recording's clock; `None` if nothing has
    /// come yet.
    pub fn now_ns(&self) -> Option<u64> {
        self.now_ns
    }

    /// How much time [`Model::totals`] are about, nanoseconds; `None` where the kernel has not
    /// told.
    pub fn span_ns(&self) -> Option<u64> {
        match self.coverage().from {
            Origin::Records => Some(self.elapsed_ns()),
            Origin::Kernel => self.kernel.span_ns(),
        }
    }

    /// The tracer's own time as a share of the steps and it together, 0 to 1; `None` if nothing was
    /// measured.
    pub fn probe_share(&self) -> Option<f64> {
        let probe = self.totals().probe_ns() as f64;
        let all = probe + self.steps().total_ns(None) as f64;
        (all > 0.0).then(|| probe / all)
    }

    /// How much longer whatever is traced takes: the tracer's own time by that of the steps; `None`
    /// if nothing was measured.
    pub fn slowdown(&self) -> Option<f64> {
        let steps_ns = self.steps().total_ns(None);
        (steps_ns > 0).then(|| self.totals().probe_ns() as f64 / steps_ns as f64)
    }
}

#[cfg(test)]
mod tests;
