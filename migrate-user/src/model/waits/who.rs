//! Which processes and threads wait for what.

use std::cmp::Reverse;
use std::sync::Arc;

use super::super::sets::{Entry, Sets};
use super::WaitSums;
use crate::trace::{Wait, WaitKind};

/// What a process or a thread waited for, of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The process whose memory it is; `None` where nobody owns it any more.
    pub pid: Option<u32>,
    /// The thread; `None` where it is about the whole process.
    pub tid: Option<u32>,
    /// The process's command name, as it was last.
    pub comm: Option<Arc<str>>,
    /// The thread's own command name, where it is none of the process's.
    pub worker: Option<Arc<str>>,
    /// What was waited for.
    pub kind: WaitKind,
    /// How often, and how long.
    pub sums: WaitSums,
}

impl Entry for Waiter {
    type Key = (Option<u32>, Option<u32>, WaitKind);

    fn key(&self) -> Self::Key {
        (self.pid, self.tid, self.kind)
    }

    fn weight(&self) -> (u64, u64) {
        (self.sums.total_ns, self.sums.waits)
    }
}

/// All that were told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiters(Sets<Waiter>);

impl Waiters {
    /// Adds one wait of a thread, or of its process.
    pub(super) fn count(&mut self, wait: &Wait, tid: Option<u32>) {
        let worker = tid.and(wait.worker.as_ref()).map(|of| &of.comm);
        let number = |id: Option<u32>| u64::from(id.unwrap_or(0));
        let hash = number(wait.pid) << 32 ^ number(tid) << 3 ^ wait.kind as u64;
        let key = (wait.pid, tid, wait.kind);
        let waiter = self.0.entry(key, hash, || Waiter {
            pid: wait.pid,
            tid,
            comm: None,
            worker: None,
            kind: wait.kind,
            sums: WaitSums::default(),
        });
        rename(&mut waiter.comm, wait.comm.as_ref());
        rename(&mut waiter.worker, worker);
        waiter.sums.count(wait);
    }

    pub(super) fn sorted(&self) -> Vec<&Waiter> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|of| (Reverse(of.sums.total_ns), of.pid, of.tid, of.kind));
        all
    }

    pub(super) fn evicted(&self) -> u64 {
        self.0.evicted()
    }
}

/// Takes over a name, if there is one and it is another.
fn rename(name: &mut Option<Arc<str>>, new: Option<&Arc<str>>) {
    if let Some(new) = new
        && name.as_ref().is_none_or(|old| !Arc::ptr_eq(old, new))
    {
        *name = Some(Arc::clone(new));
    }
}
