//! Locks that threads slept for while they waited.

use std::sync::Arc;

use crate::trace::{Wait, Worker};

/// How many are told apart.
const KEPT: usize = 64;

/// One lock, of waits in which the tracer was asked to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its name, or its address.
    pub name: Arc<str>,
    /// The process whose thread slept longest for it.
    pub pid: Option<u32>,
    /// How often it was the lock that a thread slept for longest.
    pub waits: u64,
    /// How long, nanoseconds.
    pub total_ns: u64,
    /// The longest of these, nanoseconds.
    pub longest_ns: u64,
    /// Who held it when the longest of those began of which that is known.
    pub holder: Option<Worker>,
    /// Where that thread was then, folded, if it was off its CPU.
    pub holder_stack: Option<Arc<str>>,
    /// How long that one took, nanoseconds.
    held_ns: u64,
}

/// Those that took most time first.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(Vec<Lock>);

impl Locks {
    /// Adds one wait, if it tells.
    pub(super) fn count(&mut self, wait: &Wait) {
        let Some(contended) = &wait.contended else {
            return;
        };
        let known = self.0.iter().position(|of| of.name == contended.lock);
        let at = known.unwrap_or_else(|| {
            // The one that took least gives way.
            self.0.truncate(KEPT - 1);
            self.0.push(Lock {
                name: Arc::clone(&contended.lock),
                pid: None,
                waits: 0,
                total_ns: 0,
                longest_ns: 0,
                holder: None,
                holder_stack: None,
                held_ns: 0,
            });
            self.0.len() - 1
        });
        let lock = &mut self.0[at];
        lock.waits = lock.waits.saturating_add(1);
        lock.total_ns = lock.total_ns.saturating_add(contended.ns);
        if contended.ns >= lock.longest_ns {
            (lock.longest_ns, lock.pid) = (contended.ns, wait.pid);
        }
        if contended.holder.is_some() && contended.ns >= lock.held_ns {
            lock.held_ns = contended.ns;
            lock.holder = contended.holder.clone();
            lock.holder_stack = contended.holder_stack.clone();
        }
        let before = |of: &&Lock| of.total_ns >= self.0[at].total_ns;
        let to = self.0[..at].iter().take_while(before).count();
        self.0[to..=at].rotate_right(1);
    }

    pub(super) fn sorted(&self) -> &[Lock] {
        &self.0
    }
}
