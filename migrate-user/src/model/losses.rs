//! What the tracer did not see, by name.

use migrate_ebpf::wire::Loss;

use super::Model;
use crate::trace::Losses;

impl Model {
    /// What the tracer lost since it started; `None` before it has told.
    pub fn losses(&self) -> Option<Losses> {
        self.status
            .as_ref()
            .map(|status| Losses::new(status.losses))
    }

    /// How many phases programs have opened, known or lost; `None` where they were not followed.
    pub fn phases_opened(&self) -> Option<u64> {
        self.status.as_ref()?.phases_opened
    }

    /// How long the oldest migration under way has been so, nanoseconds; 0 where none has been for
    /// a second. `None` where nobody looked.
    pub fn hanging_ns(&self) -> Option<u64> {
        self.status.as_ref()?.hanging_ns
    }

    /// Migrations that ended in the kernel since the tracer started, reported or lost; `None`
    /// before it has told.
    pub fn ended(&self) -> Option<u64> {
        self.status.as_ref().map(|status| status.ended)
    }

    /// Migrations that began since the tracer started and are over for it: ended, or lost before it
    /// saw them end. `None` before it has told.
    pub fn made(&self) -> Option<u64> {
        let losses = self.losses()?;
        let unseen = losses.lost().saturating_sub(losses.lost_of_ended());
        Some(self.ended()?.saturating_add(unseen))
    }

    /// Migrations that ended and were not chosen to be recorded; `None` before the tracer has told.
    pub fn left_out(&self) -> Option<u64> {
        Some(self.ended()? - self.chosen()?)
    }

    /// Migrations that ended and were to be recorded: those whose sequence number `record_every`
    /// divides.
    fn chosen(&self) -> Option<u64> {
        let every = u64::from(self.facts.record_every);
        self.ended()
            .map(|ended| if every == 0 { 0 } else { ended.div_ceil(every) })
    }

    /// Did every migration that ended, and that the filter lets through, come as a record? Before
    /// the tracer has told, nobody knows.
    pub fn has_all_records(&self) -> bool {
        self.facts.record_every == 1 && self.lost_since() == Some(0)
    }

    /// Migrations that ended since counting began, and that were to be recorded and were not;
    /// `None` before the tracer has told.
    pub fn lost_since(&self) -> Option<u64> {
        let lost = self.losses()?.lost_of_ended();
        Some(lost.saturating_sub(self.lost_before))
    }

    /// Of the migrations that were to be recorded since the tracer started, the share of which
    /// records came, 0 to 1; `None` where none was to be, and before the tracer has told.
    pub fn recorded_share(&self) -> Option<f64> {
        let (chosen, lost) = (self.chosen()?, self.losses()?.lost_of_ended());
        (chosen > 0).then(|| chosen.saturating_sub(lost) as f64 / chosen as f64)
    }

    /// Of how many migrations since the tracer started records came, and how many ended, where that
    /// is not all. What a filter of the dashboard lets through is a part of these.
    pub fn left_records(&self) -> Option<(u64, u64)> {
        let (lost, ended) = (self.losses()?.lost_of_ended(), self.ended()?);
        let records = self.chosen()?.saturating_sub(lost);
        (records < ended && !self.has_all_records()).then_some((records, ended))
    }

    /// Migrations that the tracer says have ended, and that neither came, nor are among the lost,
    /// nor were left out: 0 in a whole recording. With sampling it can be more, but not less, than
    /// this: which of the incomplete ones were chosen is not known. Where none is recorded, it is
    /// what the kernel's totals lack. `None` before the tracer has told, and under a filter that
    /// the tracer does not know. Means nothing after a [`reset`](Self::reset).
    pub fn unaccounted(&self) -> Option<u64> {
        if self.facts.chosen.is_some() {
            return None;
        }
        let losses = self.losses()?;
        let (expected, known) = match self.facts.record_every {
            0 => {
                let incomplete = losses.of(Loss::Incomplete);
                (
                    self.ended()?,
                    incomplete.saturating_add(self.kernel.counted()?),
                )
            }
            _ => {
                let received = self.records.exact().migrations();
                (
                    self.chosen()?,
                    losses.lost_of_ended().saturating_add(received),
                )
            }
        };
        Some(expected.saturating_sub(known))
    }

    /// Records that did not fit into the ring since the tracer started.
    pub(super) fn records_lost(&self) -> u64 {
        self.losses().map_or(0, |losses| losses.of(Loss::RingFull))
    }

    /// Of the migrations that were chosen to be recorded, those that the kernel has counted and of
    /// which no record came.
    pub(super) fn unrecorded(&self) -> u64 {
        self.records_lost().saturating_sub(self.lost_before)
    }
}
