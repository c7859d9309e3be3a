//! What the time of migrations is of: of the wall clock, and of the threads' time.

use super::Model;

/// How long migrations took, beside how long that could have been.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MigrationTime {
    /// All steps of all migrations, nanoseconds, from where [`Model::totals`] are.
    pub total_ns: u64,
    /// Of those, what is counted twice: migrations in the middle of others, of the records that
    /// came, nanoseconds.
    pub nested_ns: u64,
    /// The wall clock's time meanwhile, nanoseconds.
    pub wall_ns: u64,
    /// Threads that made them, of the records that came.
    pub threads: u64,
    /// Are these all threads?
    pub has_all_threads: bool,
}

impl MigrationTime {
    /// How long threads were in migrations, nanoseconds: each moment of a thread counts once.
    pub fn busy_ns(&self) -> u64 {
        self.total_ns.saturating_sub(self.nested_ns)
    }

    /// The wall clock's time of all these threads together, nanoseconds.
    pub fn threads_ns(&self) -> u64 {
        self.wall_ns.saturating_mul(self.threads)
    }

    /// The share of the threads' time that went into migrations, 0 to 1; `None` where not all
    /// threads are known, or no time passed.
    pub fn share(&self) -> Option<f64> {
        let known = self.has_all_threads && self.threads_ns() > 0;
        let share = self.busy_ns() as f64 / self.threads_ns().max(1) as f64;
        // What began before counting did can make it more than there was.
        (known && share <= 1.0).then_some(share)
    }
}

impl Model {
    /// How long migrations took, and of how much time.
    pub fn migration_time(&self) -> MigrationTime {
        MigrationTime {
            total_ns: self.steps().total_ns(None),
            nested_ns: self.threads.nested_ns(),
            wall_ns: self.span_ns().unwrap_or(0),
            threads: self.threads.len() as u64,
            has_all_threads: self.has_all_records() && !self.threads.has_others(),
        }
    }
}
