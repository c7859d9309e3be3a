//! Migrations that are under way.

use super::{Migration, Step};

/// Those that began before some time, as the tracer found them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InFlight {
    /// When it looked, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// The calls, the oldest first; or those of them that were told.
    pub calls: Vec<Unfinished>,
    /// How many more there are.
    pub more: u64,
    /// How long the oldest of all has been under way, nanoseconds; `None` if there is none.
    pub oldest_ns: Option<u64>,
}

/// A migration that is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// What is known of it so far. How it ends is not: its outcome means nothing, and its ledger
    /// has what the steps that are over told.
    pub migration: Migration,
    /// The step that is running.
    pub step: Step,
    /// How long that has been running, nanoseconds.
    pub step_ns: u64,
    /// How long the call has been under way, nanoseconds.
    pub age_ns: u64,
    /// The thread that makes it.
    pub thread: u32,
    /// What that thread is in at the moment, in the kernel: names of functions, innermost first;
    /// `None` where it may not be seen.
    pub stack: Option<Vec<String>>,
}
