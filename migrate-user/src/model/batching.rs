//! What a call costs, and what a page: how the time of a migration grows with the pages that it
//! asks for.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use migrate_ebpf::wire::{self, CLASSES, Figure, histogram};

use super::fit::{Pages, Points};
use super::{Ended, Fit};
use crate::trace::{Cause, Direction, Outcome, Step};

/// Sizes, each up to twice the one before: 1, 2 to 3, 4 to 7, ...
const BUCKETS: usize = u64::BITS as usize;

/// The steps, and all of them together.
const FITS: usize = Step::COUNT + 1;

/// Completed migrations by direction and cause, and by the pages they asked for. Others have not
/// all their steps. One that asked for no page has no size.
#[derive(Clone, Debug)]
pub struct Batching {
    /// By [`Group::place`]; made when the first of them comes.
    groups: [Option<Box<Of>>; CLASSES],
    /// Were migrations chosen by how they went? Then no cost follows from them.
    by_result: bool,
}

/// Migrations in one direction and for one reason: what does the same work, so that their costs are
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Where pages went.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
}

impl Group {
    fn place(self) -> usize {
        wire::class(self.direction as u8, self.cause as u8)
    }

    /// `to_device, device_fault`.
    pub fn name(self) -> String {
        format!("{}, {}", self.direction.name(), self.cause.name())
    }
}

/// Places of a histogram of times, each of so many of the kernel's: 1/16 of their values wide.
const WIDER: usize = 8;
const TIMES: usize = histogram::BUCKETS.div_ceil(WIDER);

/// The migrations of one group and of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alike {
    /// How many there are.
    pub calls: u64,
    /// The median of their times without the longest one, nanoseconds: not too low, and at most
    /// 1/16 too high.
    pub median_ns: u64,
    /// By [`Step`], all together, nanoseconds.
    pub steps_ns: [u64; Step::COUNT],
}

/// Those of one group.
#[derive(Clone, Debug)]
struct Of {
    group: Group,
    sizes: [Sums; BUCKETS],
    points: [Points; FITS],
}

/// Sums over the migrations of one size.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// How many took how long, in wider places than the kernel's: made when the first comes.
    times: Option<Box<[u32; TIMES]>>,
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
        Self::new(false)
    }
}

impl Batching {
    /// None yet. `by_result`: they are chosen by how they went.
    pub(super) fn new(by_result: bool) -> Self {
        Self {
            groups: std::array::from_fn(|_| None),
            by_result,
        }
    }

    /// Adds one migration.
    pub(super) fn count(&mut self, migration: &Ended<'_>) {
        let requested = migration.ledger.requested;
        if migration.outcome != Outcome::Completed || requested == 0 {
            return;
        }
        let group = Group {
            direction: migration.direction,
            cause: migration.cause,
        };
        let of = self.groups[group.place()].get_or_insert_with(|| {
            Box::new(Of {
                group,
                sizes: std::array::from_fn(|_| Sums::default()),
                points: [Points::default(); FITS],
            })
        });
        let sums = &mut of.sizes[requested.ilog2() as usize];
        sums.calls = sums.calls.saturating_add(1);
        sums.requested = sums.requested.saturating_add(requested);
        sums.arrived = sums.arrived.saturating_add(migration.arrived);
        let times = sums.times.get_or_insert_with(|| Box::new([0; TIMES]));
        let time = &mut times[usize::from(migration.places[Figure::Total as usize]) / WIDER];
        *time = time.saturating_add(1);
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
        let chosen = move |of: &&Of| direction.is_none_or(|one| one == of.group.direction);
        let all = self.groups.iter().flatten().map(|of| &**of);
        all.filter(chosen)
    }

    /// The groups that occurred, those first that took most time.
    pub fn groups(&self) -> Vec<Group> {
        let mut all: Vec<_> = self.of(None).collect();
        all.sort_by_key(|of| Reverse(of.time_ns()));
        all.into_iter().map(|of| of.group).collect()
    }

    /// The time of all completed calls of a group, nanoseconds.
    pub fn time_ns(&self, group: Group) -> u64 {
        self.groups[group.place()]
            .as_ref()
            .map_or(0, |of| of.time_ns())
    }

