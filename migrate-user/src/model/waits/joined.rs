//! Whose migrations threads waited for: where address and time tell.
//!
//! A wait ends before the record of the migration comes that it was for, because the page is free
//! before finalize returns. So a wait stays open for a while, and its answer is good only when
//! nothing else can come.

use std::collections::{HashMap, VecDeque};

use super::super::Ended;
use super::super::sets::{Entry, Sets};
use crate::trace::{Cause, Direction, Extent, Wait, WaitKind, WaitResult};

/// How long a migration may take to come after a wait that it overlaps: two seconds.
const OPEN_NS: u64 = 2_000_000_000;

/// How many waits are open at most.
const OPEN: usize = 4096;

/// How many migrations are remembered at most.
const MOVED: usize = 16_384;

/// Why it is asked which migration it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// A thread waited until somebody else had migrated a page.
    Page,
    /// A device has to ask again, because something happened in its range meanwhile.
    Retry,
}

impl Why {
    fn of(wait: &Wait) -> Option<Self> {
        if wait.is_for_others() {
            return Some(Self::Page);
        }
        let is_retry = wait.kind == WaitKind::RangeFault && wait.result == WaitResult::Retry;
        is_retry.then_some(Self::Retry)
    }
}

/// What is remembered of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its number.
    pub sequence: u64,
    /// The process whose memory it is.
    pub pid: u32,
    /// The thread that made it.
    pub thread: Option<u32>,
    /// Where its pages were to go.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// When it began, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// When it ended, nanoseconds of the recording's clock.
    pub end_ns: u64,
    /// Where its range begins.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

impl Moved {
    fn extent(&self) -> Extent {
        Extent {
            pid: self.pid,
            start: self.start,
            end: self.end,
            from_ns: self.time_ns,
            until_ns: self.end_ns,
        }
    }
}

/// A wait that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    sequence: u64,
    why: Why,
    about: Extent,
    /// The migration that the thread made itself, which it did not wait for.
    own: Option<u64>,
    /// The first migration that had its page, or a page of its range, at that time.
    first: Option<Moved>,
    /// Is it known to be the only one?
    is_only: bool,
}

impl Open {
    fn meet(&mut self, moved: &Moved) {
        if self.own != Some(moved.sequence) && self.about.can_be_for(&moved.extent()) {
            self.is_only &= self.first.is_none();
            self.first.get_or_insert(*moved);
        }
    }

    /// The migration that it was for, if that is known. For a device that has to ask again it does
    /// not matter whether there were several.
    fn answer(&self) -> Option<Moved> {
        let is_known = self.is_only || self.why == Why::Retry;
        self.first.filter(|_| is_known)
    }

    fn total_ns(&self) -> u64 {
        self.about.until_ns - self.about.from_ns
    }
}

/// Whose migrations others waited for, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// For what.
    pub why: Why,
    /// The process whose memory it was, and which waited.
    pub pid: u32,
    /// The thread that migrated.
    pub thread: Option<u32>,
    /// Where its pages were to go.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
    /// How many waits were for its migrations.
    pub waits: u64,
    /// How long these took, nanoseconds.
    pub total_ns: u64,
    /// The number of the migration that the longest of them was for.
    pub sequence: u64,
    /// How long that one took, nanoseconds.
    pub longest_ns: u64,
}

impl Entry for Blocker {
    type Key = (Why, u32, Option<u32>, Direction, Cause);

    fn key(&self) -> Self::Key {
        (self.why, self.pid, self.thread, self.direction, self.cause)
    }

    fn weight(&self) -> (u64, u64) {
        (self.total_ns, self.waits)
    }
}

/// What is known of for whom threads waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// For whose migrations, those that took most first.
    pub blockers: Vec<Blocker>,
    /// Waits of which it is known.
    pub waits: u64,
    /// How long those took, nanoseconds.
    pub total_ns: u64,
    /// Waits of which nobody knows: evictions have no address, and where several migrations had the
    /// page one after the other, it may have been either.
    pub unknown: u64,
    /// How long those took, nanoseconds.
    pub unknown_ns: u64,
}

