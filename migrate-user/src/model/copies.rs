//! How fast pages are copied, as far as that is known.
//!
//! No driver tells when its copies begin and when they are done. But they lie between setup and
//! finalize: so much they did at least. It is not less where the driver also allocates or takes
//! locks meanwhile: many have their device copy the first pages while they prepare the next. And
//! where it waits for the fence of a copy, that copy takes as long as the wait at least.

use super::index;
use crate::trace::{Direction, Migration, Step};

/// What migrations copied, and between which bounds the time lies that this took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Migrations that copied anything.
    pub migrations: u64,
    /// Pages that moved, or were copied in vain. Unit: base pages.
    pub pages: u64,
    /// The copies took no longer, nanoseconds: the time between setup and finalize, with that of
    /// the tracer, in which a device goes on.
    pub longest_ns: u64,
    /// The copies took no less, if the fences that were waited for are theirs, nanoseconds. 0 where
    /// nothing tells.
    pub fence_ns: u64,
}

impl Copied {
    /// What a migration copied; `None` where that is nothing, or the parts of its time were not
    /// measured.
    pub fn of(migration: &Migration) -> Option<Self> {
        let parts = migration.driver_parts?;
        let ledger = &migration.ledger;
        let pages = ledger.moved.saturating_add(ledger.wasted_copy);
        let between = [Step::AllocAndCopy, Step::Pages, Step::FinalizeAndMap];
        let between = between.map(|step| migration.steps[step as usize].unwrap_or(0));
        let longest_ns = sum(between).saturating_add(migration.probe_ns());
        // Where pages were made as well, the fence may be of what cleared them.
        let all_copied = ledger.populated == 0 && ledger.wasted_fill == 0;
        let fence_ns = sum(parts.map(|of| of.fence_ns));
        let copied = Self {
            migrations: 1,
            pages,
            longest_ns,
            // No more than there is, which only bad input can have.
            fence_ns: if all_copied {
                fence_ns.min(longest_ns)
            } else {
                0
            },
        };
        (pages > 0).then_some(copied)
    }

    /// Does anything tell how long the copies took at least?
    pub fn is_by_fence(&self) -> bool {
        self.fence_ns > 0
    }

    /// As many pages were copied in a second, at least; `None` where no time passed.
    pub fn least(&self) -> Option<f64> {
        per_second(self.pages, self.longest_ns)
    }

    /// At most, if the fences that were waited for are those of the copies; `None` where nothing
    /// tells.
    pub fn most(&self) -> Option<f64> {
        per_second(self.pages, self.fence_ns)
    }

    fn add(&mut self, more: &Self) {
        for (sum, more) in [
            (&mut self.migrations, more.migrations),
            (&mut self.pages, more.pages),
            (&mut self.longest_ns, more.longest_ns),
            (&mut self.fence_ns, more.fence_ns),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

fn sum<const N: usize>(ns: [u64; N]) -> u64 {
    ns.into_iter().fold(0, u64::saturating_add)
}

fn per_second(pages: u64, ns: u64) -> Option<f64> {
    (ns > 0).then(|| pages as f64 * 1e9 / ns as f64)
}

/// What was copied, by direction: where fences were waited for, and where they were not. So each
/// has the bounds that its migrations carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies([[Copied; 2]; Direction::ALL.len()]);

impl Copies {
    /// Adds one migration, if it copied anything and was measured so.
    pub(super) fn count(&mut self, migration: &Migration) {
        if let Some(copied) = Copied::of(migration) {
            let of = &mut self.0[index(migration.direction)];
            of[usize::from(copied.is_by_fence())].add(&copied);
        }
    }

    /// Those of a direction whose drivers waited for fences, or the others.
    pub fn of(&self, direction: Direction, by_fence: bool) -> &Copied {
        &self.0[index(direction)][usize::from(by_fence)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{DriverParts, Ledger};
    use migscope_testkit::Synthetic;

    /// Sixteen pages; steps of 10, 400, 20, 300 and 50 ns, and 5 of the tracer's own.
    fn migration(fences: [u64; 2]) -> Migration {
        let fence = |fence_ns| DriverParts {
            fence_ns,
            lock_ns: 30,
            alloc_ns: 40,
            ..DriverParts::default()
        };
        Migration {
            ledger: Ledger {
                requested: 20,
                moved: 12,
                wasted_copy: 4,
                declined: 4,
                ..Ledger::default()
            },
            steps: [10, 400, 20, 300, 50].map(Some),
            probe: [2, 2, 1],
            driver_parts: Some(fences.map(fence)),
            ..Synthetic::new(1).migration()
        }
    }

    #[test]
    fn a_copy_lies_between_setup_and_finalize_and_is_as_long_as_its_fence() {
        let copied = Copied::of(&migration([100, 60])).unwrap();
        let expected = Copied {
            migrations: 1,
            pages: 16,
            longest_ns: 400 + 20 + 300 + 5,
            fence_ns: 160,
        };
        assert_eq!(copied, expected);
        assert_eq!(copied.least(), Some(16.0 * 1e9 / 725.0));
        assert_eq!(copied.most(), Some(1e8));
    }

    #[test]
    fn without_a_fence_there_is_no_upper_bound() {
        let copied = Copied::of(&migration([0, 0])).unwrap();
        assert!(copied.least().is_some() && !copied.is_by_fence());
        assert_eq!(copied.most(), None);
    }

    #[test]
    fn a_fence_may_be_of_what_cleared_pages() {
        for (populated, wasted_fill) in [(1, 0), (0, 1)] {
            let mut of = migration([100, 0]);
            of.ledger.populated = populated;
            of.ledger.wasted_fill = wasted_fill;
            let copied = Copied::of(&of).unwrap();
            assert_eq!((copied.pages, copied.most()), (16, None));
        }
    }

    #[test]
    fn where_nothing_was_copied_or_measured_nothing_is_told() {
        let mut nothing = migration([100, 0]);
        (nothing.ledger.moved, nothing.ledger.wasted_copy) = (0, 0);
        nothing.ledger.populated = 16;
        assert_eq!(Copied::of(&nothing), None);
        let mut unmeasured = migration([100, 0]);
        unmeasured.driver_parts = None;
        assert_eq!(Copied::of(&unmeasured), None);
    }

    #[test]
    fn no_time_tells_no_rate_and_bounds_never_cross() {
        let mut of = migration([0, 0]);
        of.steps = [None; Step::COUNT];
        of.probe = [0; 3];
        let copied = Copied::of(&of).unwrap();
        assert_eq!((copied.least(), copied.most()), (None, None));
        // Longer than the steps: only bad input has that.
        let copied = Copied::of(&migration([u64::MAX, 7])).unwrap();
        assert_eq!(copied.least(), copied.most());
    }

    #[test]
    fn sums_are_of_one_direction_with_fences_or_without() {
        let (mut with, mut without) = (migration([100, 60]), migration([0, 0]));
        let mut copies = Copies::default();
        (with.direction, without.direction) = (Direction::ToDevice, Direction::ToDevice);
        [&with, &with, &without]
            .iter()
            .for_each(|of| copies.count(of));
        with.direction = Direction::ToSystem;
        copies.count(&with);
        let of = |direction, by_fence| {
            let of = copies.of(direction, by_fence);
            (of.migrations, of.pages, of.fence_ns)
        };
        assert_eq!(of(Direction::ToDevice, true), (2, 32, 320));
        assert_eq!(of(Direction::ToDevice, false), (1, 16, 0));
        assert_eq!(of(Direction::ToSystem, true), (1, 16, 160));
        assert_eq!(of(Direction::ToSystem, false), (0, 0, 0));
    }
}
