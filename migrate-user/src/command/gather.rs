//! Puts small batches together before they are written: each batch in a recording costs some kilobytes by itself.

use crate::source::Batch;

/// With migrations, a batch is written this often, nanoseconds. Whoever watches a pipe waits that long.
const BUSY_NS: u64 = 200_000_000;

/// Without, this often: it only says that time has passed.
const IDLE_NS: u64 = 1_000_000_000;

/// A batch as large as this is not held back.
const ENOUGH: usize = 4096;

/// Batches that have not been written.
#[derive(Default)]
pub(super) struct Gather {
    pending: Batch,
    last_ns: Option<u64>,
}

impl Gather {
    /// Adds a batch. All that is pending, if it is time to write it.
    pub(super) fn add(&mut self, batch: Batch) -> Option<Batch> {
        self.pending.append(batch);
        self.is_due().then(|| self.take())
    }

    /// All that is pending.
    pub(super) fn take(&mut self) -> Batch {
        let batch = std::mem::take(&mut self.pending);
        self.last_ns = batch
            .status
            .as_ref()
            .map(|status| status.time_ns)
            .or(self.last_ns);
        batch
    }

    fn is_due(&self) -> bool {
        let count = self.pending.migrations.len();
        let (Some(status), Some(last)) = (&self.pending.status, self.last_ns) else {
            return true;
        };
        let wait = if count > 0 { BUSY_NS } else { IDLE_NS };
        count >= ENOUGH || status.time_ns.saturating_sub(last) >= wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Status;
    use crate::support::Synthetic;

    fn at(ms: u64, migrations: usize) -> Batch {
        let status = Status {
            time_ns: ms * 1_000_000,
            ..Status::default()
        };
        Batch {
            status: Some(status),
            ..Synthetic::new(1).batch(migrations)
        }
    }

    #[test]
    fn writes_when_due_and_loses_nothing() {
        let mut gather = Gather::default();
        let mut written = |batch| gather.add(batch).map(|batch| batch.migrations.len());
        assert_eq!(written(at(0, 0)), Some(0), "the first at once");
        assert_eq!(written(at(100, 0)), None);
        assert_eq!(written(at(150, 2)), None);
        assert_eq!(written(at(250, 3)), Some(5));
        assert_eq!(written(at(300, ENOUGH)), Some(ENOUGH));
        assert_eq!(written(at(1200, 0)), None);
        assert_eq!(written(at(1300, 0)), Some(0));
        assert_eq!(written(at(1400, 1)), None);
        assert_eq!(gather.take().migrations.len(), 1);
    }
}
