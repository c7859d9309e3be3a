//! What the tracer did not see, by name.

use migrate_ebpf::wire::{LOSS_NAMES, Loss};

/// Counts since the tracer started, by [`Loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses([u64; LOSS_NAMES.len()]);

impl Losses {
    /// Takes the counters of a [`Status`](crate::source::Status).
    pub fn new(counters: [u64; LOSS_NAMES.len()]) -> Self {
        Self(counters)
    }

    /// Migrations that ended in the kernel and of which no record came.
    pub fn lost(&self) -> u64 {
        self.of(Loss::RingFull)
            .saturating_add(self.of(Loss::Incomplete))
    }

    /// One counter.
    pub fn of(&self, loss: Loss) -> u64 {
        self.0[loss as usize]
    }

    /// Every counter with its name, also those that are 0.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        LOSS_NAMES.into_iter().zip(self.0)
    }

    /// The counters that are not 0, with their names.
    pub fn nonzero(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.named().filter(|(_, count)| *count > 0)
    }

    /// Counters that are not 0 and not part of [`Losses::lost`]: what else went wrong, under the name that views
    /// use. Unbalanced and unreadable records did come, and are marked.
    pub fn beside_lost(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counted =
            [Loss::RingFull, Loss::Incomplete, Loss::Unbalanced].map(|loss| loss as usize);
        self.named()
            .enumerate()
            .filter(move |(at, (_, count))| *count > 0 && !counted.contains(at))
            .map(|(_, named)| named)
    }
}