/// Puts waits and migrations together.
#[derive(Clone, Debug, Default)]
pub(super) struct Joins {
    /// In the order in which they came.
    open: VecDeque<Open>,
    /// Those of `open` from here on have not met any migration.
    old_waits: usize,
    /// In the order in which they came.
    moved: VecDeque<Moved>,
    /// Those of `moved` from here on have not met any wait.
    old_moved: usize,
    /// Of those that are not remembered any more, when the last one ended.
    forgot_ns: Option<u64>,
    sums: Sums,
    /// Waits that were closed since somebody asked, with their answers.
    closed: Vec<(u64, Moved)>,
}

impl Joins {
    /// Notes a migration. An eviction has no address.
    pub(super) fn moved(&mut self, migration: &Ended<'_>, page_size: u64) {
        let (Some(pid), Some(start)) = (migration.pid, migration.address) else {
            return;
        };
        if self.moved.len() >= MOVED {
            self.forget();
        }
        let bytes = migration.ledger.requested.saturating_mul(page_size);
        self.moved.push_back(Moved {
            sequence: migration.sequence,
            pid,
            thread: migration.tid,
            direction: migration.direction,
            cause: migration.cause,
            time_ns: migration.time_ns,
            end_ns: migration.end_ns,
            start,
            end: start.saturating_add(bytes),
        });
    }

    /// Notes a wait, if it may have been for somebody else's migration.
    pub(super) fn wait(&mut self, wait: &Wait, page_size: u64) {
        let Some(why) = Why::of(wait) else {
            return;
        };
        let (Some(pid), Some(start)) = (wait.pid, wait.address) else {
            return self.sums.add(why, wait.total_ns, None);
        };
        // A page is asked for at one address; a device asks for all of a range.
        let bytes = match why {
            Why::Page => 1,
            Why::Retry => wait.pages.unwrap_or(1).max(1).saturating_mul(page_size),
        };
        if self.open.len() >= OPEN {
            // Many at once: each time, all migrations are looked through.
            self.meet();
            (0..OPEN / 2).for_each(|_| self.close_first());
        }
        self.open.push_back(Open {
            sequence: wait.sequence,
            why,
            about: Extent {
                pid,
                start,
                end: start.saturating_add(bytes),
                from_ns: wait.time_ns,
                until_ns: wait.end_ns(),
            },
            own: wait.migration,
            first: None,
            is_only: self.forgot_ns.is_none_or(|forgot| forgot < wait.time_ns),
        });
    }

    /// Looks for what belongs together, when a batch has been counted, and closes what has been
    /// open for long. What was found of those.
    pub(super) fn settle(&mut self, now_ns: u64) -> Vec<(u64, Moved)> {
        self.meet();
        let old_ns = now_ns.saturating_sub(OPEN_NS);
        while self
            .open
            .front()
            .is_some_and(|of| of.about.until_ns < old_ns)
        {
            self.close_first();
        }
        std::mem::take(&mut self.closed)
    }

    /// New waits meet all migrations, and old ones the new migrations.
    fn meet(&mut self) {
        let (old, new) = self.open.make_contiguous().split_at_mut(self.old_waits);
        let moved = self.moved.make_contiguous();
        join(new, moved);
        join(old, &moved[self.old_moved..]);
        self.old_waits = self.open.len();
        self.old_moved = self.moved.len();
    }

    /// Forgets the oldest migration. Waits that are open have met it, or may have.
    fn forget(&mut self) {
        if self.old_moved == 0 {
            self.meet();
        }
        if let Some(moved) = self.moved.pop_front() {
            self.forgot_ns = self.forgot_ns.max(Some(moved.end_ns));
            self.old_moved = self.old_moved.saturating_sub(1);
        }
    }

    fn close_first(&mut self) {
        let Some(open) = self.open.pop_front() else {
            return;
        };
        self.old_waits = self.old_waits.saturating_sub(1);
        let answer = open.answer();
        self.sums.add(open.why, open.total_ns(), answer.as_ref());
        self.closed
            .extend(answer.map(|moved| (open.sequence, moved)));
    }

