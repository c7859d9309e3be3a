//! What is summed up for one row of a table: a driver, a process, a size.

use super::{Ended, GivenUp, index};
use crate::trace::{Direction, Ledger, Outcome, Reasons, ledger};

/// Sums over some of the records. All of them are exact, except [`Sums::wasted_ns`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many migrations.
    pub migrations: u64,
    /// Where their pages went. Unit: base pages.
    pub ledger: Ledger,
    /// Why pages were skipped. Unit: base pages.
    pub reasons: Reasons,
    /// All their steps together, nanoseconds.
    pub time_ns: u64,
    /// The part of [`Sums::time_ns`] that went into pages copied or made in vain, nanoseconds: of
    /// each migration, as large a part as these are of the pages for which the driver gave a
    /// destination. A page in vain costs about as much as another.
    pub wasted_ns: u64,
    /// The part of [`Sums::time_ns`] that went into migrations that were rolled back, nanoseconds.
    pub rolled_back_ns: u64,
    /// What drivers gave up because something was missing.
    pub given_up: GivenUp,
    arrived: [u64; Direction::ALL.len()],
}

impl Sums {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let (total_ns, arrived) = (migration.total_ns, migration.arrived);
        self.migrations = self.migrations.saturating_add(1);
        ledger::add(&mut self.ledger, &migration.ledger);
        self.reasons.count(migration);
        self.time_ns = self.time_ns.saturating_add(total_ns);
        let wasted = ledger::wasted(&migration.ledger);
        if wasted > 0 {
            let part = part_of(total_ns, wasted, arrived.saturating_add(wasted));
            self.wasted_ns = self.wasted_ns.saturating_add(part);
        }
        if migration.outcome == Outcome::RolledBack {
            self.rolled_back_ns = self.rolled_back_ns.saturating_add(total_ns);
        }
        self.given_up.count(migration);
        let pages = &mut self.arrived[index(migration.direction)];
        *pages = pages.saturating_add(arrived);
    }

    /// Adds what was summed up elsewhere.
    pub(super) fn add(&mut self, more: &Self) {
        self.migrations = self.migrations.saturating_add(more.migrations);
        ledger::add(&mut self.ledger, &more.ledger);
        self.reasons.add(more.reasons);
        self.time_ns = self.time_ns.saturating_add(more.time_ns);
        self.wasted_ns = self.wasted_ns.saturating_add(more.wasted_ns);
        self.rolled_back_ns = self.rolled_back_ns.saturating_add(more.rolled_back_ns);
        self.given_up.add(&more.given_up);
        for (sum, more) in self.arrived.iter_mut().zip(more.arrived) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Pages that arrived in one direction, or in all. Unit: base pages.
    pub fn arrived(&self, direction: Option<Direction>) -> u64 {
        match direction {
            Some(direction) => self.arrived[index(direction)],
            None => ledger::arrived(&self.ledger),
        }
    }

    /// All the time by the pages that arrived, nanoseconds; `None` if none did.
    pub fn ns_per_page(&self) -> Option<f64> {
        let pages = self.arrived(None);
        (pages > 0).then(|| self.time_ns as f64 / pages as f64)
    }
}

/// `whole * of / all`, without overflow.
pub(super) fn part_of(whole: u64, of: u64, all: u64) -> u64 {
    // Nothing and everything are what it mostly is, and wide numbers take long to divide.
    if of == 0 || of == all {
        return if of == 0 { 0 } else { whole };
    }
    let part = u128::from(whole) * u128::from(of) / u128::from(all.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Migration;
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn sums_are_those_of_the_migrations_however_they_are_grouped() {
        let all = Synthetic::new(1).batch(400).migrations;
        let (mut whole, mut halves) = (Sums::default(), [Sums::default(); 2]);
        for (at, migration) in all.made().iter().enumerate() {
            whole.count(&Ended::new(&migration.into()));
            halves[at % 2].count(&Ended::new(&migration.into()));
        }
        assert_eq!(whole.migrations, 400);
        assert_eq!(
            whole.time_ns,
            all.made().iter().map(Migration::total_ns).sum::<u64>()
        );
        let by_direction: u64 = Direction::ALL
            .iter()
            .map(|direction| whole.arrived(Some(*direction)))
            .sum();
        assert_eq!(by_direction, whole.arrived(None));
        let [mut sum, second] = halves;
        sum.add(&second);
        assert_eq!(sum, whole);
    }

    #[test]
    fn waste_takes_its_part_of_the_time() {
        let mut migration = Synthetic::new(1).migration();
        migration.steps = [Some(400), Some(600), None, None, None];
        migration.ledger = Ledger {
            requested: 10,
            moved: 6,
            wasted_copy: 1,
            wasted_fill: 1,
            skipped: 2,
            ..Ledger::default()
        };
        let mut sums = Sums::default();
        sums.count(&Ended::new(&(&migration).into()));
        assert_eq!((sums.time_ns, sums.wasted_ns), (1000, 250));
        assert_eq!(sums.ns_per_page(), Some(1000.0 / 6.0));
        assert_eq!(part_of(u64::MAX, u64::MAX, 1), u64::MAX);
    }
}
