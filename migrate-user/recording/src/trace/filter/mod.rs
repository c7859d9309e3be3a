//! Which migrations are wanted. The command line, the dashboard's `/`, recordings and the probes
//! all mean this one type, whose words are in [`words`].

mod name;
mod parse;
mod phase;
mod range;
mod seen;
mod text;
pub mod words;

use migrate_ebpf::wire::{Cause, Direction, Outcome};

pub use name::{Cgroup, Comm, Driver, MappingName};
pub use phase::Phase;
pub use range::{Addresses, Bound, Times};
pub use seen::Seen;
pub use text::quoted;

use crate::trace::{Migration, Wait};

/// The conditions that a migration has to meet, all of them. One with several values is met by any
/// of them; one without a value asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of memory of these processes.
    pub pid: Vec<u32>,
    /// By these threads, whoever owns the memory.
    pub tid: Vec<u32>,
    /// Of memory of processes with these command names.
    pub comm: Vec<Comm>,
    /// By threads with these command names that are none of the process's own.
    pub worker: Vec<Comm>,
    /// Of processes whose memory is charged to these cgroups themselves.
    pub cgroup: Vec<Cgroup>,
    /// By these drivers' modules.
    pub driver: Vec<Driver>,
    /// In these directions.
    pub direction: Vec<Direction>,
    /// For these causes.
    pub cause: Vec<Cause>,
    /// In these phases of programs.
    pub phase: Vec<Phase>,
    /// With these outcomes.
    pub outcome: Vec<Outcome>,
    /// Rejected by the kernel with these errnos, as positive numbers.
    pub errno: Vec<u32>,
    /// Of at least so many requested base pages.
    pub min_pages: Option<u64>,
    /// Whose steps together took at least so long, nanoseconds.
    pub slower_than_ns: Option<u64>,
    /// That asked for memory which overlaps any of these.
    pub address: Vec<Addresses>,
    /// In mappings of these names.
    pub mapping: Vec<MappingName>,
    /// That ended within this time.
    pub time: Option<Times>,
}

/// What a filter has to know of the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Bytes in a base page.
    pub page_size: u64,
    /// When the recording began, nanoseconds of its clock.
    pub started_ns: Option<u64>,
    /// The same moment, nanoseconds since 1970.
    pub started_unix_ns: Option<u64>,
}

impl Filter {
    /// Does a migration of a recording meet every condition? A time that the recording cannot tell
    /// ([`Filter::check`]) is met by none.
    pub fn takes(&self, migration: &Migration, run: &Run) -> bool {
        self.takes_owner(migration)
            && self.takes_kind(migration)
            && self.takes_extent(migration, run)
    }

    /// Does a wait meet every condition? Where one is about what only migrations have, none does.
    pub fn takes_wait(&self, wait: &Wait, run: &Run) -> bool {
        let worker = wait.worker.as_ref();
        let memory = || {
            let start = wait.address?;
            let bytes = wait.pages.unwrap_or(1).max(1).saturating_mul(run.page_size);
            Some(start..start.saturating_add(bytes))
        };
        !self.is_of_migrations()
            && any(&self.pid, wait.pid, |asked, pid| *asked == pid)
            && any(&self.tid, wait.thread(), |asked, tid| *asked == tid)
            && any(&self.comm, wait.comm.as_deref(), Comm::is)
            && any(&self.worker, worker.map(|worker| &*worker.comm), Comm::is)
            && any(&self.cgroup, wait.cgroup.as_deref(), Cgroup::is)
            && any(&self.phase, wait.phase.as_deref(), Phase::has)
            && self.slower_than_ns.unwrap_or(0) <= wait.total_ns
            && any(&self.address, memory(), Addresses::overlap)
            && self.time.is_none_or(|times| {
                let extent = times.on_clock(run).ok();
                extent.is_some_and(|extent| extent.contains(&wait.end_ns()))
            })
    }

    /// Does it ask what only migrations have?
    pub fn is_of_migrations(&self) -> bool {
        let own = Self {
            driver: self.driver.clone(),
            direction: self.direction.clone(),
            cause: self.cause.clone(),
            outcome: self.outcome.clone(),
            errno: self.errno.clone(),
            mapping: self.mapping.clone(),
            min_pages: self.min_pages,
            ..Self::default()
        };
        !own.is_empty()
    }

    /// Whose memory it is, and who migrates it.
    fn takes_owner(&self, migration: &Migration) -> bool {
        let worker = migration.worker.as_ref();
        let thread = worker.map_or(migration.tid, |worker| Some(worker.tid));
        any(&self.pid, migration.pid, |asked, pid| *asked == pid)
            && any(&self.tid, thread, |asked, tid| *asked == tid)
            && any(&self.comm, migration.comm.as_deref(), Comm::is)
            && any(&self.worker, worker.map(|worker| &*worker.comm), Comm::is)
            && any(&self.cgroup, migration.cgroup.as_deref(), Cgroup::is)
            && any(&self.driver, migration.driver.as_deref(), Driver::is)
    }

    /// What it was for, and what became of it.
    fn takes_kind(&self, migration: &Migration) -> bool {
        any(&self.direction, Some(migration.direction), |a, b| *a == b)
            && any(&self.cause, Some(migration.cause), |a, b| *a == b)
            && any(&self.phase, migration.phase.as_deref(), Phase::has)
            && any(&self.outcome, Some(migration.outcome), |a, b| *a == b)
            && any(&self.errno, migration.errno, |asked, errno| *asked == errno)
    }

    /// How much, how long, where and when.
    fn takes_extent(&self, migration: &Migration, run: &Run) -> bool {
        let pages = migration.ledger.requested;
        let memory = || {
            let start = migration.address?;
            let bytes = pages.max(1).saturating_mul(run.page_size);
            Some(start..start.saturating_add(bytes))
        };
        let mapping = || migration.mapping.as_ref()?.name.as_deref();
        let slower_than_ns = self.slower_than_ns.unwrap_or(0);
        self.min_pages.unwrap_or(0) <= pages
            && slower_than_ns <= migration.total_ns()
            && any(&self.address, memory(), Addresses::overlap)
            && any(&self.mapping, mapping(), MappingName::is)
            && self.time.is_none_or(|times| {
                let extent = times.on_clock(run).ok();
                extent.is_some_and(|extent| extent.contains(&migration.end_ns()))
            })
    }

    /// Is nothing asked for?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Can all of it be told from a recording?
    ///
    /// # Errors
    ///
    /// Says which condition cannot, and why.
    pub fn check(&self, run: &Run) -> Result<(), String> {
        self.time
            .map_or(Ok(()), |times| times.on_clock(run).map(drop))
    }

    /// From when to when it lets migrations through, nanoseconds of the recording's clock.
    pub fn extent_ns(&self, run: &Run) -> Option<std::ops::Range<u64>> {
        self.time?.on_clock(run).ok()
    }

    /// What a user may not know of how these conditions are met: a sentence each.
    pub fn hints(&self) -> Vec<String> {
        let names = [("comm", &self.comm), ("worker", &self.worker)];
        let hints = names.into_iter().flat_map(|(word, names)| {
            let long = names.iter().filter(|name| name.is_cut());
            long.map(move |name| name.hint(word))
        });
        hints.collect()
    }
}

/// Is nothing asked for, or any of it there? What is unknown is none of it.
fn any<A, B: Clone>(asked: &[A], is: Option<B>, same: impl Fn(&A, B) -> bool) -> bool {
    asked.is_empty() || is.is_some_and(|is| asked.iter().any(|asked| same(asked, is.clone())))
}
