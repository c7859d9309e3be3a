//! The longest waits.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::joined::Moved;
use crate::trace::{Wait, WaitKind};

/// How many of each kind are kept: another kind that takes longer would leave no room.
const KEPT: usize = 100;

/// A long wait, and what it was for.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The wait.
    pub wait: Wait,
    /// The migration by somebody else that it was for; `None` where it was for none, or nobody
    /// knows for which.
    pub moved: Option<Moved>,
}

/// The longest waits of each kind, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct List([Vec<Worst>; WaitKind::ALL.len()]);

impl List {
    /// Adds one, if it is long enough. Of those that took equally long the first is kept.
    pub(super) fn count(&mut self, wait: &Wait) {
        let longest = &mut self.0[wait.kind as usize - 1];
        let at = longest.partition_point(|of| of.wait.total_ns >= wait.total_ns);
        if at >= KEPT {
            return;
        }
        longest.truncate(KEPT - 1);
        let wait = wait.clone();
        longest.insert(at, Worst { wait, moved: None });
    }

    /// Notes for which migration a wait was.
    pub(super) fn answer(&mut self, sequence: u64, moved: Moved) {
        let mut all = self.0.iter_mut().flatten();
        if let Some(of) = all.find(|of| of.wait.sequence == sequence) {
            of.moved = Some(moved);
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Worst> {
        self.0.iter().flatten()
    }

    /// All of them, the longest first, with what is known so far.
    pub(super) fn sorted(&self, so_far: &HashMap<u64, Moved>) -> Vec<Worst> {
        let mut all: Vec<Worst> = self.0.iter().flatten().cloned().collect();
        for worst in &mut all {
            worst.moved = worst
                .moved
                .or_else(|| so_far.get(&worst.wait.sequence).copied());
        }
        all.sort_by_key(|worst| Reverse(worst.wait.total_ns));
        all
    }
}
