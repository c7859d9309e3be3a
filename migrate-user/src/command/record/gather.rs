//! Puts small batches together before they are written: each batch in a recording costs some
//! kilobytes by itself.

use std::time::Duration;

use crate::recording::MAX_ROWS;
use crate::trace::Batch;

/// How long something waits for more that can be written with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Migrations and waits.
    busy: Duration,
    /// A batch without any: it only says that time has passed.
    idle: Duration,
}

impl Pace {
    /// For somebody who watches.
    pub(super) const LIVE: Self = Self {
        busy: Duration::from_millis(200),
        idle: Duration::from_secs(1),
    };

    /// For a file that is read later.
    pub(super) const FILE: Self = Self {
        busy: Duration::from_secs(5),
        idle: Duration::from_secs(10),
    };

    /// Nothing waits longer than this.
    pub(super) fn at_most(time: Duration) -> Self {
        Self {
            busy: time,
            idle: time.max(Self::LIVE.idle),
        }
    }
}

/// Batches that have not been written.
pub(super) struct Gather {
    pace: Pace,
    pending: Batch,
    last_ns: Option<u64>,
}

impl Gather {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            pending: Batch::default(),
            last_ns: None,
        }
    }

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
        let count = self.pending.migrations.len() + self.pending.waits.len();
        let (Some(status), Some(last)) = (&self.pending.status, self.last_ns) else {
            return true;
        };
        let wait = if count > 0 {
            self.pace.busy
        } else {
            self.pace.idle
        };
        let waited = Duration::from_nanos(status.time_ns.saturating_sub(last));
        count >= MAX_ROWS || waited >= wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Status;
    use migscope_testkit::Synthetic;

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
    fn waits_are_as_urgent_as_migrations() {
        let mut gather = Gather::new(Pace::LIVE);
        gather.add(at(0, 0));
        let of = Synthetic::new(1).with_waits().batch(4);
        let waits = |ms| Batch {
            waits: of.waits.clone(),
            ..at(ms, 0)
        };
        assert!(gather.add(waits(10)).is_none());
        let written = gather.add(waits(200)).unwrap();
        assert_eq!(written.waits.len(), 2 * of.waits.len());
    }

    #[test]
    fn writes_when_due_and_loses_nothing() {
        let mut gather = Gather::new(Pace::LIVE);
        let mut written = |batch| gather.add(batch).map(|batch| batch.migrations.len());
        assert_eq!(written(at(0, 0)), Some(0), "the first at once");
        assert_eq!(written(at(100, 0)), None);
        assert_eq!(written(at(150, 2)), None);
        assert_eq!(written(at(250, 3)), Some(5));
        assert_eq!(written(at(300, MAX_ROWS)), Some(MAX_ROWS));
        assert_eq!(written(at(1200, 0)), None);
        assert_eq!(written(at(1300, 0)), Some(0));
        assert_eq!(written(at(1400, 1)), None);
        assert_eq!(gather.take().migrations.len(), 1);
    }
}