    /// Those that ask for about as many pages as this, in the same group; `None` if there are no
    /// others.
    pub fn alike(&self, group: Group, pages: u64) -> Option<Alike> {
        let of = self.groups[group.place()].as_ref()?;
        let sums = of.sizes.get(pages.checked_ilog2()? as usize)?;
        let others = sums.calls.checked_sub(1).filter(|others| *others > 0)?;
        let mut before = 0;
        let place = sums.times.as_ref()?.iter().position(|count| {
            before += u64::from(*count);
            before >= others.div_ceil(2)
        })?;
        Some(Alike {
            calls: sums.calls,
            median_ns: histogram::lowest(((place + 1) * WIDER).min(histogram::BUCKETS - 1)),
            steps_ns: sums.steps_ns,
        })
    }

    /// Were migrations chosen by how they went, so that no costs follow from them?
    pub fn is_by_result(&self) -> bool {
        self.by_result
    }

    /// The sizes that occurred in one direction or in all, the smallest first.
    pub fn sizes(&self, direction: Option<Direction>) -> impl Iterator<Item = Size> {
        (0..BUCKETS)
            .map(move |bucket| size(bucket, self.of(direction)))
            .filter(|size| size.calls > 0)
    }

    /// The sizes that occurred in one group, the smallest first.
    pub fn sizes_of(&self, group: Group) -> impl Iterator<Item = Size> {
        let of = self.groups[group.place()].as_deref();
        (0..BUCKETS)
            .map(move |bucket| size(bucket, of.into_iter()))
            .filter(|size| size.calls > 0)
    }

    /// What a call and what a page costs in one step, or in the whole migration (`None`), in one
    /// group. `None` where that cannot be told: see [`Fit`].
    pub fn fit(&self, step: Option<Step>, group: Group) -> Option<Fit> {
        if self.by_result {
            return None;
        }
        let of = self.groups[group.place()].as_ref()?;
        of.points[step.map_or(Step::COUNT, |step| step as usize)].fit()
    }

    /// What it would have saved over the whole run to ask for so many pages at once, nanoseconds:
    /// the fixed cost of the calls that smaller ones, taken together, would then not have needed,
    /// and never more than what these took beyond the cost of their pages. Sizes that `batch_pages`
    /// lies in count as smaller as far as their average is. `None` where a call's own cost or that
    /// of a page cannot be told from 0.
    pub fn saved_ns(&self, batch_pages: u64, group: Group) -> Option<f64> {
        let fit = self.fit(None, group)?;
        let ((fixed_ns, _), (per_page_ns, _)) = fit.fixed().zip(fit.per_page())?;
        let of = self.groups[group.place()].as_ref()?;
        let saved = of.sizes.iter().map(|size| {
            let (calls, pages) = (size.calls as f64, size.requested as f64);
            let needless = (calls - pages / batch_pages.max(1) as f64).max(0.0);
            let beyond_ns = size.time_ns() as f64 - per_page_ns * pages;
            (needless * fixed_ns).min(beyond_ns.max(0.0))
        });
        Some(saved.sum())
    }

    /// The same of all groups of which it is known; `None` if it is of none.
    pub fn saved_in_all_ns(&self, batch_pages: u64) -> Option<f64> {
        let groups = self.of(None).map(|of| of.group);
        let saved = groups.filter_map(|group| self.saved_ns(batch_pages, group));
        saved.fold(None, |sum, more| Some(sum.unwrap_or(0.0) + more))
    }
}

