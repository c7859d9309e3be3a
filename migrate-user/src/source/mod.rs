//! Where migrations come from: this kernel, a file, standard input, a socket. One code path for all.

mod input;
mod joined;
pub mod kernel;
pub mod machine;
mod memory_cgroups;
mod part;
mod stream;

pub use input::{Identity, Input, Inputs};
pub use joined::Joined;
pub(crate) use memory_cgroups::{MemoryCgroups, MemoryVersion};
pub use part::Part;
pub use stream::StreamSource;

use std::sync::Arc;

use migrate_ebpf::wire::Loss;
use migrate_ebpf::wire::histogram::BUCKETS;

use crate::model::{Exact, Migrations};
use crate::recording::Facts;
use crate::trace::{Filter, Run};

/// What has happened since the last batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Migrations that ended, in the order of their sequence numbers as far as the kernel delivered them so.
    pub migrations: Migrations,
    /// The state of the tracer when the batch was made. Every batch from the kernel has one, also an empty
    /// batch: that is how losses are told and how a view knows that time has passed.
    pub status: Option<Status>,
}

impl Batch {
    /// The memory that it takes, bytes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let exact = self
            .status
            .as_ref()
            .and_then(|status| status.exact.as_ref());
        let figures = exact.map_or(0, |exact| exact.figures.len());
        self.migrations.bytes() + figures * size_of::<[u64; BUCKETS]>()
    }

    /// Adds what happened after this batch.
    pub fn append(&mut self, mut later: Self) {
        self.migrations.append(&mut later.migrations);
        let earlier = self.status.take();
        self.status = match (earlier, later.status) {
            // The totals were read with one of them.
            (Some(earlier), Some(later)) => Some(Status {
                exact: later.exact.or(earlier.exact),
                ..later
            }),
            (earlier, later) => later.or(earlier),
        };
    }

    /// Keeps what a filter lets through. The kernel's totals count all that was traced, so they go;
    /// time passes only as far as the filter lets it.
    pub fn choose(&mut self, filter: &Filter, run: &Run) {
        if filter.is_empty() {
            return;
        }
        self.migrations
            .retain(|migration| filter.takes(migration, run));
        if let Some(status) = &mut self.status {
            status.exact = None;
            if let Some(extent) = filter.extent_ns(run) {
                status.time_ns = status.time_ns.clamp(extent.start, extent.end);
            }
        }
    }
}

/// The tracer's own account of itself. All counts are totals since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// When this was read, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// Migrations that ended in the kernel, reported or lost.
    pub ended: u64,
    /// What was lost, by `migrate_ebpf::wire::Loss`.
    pub losses: [u64; migrate_ebpf::wire::LOSSES],
    /// What the kernel counted by itself. It comes now and then, and with the last status.
    pub exact: Option<Arc<Exact>>,
}

impl Status {
    /// Is every migration that ended among these records, or counted as lost? Not while one is just being written. Only where every
    /// one is to be recorded.
    pub fn accounts_for(&self, received: u64) -> bool {
        let lost = |loss: Loss| self.losses[loss as usize];
        received + lost(Loss::RingFull) + lost(Loss::Incomplete) == self.ended
    }

    /// Is a record missing that the kernel has counted?
    pub fn lacks_records(&self) -> bool {
        self.losses[Loss::RingFull as usize] > 0
    }

    /// The same, counted from where `before` began, which is the last status of the recording that this one goes on from. Totals
    /// are known only where both have some.
    pub fn after(&self, before: &Self) -> Self {
        let exact = match (&self.exact, &before.exact) {
            (Some(exact), Some(before)) => Some(Arc::new(exact.plus(before))),
            (Some(exact), None) if before.ended == 0 => Some(Arc::clone(exact)),
            _ => None,
        };
        let mut losses = self.losses;
        for (loss, before) in losses.iter_mut().zip(before.losses) {
            *loss = loss.saturating_add(before);
        }
        Self {
            time_ns: self.time_ns,
            ended: self.ended.saturating_add(before.ended),
            losses,
            exact,
        }
    }

    /// The same, counted since `before`, an earlier status.
    pub fn since(&self, before: &Self) -> Self {
        let exact = self.exact.as_ref().map(|exact| match &before.exact {
            Some(before) => Arc::new(exact.since(before)),
            None => Arc::clone(exact),
        });
        let mut losses = self.losses;
        for (loss, before) in losses.iter_mut().zip(before.losses) {
            *loss = loss.saturating_sub(before);
        }
        Self {
            time_ns: self.time_ns,
            ended: self.ended.saturating_sub(before.ended),
            losses,
            exact,
        }
    }
}

/// How a source came to its end. Whatever was whole has been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should: nothing is missing.
    Complete,
    /// Without an end mark: the recorder was killed, or is still writing.
    Unfinished {
        /// Bytes of whole batches.
        whole_bytes: u64,
        /// Bytes of a batch that is not whole, and was left out.
        lost_bytes: u64,
    },
    /// With bytes that make no sense, or that could not be read.
    Damaged {
        /// Where, bytes from the start.
        at: u64,
        /// What was found there.
        found: String,
    },
    /// Not read at all: it cannot be one with the recordings before it.
    LeftOut {
        /// Where it begins, bytes from the start of its stream.
        at: u64,
        /// Why.
        why: String,
    },
}

impl Ending {
    /// The name used in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unfinished { .. } => "unfinished",
            Self::Damaged { .. } => "damaged",
            Self::LeftOut { .. } => "left_out",
        }
    }
}

/// Yields batches until the recording or the tracer ends.
#[expect(async_fn_in_trait, reason = "used only in this crate, on one thread")]
pub trait Source {
    /// What is known before the first batch: machine, kernel, clock.
    fn facts(&self) -> &Facts;

    /// The next batch; `None` at the end. Cancel-safe: nothing is lost when the future is dropped.
    async fn next(&mut self) -> Result<Option<Batch>, crate::Error>;

    /// A time of the recording's clock, nanoseconds since 1970; `None` if nobody knows.
    fn unix_ns(&self, time_ns: u64) -> Option<u64> {
        self.facts().unix_ns(time_ns)
    }

    /// Asks for totals: the next batch comes soon, and with them. A source that has none goes on.
    fn want_totals(&mut self) {}

    /// Asks for the end: what has happened so far still comes, the last batch with a status, then `None`.
    /// A source that cannot be asked goes on.
    fn stop(&mut self) {}

    /// What it reads; `None` for what is no recording.
    fn inputs(&self) -> Option<&Inputs> {
        None
    }

    /// The recording that can be read again from its beginning, if that is what it is.
    fn file(&self) -> Option<&Inputs> {
        self.inputs().filter(|inputs| inputs.are_files())
    }

    /// The same from its beginning; `None` if it cannot be read again.
    async fn again(&self) -> Option<Result<Self, crate::Error>>
    where
        Self: Sized,
    {
        None
    }

    /// The recordings that it read, once [`Source::next`] has returned `None`; none for what is no recording.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// What its filter asks for and was never seen, in sentences, once [`Source::next`] has returned
    /// `None`.
    fn unknown(&self) -> &[String] {
        &[]
    }
}
