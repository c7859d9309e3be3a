//! What a call costs, and what a page: how the time of a migration grows with the pages that it asks for.

use std::ops::RangeInclusive;

use super::{
    Direction, Ended, Fit, Outcome, Step,
    fit::{Pages, Points},
    index,
};

/// Sizes, each up to twice the one before: 1, 2 to 3, 4 to 7, ...
const BUCKETS: usize = u64::BITS as usize;

/// The steps, and all of them together.
const FITS: usize = Step::COUNT + 1;

/// Completed migrations by direction and by the pages they asked for. Others have not all their steps. One that asked for no page
/// has no size.
#[derive(Clone, Debug)]
pub struct Batching([Box<Of>; Direction::ALL.len()]);

/// Those in one direction.
#[derive(Clone, Copy, Debug)]
struct Of {
    sizes: [Sums; BUCKETS],
    points: [Points; FITS],
}

/// Sums over the migrations of one size.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: u64,
    requested: u64,
    arrived: u64,
    steps_ns: [u64; Step::COUNT],
}

/// The migrations that asked for about as many pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many pages they asked for: from a power of two up to, and without, the next.
    pub pages: RangeInclusive<u64>,
    /// How many migrations.
    pub calls: u64,
    /// Pages that they asked for together. Unit: base pages.
    pub requested: u64,
    /// Pages that arrived. Unit: base pages.
    pub arrived: u64,
    /// All their steps together, nanoseconds.
    pub time_ns: u64,
    /// By [`Step`], nanoseconds.
    pub steps_ns: [u64; Step::COUNT],
}

impl Size {
    /// Time per page that arrived, nanoseconds; `None` if none did.
    pub fn ns_per_page(&self) -> Option<f64> {
        (self.arrived > 0).then(|| self.time_ns as f64 / self.arrived as f64)
    }
}

impl Default for Batching {
    fn default() -> Self {
        let nothing = Of {
            sizes: [Sums::default(); BUCKETS],
            points: [Points::default(); FITS],
        };
        Self(std::array::from_fn(|_| Box::new(nothing)))
    }
}