    /// What is known so far of waits that are still open, by their numbers.
    pub(super) fn so_far(&self) -> HashMap<u64, Moved> {
        let known = |open: &Open| Some((open.sequence, open.answer()?));
        self.open.iter().filter_map(known).collect()
    }

    /// All that is known so far, also of waits that are still open.
    pub(super) fn of(&self, why: Why) -> Joined {
        let mut sums = self.sums.clone();
        for open in &self.open {
            sums.add(open.why, open.total_ns(), open.answer().as_ref());
        }
        sums.of(why)
    }
}

/// Lets waits meet the migrations of their processes that have their addresses.
fn join(waits: &mut [Open], moved: &[Moved]) {
    if waits.is_empty() || moved.is_empty() {
        return;
    }
    let first_ns = waits.iter().map(|of| of.about.from_ns).min();
    let first_ns = first_ns.unwrap_or(0);
    let mut of_process: HashMap<u32, Process<'_>> = HashMap::new();
    for wait in waits {
        let about = wait.about;
        let process = of_process.entry(about.pid).or_default();
        process.longest = process.longest.max(about.end - about.start);
        process.waits.push(wait);
    }
    for process in of_process.values_mut() {
        process.waits.sort_by_key(|of| of.about.start);
    }
    for one in moved.iter().filter(|of| of.end_ns >= first_ns) {
        if let Some(process) = of_process.get_mut(&one.pid) {
            process.meet(one);
        }
    }
}

/// Waits of a process, by their addresses.
#[derive(Default)]
struct Process<'a> {
    waits: Vec<&'a mut Open>,
    /// Bytes of the longest range.
    longest: u64,
}

impl Process<'_> {
    fn meet(&mut self, moved: &Moved) {
        let least = moved.start.saturating_sub(self.longest);
        let from = self.waits.partition_point(|of| of.about.start < least);
        let waits = self.waits[from..].iter_mut();
        for wait in waits.take_while(|of| of.about.start < moved.end) {
            wait.meet(moved);
        }
    }
}

/// Waits by whose migration they were for.
#[derive(Clone, Debug, Default)]
struct Sums {
    blockers: Sets<Blocker>,
    /// By [`Why`]: how many it is not known of, and how long they took.
    unknown: [(u64, u64); 2],
}

impl Sums {
    fn add(&mut self, why: Why, ns: u64, moved: Option<&Moved>) {
        let Some(moved) = moved else {
            let (waits, total_ns) = &mut self.unknown[why as usize];
            *waits = waits.saturating_add(1);
            *total_ns = total_ns.saturating_add(ns);
            return;
        };
        let &Moved {
            pid,
            thread,
            direction,
            cause,
            ..
        } = moved;
        let thread_bits = u64::from(thread.unwrap_or(0)) << 32;
        let hash = thread_bits ^ u64::from(pid) << 8 ^ (cause as u64) << 4 ^ direction as u64;
        let key = (why, pid, thread, direction, cause);
        let blocker = self.blockers.entry(key, hash, || Blocker {
            why,
            pid,
            thread,
            direction,
            cause,
            waits: 0,
            total_ns: 0,
            sequence: moved.sequence,
            longest_ns: 0,
        });
        blocker.waits = blocker.waits.saturating_add(1);
        blocker.total_ns = blocker.total_ns.saturating_add(ns);
        if ns > blocker.longest_ns {
            (blocker.longest_ns, blocker.sequence) = (ns, moved.sequence);
        }
    }

    fn of(&self, why: Why) -> Joined {
        let mut blockers: Vec<_> = self.blockers.iter().copied().collect();
        blockers.retain(|of| of.why == why);
        blockers.sort_by_key(|of| (std::cmp::Reverse(of.total_ns), of.pid, of.thread));
        let sum = |of: fn(&Blocker) -> u64| {
            let all = blockers.iter().map(of);
            all.fold(0, u64::saturating_add)
        };
        let (unknown, unknown_ns) = self.unknown[why as usize];
        Joined {
            waits: sum(|of| of.waits),
            total_ns: sum(|of| of.total_ns),
            blockers,
            unknown,
            unknown_ns,
        }
    }
}
