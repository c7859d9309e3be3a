//! Waits: what threads wait for besides the steps of their own migrations.

use std::fmt;
use std::sync::Arc;

pub use migrate_ebpf::wire::{WaitFigure, WaitKind, WaitResult};

use super::migration::sum;
use super::{Values, Worker};

/// One wait. Unknown is `None`, never 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Counts every wait since the tracer started, reported or lost. From 0.
    pub sequence: u64,
    /// When it began, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// What was waited for.
    pub kind: WaitKind,
    /// What came of it.
    pub result: WaitResult,
    /// The positive errno of one that failed, or has to be tried again.
    pub errno: Option<u32>,
    /// The process whose memory it is; `None` where nobody owns it any more.
    pub pid: Option<u32>,
    /// The thread of that process that waited; `None` where a [`Wait::worker`] did.
    pub tid: Option<u32>,
    /// The command name of that process.
    pub comm: Option<Arc<str>>,
    /// The thread that waited, where it is none of that process's own.
    pub worker: Option<Worker>,
    /// The memory cgroup that pays for that process's memory.
    pub cgroup: Option<Arc<str>>,
    /// The first address that was needed.
    pub address: Option<u64>,
    /// How many base pages; `None` where the call has no range.
    pub pages: Option<u64>,
    /// How long it took, nanoseconds.
    pub total_ns: u64,
    /// Of it until the thread's own migration began, nanoseconds: the driver's locks, mostly.
    /// `None` where it made none.
    pub before_setup_ns: Option<u64>,
    /// Of it in migrations of its own, nanoseconds; `None` where it made none.
    pub in_migration_ns: Option<u64>,
    /// Of it asleep until somebody else let go of the page, nanoseconds.
    pub page_lock_ns: u64,
    /// The sequence number of the last migration that it made itself.
    pub migration: Option<u64>,
    /// Where it slept for locks; `None` unless asked for, or if it slept for none.
    pub contended: Option<Contended>,
    /// The kernel's stack at its beginning, folded: outermost first, `;` between frames. `None`
    /// unless asked for.
    pub kernel_stack: Option<Arc<str>>,
    /// The user's stack that led there, folded. `None` unless asked for.
    pub user_stack: Option<Arc<str>>,
    /// In which phase the program was that waited, as
    /// [`Migration::phase`](super::Migration::phase).
    pub phase: Option<Arc<str>>,
}

/// The locks that a thread slept for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contended {
    /// How long it slept for locks altogether, nanoseconds.
    pub all_ns: u64,
    /// Of it for one lock, the longest.
    pub ns: u64,
    /// The name of that lock, or its address.
    pub lock: Arc<str>,
    /// Who held it when the wait began, where the lock tells.
    pub holder: Option<Worker>,
    /// Where that thread was then, folded, if it was off its CPU and the kernel tells.
    pub holder_stack: Option<Arc<str>>,
}

impl Wait {
    /// When it was over, nanoseconds of the recording's clock.
    pub fn end_ns(&self) -> u64 {
        self.time_ns.saturating_add(self.total_ns)
    }

    /// The thread that waited, whoever owns the memory.
    pub fn thread(&self) -> Option<u32> {
        self.worker
            .as_ref()
            .map_or(self.tid, |worker| Some(worker.tid))
    }

    /// Is it a wait for what somebody else moves?
    pub fn is_for_others(&self) -> bool {
        self.kind == WaitKind::Migrating || self.result == WaitResult::MovedByOther
    }

    /// What is left of it when its own migrations were over, nanoseconds; `None` where it made
    /// none.
    pub fn after_ns(&self) -> Option<u64> {
        let before = sum([self.before_setup_ns?, self.in_migration_ns?]);
        Some(self.total_ns.saturating_sub(before))
    }
}

/// Memory of a process, and a time: what a wait is about, or a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The process whose memory it is.
    pub pid: u32,
    /// Where the memory begins.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// When it began, nanoseconds of the recording's clock.
    pub from_ns: u64,
    /// When it ended, nanoseconds of the recording's clock.
    pub until_ns: u64,
}

impl Extent {
    /// Can a wait that is about this have been for a migration of that? It was under way while
    /// somebody waited, and has memory that was waited for.
    pub fn can_be_for(&self, migration: &Self) -> bool {
        self.pid == migration.pid
            && migration.start < self.end
            && self.start < migration.end
            && migration.from_ns <= self.until_ns
            && self.from_ns < migration.until_ns
    }
}

/// Sums over the waits of one kind and result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactWaits {
    /// What was waited for.
    pub kind: WaitKind,
    /// What came of it.
    pub result: WaitResult,
    /// How many there were.
    pub waits: u64,
    /// [`Wait::pages`] of those that have any.
    pub pages: u64,
    /// [`Wait::total_ns`].
    pub total_ns: u64,
    /// [`Wait::before_setup_ns`] of those that made a migration.
    pub before_setup_ns: u64,
    /// [`Wait::in_migration_ns`].
    pub in_migration_ns: u64,
    /// [`Wait::page_lock_ns`].
    pub page_lock_ns: u64,
}

impl ExactWaits {
    /// Nothing yet.
    pub fn new(kind: WaitKind, result: WaitResult) -> Self {
        Self {
            kind,
            result,
            waits: 0,
            pages: 0,
            total_ns: 0,
            before_setup_ns: 0,
            in_migration_ns: 0,
            page_lock_ns: 0,
        }
    }

    /// What it is about. Sorts as the enumerations do.
    pub fn key(&self) -> (WaitKind, WaitResult) {
        (self.kind, self.result)
    }

    /// Adds one.
    pub fn count(&mut self, wait: &Wait) {
        self.add(&Self {
            waits: 1,
            pages: wait.pages.unwrap_or(0),
            total_ns: wait.total_ns,
            before_setup_ns: wait.before_setup_ns.unwrap_or(0),
            in_migration_ns: wait.in_migration_ns.unwrap_or(0),
            page_lock_ns: wait.page_lock_ns,
            ..*self
        });
    }

    /// The same sums of both, each by `each`.
    fn each(&self, other: &Self, each: fn(u64, u64) -> u64) -> Self {
        Self {
            waits: each(self.waits, other.waits),
            pages: each(self.pages, other.pages),
            total_ns: each(self.total_ns, other.total_ns),
            before_setup_ns: each(self.before_setup_ns, other.before_setup_ns),
            in_migration_ns: each(self.in_migration_ns, other.in_migration_ns),
            page_lock_ns: each(self.page_lock_ns, other.page_lock_ns),
            ..*self
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        *self = self.each(other, u64::saturating_add);
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        self.each(before, u64::saturating_sub)
    }
}

/// The histogram of one figure of waits.
#[derive(Clone, PartialEq)]
pub struct ExactWaitFigure {
    /// What was measured.
    pub figure: WaitFigure,
    /// The values, within 1%.
    pub values: Values,
}

impl fmt::Debug for ExactWaitFigure {
    /// Without the thousands of counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExactWaitFigure")
            .field("of", &self.figure)
            .field("values", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl ExactWaitFigure {
    pub(super) fn add(&mut self, other: &Self) {
        self.values.add(&other.values);
    }

    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            figure: self.figure,
            values: self.values.since(&before.values),
        }
    }
}
