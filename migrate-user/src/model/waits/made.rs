//! Which migrations were made by threads that had waited before.

use std::collections::HashMap;

use crate::trace::Wait;

/// How many are kept of the newest.
const KEPT: usize = 4096;

/// What threads waited before their migrations began, by the number of the migration. Two halves:
/// when the newer one is full, the older one is forgotten.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    newer: HashMap<u64, u64>,
    older: HashMap<u64, u64>,
}

impl Made {
    /// Adds one wait, if it made a migration.
    pub(super) fn count(&mut self, wait: &Wait) {
        let (Some(sequence), Some(before_ns)) = (wait.migration, wait.before_setup_ns) else {
            return;
        };
        if self.newer.len() >= KEPT / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(sequence, before_ns);
    }

    /// How long the thread waited that made this migration, nanoseconds.
    pub(super) fn before(&self, sequence: u64) -> Option<u64> {
        let newer = self.newer.get(&sequence);
        newer.or_else(|| self.older.get(&sequence)).copied()
    }
}
