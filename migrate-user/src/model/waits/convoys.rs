//! Threads of one process that wait for the driver at the same time.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use super::super::sets::{Entry, Sets};
use super::WaitSums;
use crate::trace::{Wait, WaitKind};

/// How many of a process's last faults the next one is compared with.
const LAST: usize = 64;

/// The faults of a process, and how many of its threads waited at once before their own migrations
/// began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convoy {
    /// The process.
    pub pid: u32,
    /// Its command name, as it was last.
    pub comm: Option<Arc<str>>,
    /// Its faults whose own migration brought the page.
    pub sums: WaitSums,
    /// Of those, how many waited while another thread of the process did. At least: it is found out
    /// by the one that ends later.
    pub together: u64,
    /// How long those waited before their migrations began, nanoseconds.
    pub together_ns: u64,
    /// The most threads that waited at once. At least.
    pub threads: u64,
    last: VecDeque<Before>,
}

/// A time before a thread's own migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Before {
    thread: Option<u32>,
    from_ns: u64,
    until_ns: u64,
}

impl Entry for Convoy {
    type Key = u32;

    fn key(&self) -> u32 {
        self.pid
    }

    fn weight(&self) -> (u64, u64) {
        (self.sums.before_setup_ns, self.sums.waits)
    }
}

/// The processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Convoys(Sets<Convoy>);

impl Convoys {
    /// Adds one wait, if it made a migration.
    pub(super) fn count(&mut self, wait: &Wait) {
        let (WaitKind::Fault, Some(pid), Some(before_ns)) =
            (wait.kind, wait.pid, wait.before_setup_ns)
        else {
            return;
        };
        let convoy = self.0.entry(pid, pid.into(), || Convoy {
            pid,
            comm: None,
            sums: WaitSums::default(),
            together: 0,
            together_ns: 0,
            threads: 0,
            last: VecDeque::new(),
        });
        convoy.comm.clone_from(&wait.comm);
        convoy.sums.count(wait);
        convoy.meet(Before {
            thread: wait.thread(),
            from_ns: wait.time_ns,
            until_ns: wait.time_ns.saturating_add(before_ns),
        });
    }

    pub(super) fn sorted(&self) -> Vec<&Convoy> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|of| (Reverse(of.sums.before_setup_ns), of.pid));
        all
    }
}

impl Convoy {
    fn meet(&mut self, new: Before) {
        let mut others: Vec<_> = self
            .last
            .iter()
            .filter(|old| old.from_ns < new.until_ns && new.from_ns < old.until_ns)
            .filter(|old| old.thread != new.thread)
            .collect();
        if !others.is_empty() {
            self.together = self.together.saturating_add(1);
            self.together_ns = self.together_ns.saturating_add(new.until_ns - new.from_ns);
        }
        // Those that were there when the new one began, each thread once: they met each other, too.
        others.retain(|old| old.from_ns <= new.from_ns);
        let mut threads: Vec<_> = others.iter().map(|old| old.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        self.threads = self.threads.max(1 + threads.len() as u64);
        if self.last.len() >= LAST {
            self.last.pop_front();
        }
        self.last.push_back(new);
    }
}
