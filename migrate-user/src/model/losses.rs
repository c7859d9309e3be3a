//! What the tracer did not see, by name.

use migrate_ebpf::wire::{LOSSES, Loss};

use super::Model;

/// Counts since the tracer started, by [`Loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses([u64; LOSSES]);

impl Losses {
    /// Takes the counters of a [`Status`](crate::source::Status).
    pub fn new(counters: [u64; LOSSES]) -> Self {
        Self(counters)
    }

    /// Those that are migrations, each in one of them, of which no record came.
    const MIGRATIONS: [Loss; 6] = [
        Loss::RingFull,
        Loss::Incomplete,
        Loss::Headless,
        Loss::InFlightFull,
        Loss::HookMissed,
        Loss::Unfinished,
    ];

    /// Migrations that were to be recorded and of which no record came.
    pub fn lost(&self) -> u64 {
        self.sum(&Self::MIGRATIONS)
    }

    /// Those of them that are among the migrations that ended: of the others the tracer did not see how.
    pub fn lost_of_ended(&self) -> u64 {
        self.sum(&[Loss::RingFull, Loss::Incomplete])
    }

    /// Is this a count of migrations of which no record came?
    pub fn is_of_migrations(name: &str) -> bool {
        Self::MIGRATIONS.iter().any(|loss| loss.name() == name)
    }

    fn sum(&self, losses: &[Loss]) -> u64 {
        losses
            .iter()
            .fold(0, |sum, loss| sum.saturating_add(self.of(*loss)))
    }

    /// One counter.
    pub fn of(&self, loss: Loss) -> u64 {
        self.0[loss as usize]
    }

    /// Every counter with its name, also those that are 0.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Loss::ALL.iter().map(|loss| (loss.name(), self.of(*loss)))
    }

    /// The counters that are not 0, with their names.
    pub fn nonzero(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.named().filter(|(_, count)| *count > 0)
    }

    /// Counters that are not 0 and not part of [`Losses::lost`]: what else went wrong, under the name that views
    /// use. Unbalanced and unreadable records did come, and are marked.
    pub fn beside_lost(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.nonzero()
            .filter(|(name, _)| !Self::is_of_migrations(name) && *name != Loss::Unbalanced.name())
    }
}

impl Model {
    /// What the tracer lost since it started; `None` before it has told.
    pub fn losses(&self) -> Option<Losses> {
        self.status
            .as_ref()
            .map(|status| Losses::new(status.losses))
    }

    /// Migrations that ended in the kernel since the tracer started, reported or lost; `None` before it has told.
    pub fn ended(&self) -> Option<u64> {
        self.status.as_ref().map(|status| status.ended)
    }

    /// Migrations that began since the tracer started and are over for it: ended, or lost before it saw them end. `None` before it has
    /// told.
    pub fn made(&self) -> Option<u64> {
        let losses = self.losses()?;
        let unseen = losses.lost().saturating_sub(losses.lost_of_ended());
        Some(self.ended()?.saturating_add(unseen))
    }

    /// Migrations that ended and were not chosen to be recorded; `None` before the tracer has told.
    pub fn left_out(&self) -> Option<u64> {
        Some(self.ended()? - self.chosen()?)
    }

    /// Migrations that ended and were to be recorded: those whose sequence number `record_every` divides.
    fn chosen(&self) -> Option<u64> {
        let every = u64::from(self.facts.record_every);
        self.ended()
            .map(|ended| if every == 0 { 0 } else { ended.div_ceil(every) })
    }

    /// Did every migration that ended, and that the filter lets through, come as a record?
    pub fn has_all_records(&self) -> bool {
        let lost = self.losses().map_or(0, |losses| losses.lost_of_ended());
        self.facts.record_every == 1 && lost.saturating_sub(self.lost_before) == 0
    }

    /// Of how many migrations since the tracer started records came, and how many ended, where that is not all. What a filter of the
    /// dashboard lets through is a part of these.
    pub fn left_records(&self) -> Option<(u64, u64)> {
        let (lost, ended) = (self.losses()?.lost_of_ended(), self.ended()?);
        let records = self.chosen()?.saturating_sub(lost);
        (records < ended && !self.has_all_records()).then_some((records, ended))
    }

    /// Migrations that the tracer says have ended, and that neither came, nor are among the lost, nor were left out: 0
    /// in a whole recording. With sampling it can be more, but not less, than this: which of the incomplete ones were
    /// chosen is not known. Where none is recorded, it is what the kernel's totals lack. `None` before the tracer has
    /// told, and under a filter that the tracer does not know. Means nothing after a
    /// [`reset`](Self::reset).
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

    /// Of the migrations that were chosen to be recorded, those that the kernel has counted and of which no record came.
    pub(super) fn unrecorded(&self) -> u64 {
        self.records_lost().saturating_sub(self.lost_before)
    }
}
