//! Where migrations come from: this kernel, a file, standard input, a socket. One code path for all.

use crate::model::Migration;
use crate::recording::Facts;

/// What has happened since the last batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Migrations that ended, in the order of their sequence numbers as far as the kernel delivered them so.
    pub migrations: Vec<Migration>,
    /// The state of the tracer when the batch was made. Every batch from the kernel has one, also an empty
    /// batch: that is how losses are told and how a view knows that time has passed.
    pub status: Option<Status>,
}

/// The tracer's own account of itself. All counts are totals since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// When this was read, nanoseconds of the recording's clock.
    pub time_ns: u64,
    /// Migrations that ended in the kernel, reported or lost.
    pub ended: u64,
    /// What was lost, by `migrate_ebpf::wire::Loss`.
    pub losses: [u64; migrate_ebpf::wire::LOSS_NAMES.len()],
}

/// Yields batches until the recording or the tracer ends.
#[expect(async_fn_in_trait, reason = "used only in this crate, on one thread")]
pub trait Source {
    /// What is known before the first batch: machine, kernel, clock.
    fn facts(&self) -> &Facts;

    /// The next batch; `None` at the end. Cancel-safe: nothing is lost when the future is dropped.
    async fn next(&mut self) -> Result<Option<Batch>, crate::Error>;
}