/// The calls of one size in some groups.
fn size<'a>(bucket: usize, groups: impl Iterator<Item = &'a Of>) -> Size {
    let smallest = 1u64 << bucket;
    let mut size = Size {
        pages: smallest..=smallest + (smallest - 1),
        calls: 0,
        requested: 0,
        arrived: 0,
        time_ns: 0,
        steps_ns: [0; Step::COUNT],
    };
    for of in groups {
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

impl Of {
    fn time_ns(&self) -> u64 {
        let sizes = self.sizes.iter();
        sizes.fold(0, |sum, size| sum.saturating_add(size.time_ns()))
    }
}

impl Sums {
    /// All steps together, nanoseconds.
    fn time_ns(&self) -> u64 {
        let steps = self.steps_ns.iter();
        steps.fold(0, |sum, ns| sum.saturating_add(*ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    const GROUP: Group = Group {
        direction: Direction::ToDevice,
        cause: Cause::Driver,
    };

    /// Calls of `sizes` that take 1,000 ns and 10 ns per page in setup, and 300 ns and 5 ns per
    /// page in the others together.
    fn batching(sizes: impl Iterator<Item = u64>) -> Batching {
        let mut batching = Batching::default();
        let mut migration = Synthetic::new(1).migration();
        migration.outcome = Outcome::Completed;
        migration.direction = GROUP.direction;
        migration.cause = GROUP.cause;
        for pages in sizes {
            migration.ledger = crate::trace::Ledger {
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
        let setup = batching.fit(Some(Step::Setup), GROUP).unwrap();
        close(setup.fixed_ns, 1000.0);
        close(setup.per_page_ns, 10.0);
        let all = batching.fit(None, GROUP).unwrap();
        close(all.fixed_ns, 1300.0);
        close(all.per_page_ns, 15.0);
        close(all.break_even_pages().unwrap(), 1300.0 / 15.0);
        assert!(all.fixed_error_ns < 1e-3, "{all:?}");
        assert_eq!(all.calls, 1000);
        let cause = Cause::CpuFault;
        let none = batching.fit(None, Group { cause, ..GROUP });
        assert_eq!(none, None);
    }

    #[test]
    fn one_size_tells_nothing() {
        assert_eq!(batching([64; 100].into_iter()).fit(None, GROUP), None);
        assert!(
            batching([64, 64, 65].into_iter())
                .fit(None, GROUP)
                .is_some()
        );
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
        close(batching.saved_ns(512, GROUP).unwrap(), 511.0 * 1300.0);
        close(batching.saved_ns(128, GROUP).unwrap(), 508.0 * 1300.0);
        assert_eq!(batching.saved_ns(1, GROUP), Some(0.0));
    }
    /// Two kinds of work with costs of their own: in one line they would have neither's.
    #[test]
    fn each_group_has_its_own_costs() {
        let mut all = batching((0..10).map(|size| 1 << size).cycle().take(100));
        let mut migration = Synthetic::new(1).migration();
        migration.outcome = Outcome::Completed;
        (migration.direction, migration.cause) = (Direction::ToSystem, Cause::CpuFault);
        let home = Group {
            direction: Direction::ToSystem,
            cause: Cause::CpuFault,
        };
        for pages in [1, 2, 3, 4] {
            migration.ledger.requested = pages;
            migration.steps = [Some(50 * pages + 7000), None, None, None, None];
            all.count(&Ended::new(&(&migration).into()));
        }
        close(all.fit(None, GROUP).unwrap().fixed_ns, 1300.0);
        close(all.fit(None, home).unwrap().fixed_ns, 7000.0);
        assert_eq!(all.groups(), [GROUP, home]);
        let of_home: Vec<_> = all.sizes_of(home).collect();
        let sizes: Vec<_> = of_home
            .iter()
            .map(|size| (*size.pages.start(), size.calls))
            .collect();
        assert_eq!(sizes, [(1, 1), (2, 2), (4, 1)]);
        all.by_result = true;
        assert_eq!((all.fit(None, GROUP), all.saved_ns(8, GROUP)), (None, None));
    }

    #[test]
    fn no_more_is_saved_than_was_spent() {
        // Calls of one page take less than what larger ones say that a call costs.
        let mut all = batching([64, 128, 256, 512].into_iter().cycle().take(100));
        let mut migration = Synthetic::new(1).migration();
        migration.outcome = Outcome::Completed;
        (migration.direction, migration.cause) = (GROUP.direction, GROUP.cause);
        migration.ledger.requested = 1;
        migration.steps = [Some(20), None, None, None, None];
        for _ in 0..20 {
            all.count(&Ended::new(&(&migration).into()));
        }
        let spent = all.time_ns(GROUP) as f64;
        assert!(all.saved_ns(512, GROUP).is_none_or(|saved| saved <= spent));
        assert!(
            all.saved_in_all_ns(1 << 30)
                .is_none_or(|saved| saved <= spent)
        );
    }
}
