//! Calls of which nothing came because something was missing: all or nothing.

use super::Ended;
use crate::trace::{Direction, Outcome, Reasons, ledger};

/// What drivers gave up, that is gave no destination to any page that the kernel had collected,
/// where the kernel could not collect all that was asked for. Calls home are left out: whoever
/// needs a page takes what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Calls.
    pub calls: u64,
    /// Pages that the kernel had collected for them, without holes. Unit: base pages.
    pub pages: u64,
    /// Pages that were missing. Unit: base pages.
    pub missing: u64,
    /// Why they were.
    pub reasons: Reasons,
    /// All the steps of these calls together, nanoseconds.
    pub time_ns: u64,
    /// Calls that went on without some pages, and of which others arrived.
    pub partial: u64,
}

impl GivenUp {
    /// Adds one migration. Of most there is nothing to add.
    #[inline]
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        if migration.ledger.skipped > 0 {
            self.count_incomplete(migration);
        }
    }

    #[cold]
    fn count_incomplete(&mut self, migration: &Ended<'_>) {
        let ledger = &migration.ledger;
        let missing = ledger.skipped.saturating_sub(migration.free.unwrap_or(0));
        let is_home = migration.direction == Direction::ToSystem;
        if is_home || missing == 0 || migration.outcome != Outcome::Completed {
            return;
        }
        let holes = migration.declined_holes.unwrap_or(0);
        let pages = ledger.declined.saturating_sub(holes);
        if migration.arrived > 0 {
            self.partial = self.partial.saturating_add(1);
        } else if pages > 0 && ledger::wasted(ledger) == 0 {
            self.add(&Self {
                calls: 1,
                pages,
                missing,
                reasons: Reasons::of(migration),
                time_ns: migration.total_ns,
                partial: 0,
            });
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.pages = self.pages.saturating_add(more.pages);
        self.missing = self.missing.saturating_add(more.missing);
        self.reasons.add(more.reasons);
        self.time_ns = self.time_ns.saturating_add(more.time_ns);
        self.partial = self.partial.saturating_add(more.partial);
    }

    /// Is it for what was missing that nothing came? A driver that mostly goes on without some
    /// pages had another reason, as when there is no room.
    pub fn is_for_what_was_missing(&self) -> bool {
        self.calls > 0 && self.partial <= self.calls / MOST_PARTIAL
    }
}

/// Of a driver that wants all or nothing, at most one call in so many goes on with a part: when
/// pages fail later.
const MOST_PARTIAL: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Ledger, Migration, Skips};
    use migscope_testkit::Synthetic;

    /// A call to the device for 512 pages, of which one is held.
    fn call(declined: u64) -> Migration {
        Migration {
            direction: Direction::ToDevice,
            outcome: Outcome::Completed,
            ledger: Ledger {
                requested: 512,
                skipped: 1,
                declined,
                moved: 511 - declined,
                ..Ledger::default()
            },
            skips: Some(Skips {
                not_collected: 0,
                unmap_failed: 1,
            }),
            declined_holes: Some(0),
            free: Some(0),
            steps: [Some(1000), None, None, None, None],
            ..Synthetic::new(1).migration()
        }
    }

    fn of(migrations: &[Migration]) -> GivenUp {
        let mut sum = GivenUp::default();
        for migration in migrations {
            sum.count(&Ended::new(&migration.into()));
        }
        sum
    }

    #[test]
    fn what_was_collected_is_given_up_for_what_was_not() {
        let sum = of(&[call(511), call(511)]);
        assert_eq!((sum.calls, sum.pages, sum.missing), (2, 1022, 2));
        assert_eq!((sum.reasons.unmap_failed, sum.time_ns), (2, 2000));
        assert!(sum.is_for_what_was_missing());
    }

    #[test]
    fn whoever_goes_on_with_a_part_has_other_reasons() {
        let sum = of(&[call(511), call(100)]);
        assert_eq!((sum.calls, sum.partial), (1, 1));
        assert!(!sum.is_for_what_was_missing());
        let mostly: Vec<_> = (0..21)
            .map(|n| call(if n == 0 { 100 } else { 511 }))
            .collect();
        assert!(of(&mostly).is_for_what_was_missing());
    }

    #[test]
    fn nothing_else_is_given_up() {
        let whole = Migration {
            ledger: Ledger {
                skipped: 0,
                declined: 512,
                ..call(511).ledger
            },
            ..call(511)
        };
        let holes = Migration {
            declined_holes: Some(511),
            ..call(511)
        };
        let home = Migration {
            direction: Direction::ToSystem,
            ..call(511)
        };
        let rolled_back = Migration {
            outcome: Outcome::RolledBack,
            ..call(511)
        };
        let free = Migration {
            free: Some(1),
            ..call(511)
        };
        for other in [whole, holes, home, rolled_back, free] {
            assert_eq!(
                of(std::slice::from_ref(&other)),
                GivenUp::default(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn sums_are_those_of_the_parts() {
        let (one, two) = (of(&[call(511), call(3)]), of(&[call(511)]));
        let mut sum = one;
        sum.add(&two);
        assert_eq!(sum, of(&[call(511), call(3), call(511)]));
    }
}
