//! What the tracer did not see, by name.

use migrate_ebpf::wire::{LOSSES, Loss};

/// Counts since the tracer started, by [`Loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses([u64; LOSSES]);

impl Losses {
    /// Takes the counters of a [`Status`](super::Status).
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

    /// Those of them that are among the migrations that ended: of the others the tracer did not see
    /// how.
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

    /// The counters that are not 0, with their names, but those of waits: among counts of
    /// migrations, nobody would know them apart.
    pub fn nonzero(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let of_waits = [Loss::WaitLost, Loss::WaitMissed].map(Loss::name);
        self.named()
            .filter(move |(name, count)| *count > 0 && !of_waits.contains(name))
    }

    /// Counters that are not 0, not part of [`Losses::lost`] and not of waits: what else went
    /// wrong, under the name that views use. Unbalanced and unreadable records did come, and are
    /// marked.
    pub fn beside_lost(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.nonzero()
            .filter(|(name, _)| !Self::is_of_migrations(name) && *name != Loss::Unbalanced.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wait is no migration: it is in none of their counts, however many there are.
    #[test]
    fn waits_are_not_among_lost_migrations() {
        let mut counters = [0; LOSSES];
        counters[Loss::WaitLost as usize] = 12;
        counters[Loss::WaitMissed as usize] = 3;
        let losses = Losses::new(counters);
        assert_eq!((losses.lost(), losses.lost_of_ended()), (0, 0));
        assert_eq!(losses.nonzero().count() + losses.beside_lost().count(), 0);
        assert!(!Losses::is_of_migrations("wait_lost"));
        // Under their own names they are told.
        let named = losses.named().filter(|(_, count)| *count > 0);
        let named: Vec<_> = named.collect();
        assert_eq!(named, [("wait_lost", 12), ("wait_missed", 3)]);
    }
}