impl Batching {
    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let requested = migration.ledger.requested;
        if migration.outcome != Outcome::Completed || requested == 0 {
            return;
        }
        let of = &mut self.0[index(migration.direction)];
        let sums = &mut of.sizes[requested.ilog2() as usize];
        sums.calls = sums.calls.saturating_add(1);
        sums.requested = sums.requested.saturating_add(requested);
        sums.arrived = sums.arrived.saturating_add(migration.arrived);
        // Dividing takes long, and is the same for all.
        let x = Pages::new(requested);
        for (step, ns) in migration.steps.iter().enumerate() {
            if let Some(ns) = *ns {
                sums.steps_ns[step] = sums.steps_ns[step].saturating_add(ns);
                of.points[step].add(x, ns);
            }
        }
        of.points[Step::COUNT].add(x, migration.total_ns);
    }

    fn of(&self, direction: Option<Direction>) -> impl Iterator<Item = &Of> {
        let chosen = move |at: &usize| direction.is_none_or(|direction| index(direction) == *at);
        let all = self.0.iter().enumerate();
        all.filter(move |(at, _)| chosen(at)).map(|(_, of)| &**of)
    }

    /// The sizes that occurred in one direction or in all, the smallest first.
    pub fn sizes(&self, direction: Option<Direction>) -> impl Iterator<Item = Size> {
        (0..BUCKETS)
            .map(move |bucket| self.size(bucket, direction))
            .filter(|size| size.calls > 0)
    }

    fn size(&self, bucket: usize, direction: Option<Direction>) -> Size {
        let smallest = 1u64 << bucket;
        let mut size = Size {
            pages: smallest..=smallest + (smallest - 1),
            calls: 0,
            requested: 0,
            arrived: 0,
            time_ns: 0,
            steps_ns: [0; Step::COUNT],
        };
        for of in self.of(direction) {
            let sums = &of.sizes[bucket];
            size.calls = size.calls.saturating_add(sums.calls);
            size.requested = size.requested.saturating_add(sums.requested);
            size.arrived = size.arrived.saturating_add(sums.arrived);
            for (sum, more) in size.steps_ns.iter_mut().zip(sums.steps_ns) {
                *sum = sum.saturating_add(more);
                size.time_ns = size.time_ns.saturating_add(more);
            }
        }
        size
    }

    /// What a call and what a page costs in one step, or in the whole migration (`None`), in one direction or in all.
    /// `None` where that cannot be told: see [`Fit`].
    pub fn fit(&self, step: Option<Step>, direction: Option<Direction>) -> Option<Fit> {
        let at = step.map_or(Step::COUNT, |step| step as usize);
        let mut points = Points::default();
        self.of(direction)
            .for_each(|of| points.merge(&of.points[at]));
        points.fit()
    }

    /// What it would have saved over the whole run to ask for so many pages at once, nanoseconds: the fixed cost of the calls
    /// that smaller ones, taken together, would then not have needed. Sizes that `batch_pages` lies in count as smaller as far as
    /// their average is. `None` where the fixed cost is not known.
    pub fn saved_ns(&self, batch_pages: u64, direction: Option<Direction>) -> Option<f64> {
        let fit = self.fit(None, direction)?;
        let needless = self.sizes(direction).map(|size| {
            let (calls, pages) = (size.calls as f64, size.requested as f64);
            (calls - pages / batch_pages.max(1) as f64).max(0.0)
        });
        Some(needless.sum::<f64>() * fit.fixed_ns.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Synthetic;

    /// Calls of `sizes` that take 1,000 ns and 10 ns per page in setup, and 300 ns and 5 ns per page in the others together.
    fn batching(sizes: impl Iterator<Item = u64>) -> Batching {
        let mut batching = Batching::default();
        let mut migration = Synthetic::new(1).migration();
        migration.outcome = Outcome::Completed;
        migration.direction = Direction::ToDevice;
        for pages in sizes {
            migration.ledger = super::super::Ledger {
                requested: pages,
                moved: pages,
                ..Default::default()
            };
            migration.steps = [
                Some(1000 + 10 * pages),
                Some(100 + 5 * pages),
                Some(50),
                Some(50),
                Some(100),
            ];
            batching.count(&Ended::new(&(&migration).into()));
        }
        batching
    }

    fn close(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 1e-6, "{got} for {expected}");
    }

    #[test]
    fn the_costs_are_those_that_the_calls_have() {
        let batching = batching((0..10).map(|size| 1 << size).cycle().take(1000));
        let setup = batching.fit(Some(Step::Setup), None).unwrap();
        close(setup.fixed_ns, 1000.0);
        close(setup.per_page_ns, 10.0);
        let all = batching.fit(None, Some(Direction::ToDevice)).unwrap();
        close(all.fixed_ns, 1300.0);
        close(all.per_page_ns, 15.0);
        close(all.break_even_pages().unwrap(), 1300.0 / 15.0);
        assert!(all.fixed_error_ns < 1e-3, "{all:?}");
        assert_eq!(all.calls, 1000);
        let none = batching.fit(None, Some(Direction::ToSystem));
        assert_eq!(none, None);
    }

    #[test]
    fn one_size_tells_nothing() {
        assert_eq!(batching([64; 100].into_iter()).fit(None, None), None);
        assert!(batching([64, 64, 65].into_iter()).fit(None, None).is_some());
    }

    #[test]
    fn sizes_add_up() {
        let batching = batching([1, 2, 3, 4, 7, 8, 1 << 40].into_iter());
        let sizes: Vec<_> = batching.sizes(None).collect();
        let of = |size: &Size| (size.pages.clone(), size.calls, size.arrived);
        let expected = [
            (1..=1, 1, 1),
            (2..=3, 2, 5),
            (4..=7, 2, 11),
            (8..=15, 1, 8),
            (1 << 40..=(1 << 41) - 1, 1, 1 << 40),
        ];
        assert_eq!(sizes.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(sizes[0].time_ns, 1315);
        assert_eq!(sizes[1].steps_ns[0], 2050);
        assert_eq!(sizes[0].ns_per_page(), Some(1315.0));
    }

    #[test]
    fn larger_calls_save_the_fixed_cost_of_those_they_replace() {
        let batching = batching([1; 512].into_iter().chain([512; 2]));
        close(batching.saved_ns(512, None).unwrap(), 511.0 * 1300.0);
        close(batching.saved_ns(128, None).unwrap(), 508.0 * 1300.0);
        assert_eq!(batching.saved_ns(1, None), Some(0.0));
    }
}
