//! What comes at a time: migrations, and the state of the tracer.

use migrate_ebpf::wire::histogram::BUCKETS;

use super::{Filter, Migrations, Run, Status, Wait};

/// What has happened since the last batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Migrations that ended, in the order of their sequence numbers as far as the kernel delivered
    /// them so.
    pub migrations: Migrations,
    /// Waits that ended, in the order of their sequence numbers. One can come before the migration
    /// that it waited for.
    pub waits: Vec<Wait>,
    /// The state of the tracer when the batch was made. Every batch from the kernel has one, also
    /// an empty batch: that is how losses are told and how a view knows that time has passed.
    pub status: Option<Status>,
}

impl Batch {
    /// The memory that it takes, bytes, roughly.
    pub fn bytes(&self) -> usize {
        let exact = self
            .status
            .as_ref()
            .and_then(|status| status.exact.as_ref());
        let figures = exact.map_or(0, |exact| exact.figures.len());
        let waits = exact.map_or(0, |exact| exact.wait_figures.len());
        self.migrations.bytes()
            + size_of_val(&*self.waits)
            + (figures + waits) * size_of::<[u64; BUCKETS]>()
    }

    /// Adds what happened after this batch.
    pub fn append(&mut self, later: Self) {
        self.migrations.append(later.migrations);
        self.waits.extend(later.waits);
        let earlier = self.status.take();
        self.status = match (earlier, later.status) {
            // The totals were read with one of them.
            (Some(earlier), Some(later)) => Some(Status {
                exact: later.exact.or(earlier.exact),
                ..later
            }),
            (earlier, later) => later.or(earlier),
        };
    }

    /// Keeps what a filter lets through. The kernel's totals count all that was traced, so they go;
    /// time passes only as far as the filter lets it.
    pub fn choose(&mut self, filter: &Filter, run: &Run) {
        if filter.is_empty() {
            return;
        }
        self.migrations
            .make()
            .retain(|migration| filter.takes(migration, run));
        self.waits.retain(|wait| filter.takes_wait(wait, run));
        if let Some(status) = &mut self.status {
            status.exact = None;
            if let Some(extent) = filter.extent_ns(run) {
                status.time_ns = status.time_ns.clamp(extent.start, extent.end);
            }
        }
    }
}
