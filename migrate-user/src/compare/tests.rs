//! It tells what has changed, and is quiet where nothing has.

use super::{Comparison, Figure, Figures, Limits, Sample, Unit, Verdict, compare};
use crate::trace::{
    DRIVER_PARTS, Ledger, Migration, OF_DRIVER, Step, Wait, WaitFigure, WaitKind, WaitResult,
    each_part, ledger,
};
use migscope_testkit::Synthetic;

fn sample(seed: u64, calls: usize, mut change: impl FnMut(&mut Migration)) -> Sample {
    let mut sample = Sample::default();
    for mut migration in Synthetic::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .batch(calls)
        .migrations
    {
        change(&mut migration);
        sample.count(&(&migration).into());
    }
    sample
}

fn plain(seed: u64) -> Sample {
    sample(seed, 2000, |_| ())
}

fn one(base: Sample, new: Sample) -> Comparison {
    compare(vec![base], vec![new], Limits::default())
}

fn verdict(comparison: &Comparison, figure: Figure) -> Option<Verdict> {
    let found = comparison
        .figures
        .iter()
        .find(|found| found.figure == figure);
    found.and_then(|found| found.verdict)
}

#[test]
fn a_run_is_the_same_as_itself() {
    let comparison = one(plain(1), plain(1));
    assert_eq!(
        (comparison.verdict, comparison.unit),
        (Verdict::Same, Unit::Blocks)
    );
    assert_eq!(comparison.why, Vec::<String>::new());
    for figures in &comparison.figures {
        assert_eq!(figures.change, Some(0.0), "{figures:?}");
        // A block has too few migrations for some quantiles.
        assert!(
            figures.effect.is_none_or(|effect| effect == 0.0),
            "{figures:?}"
        );
        assert!(
            figures
                .interval
                .is_some_and(|(low, high)| low <= 0.0 && high >= 0.0),
            "{figures:?}"
        );
    }
    assert_eq!(one(plain(1), plain(1)), comparison, "it repeats");
}

#[test]
fn runs_of_the_same_kind_give_no_false_alarm() {
    // No limit: every interval that leaves out "no change" is an alarm, and any of 23 figures could
    // be one.
    let limits = Limits {
        time: 0.0,
        share: 0.0,
    };
    let alarms = (0..100).filter(|pair| {
        let (base, new) = (
            sample(2 * pair + 1, 300, |_| ()),
            sample(2 * pair + 2, 300, |_| ()),
        );
        compare(vec![base], vec![new], limits).verdict == Verdict::Worse
    });
    assert!(alarms.count() <= 5);
}

#[test]
fn a_slower_step_is_found_and_named() {
    let slow = sample(3, 2000, |migration| {
        migration.steps[1] = migration.steps[1].map(|ns| ns * 3 / 2);
    });
    let comparison = one(plain(2), slow);
    assert_eq!(comparison.verdict, Verdict::Worse);
    assert_eq!(
        verdict(&comparison, Figure::TimePerPage),
        Some(Verdict::Worse)
    );
    let setup = Figure::Quantile(Some(crate::trace::Step::Setup), 500);
    assert_ne!(verdict(&comparison, setup), Some(Verdict::Worse));
    let why = &comparison.why[0];
    assert!(
        why.contains("longer") && why.ends_with("in alloc_and_copy"),
        "{why}"
    );
    let back = one(
        sample(3, 2000, |m| m.steps[1] = m.steps[1].map(|ns| ns * 3 / 2)),
        plain(2),
    );
    assert_ne!(back.verdict, Verdict::Worse);
    assert_eq!(verdict(&back, Figure::TimePerPage), Some(Verdict::Better));
}

#[test]
fn waste_is_found_and_named() {
    let wasting = sample(5, 2000, |migration| {
        let half = migration.ledger.moved / 2;
        migration.ledger.moved -= half;
        migration.ledger.wasted_copy += half;
    });
    let comparison = one(plain(4), wasting);
    assert_eq!(
        verdict(&comparison, Figure::WastedShare),
        Some(Verdict::Worse)
    );
    let says = |why: &String| why.contains("are thrown away instead of");
    assert!(comparison.why.iter().any(says), "{:?}", comparison.why);
}

#[test]
fn a_change_below_the_limit_does_not_count() {
    let slower = || {
        sample(7, 2000, |migration| {
            migration.steps = migration.steps.map(|ns| ns.map(|ns| ns + ns / 20));
        })
    };
    assert_ne!(one(plain(7), slower()).verdict, Verdict::Worse);
    let strict = Limits {
        time: 0.0,
        ..Limits::default()
    };
    // Every duration is a twentieth longer, but how much runs vary is more than that.
    let groups = |change: u64| {
        let runs = (0..8).map(move |seed| {
            sample(seed + 40, 500, |m| {
                m.steps = m.steps.map(|ns| ns.map(|ns| ns + ns * change / 100));
            })
        });
        runs.collect::<Vec<_>>()
    };
    let comparison = compare(groups(0), groups(30), strict);
    assert_eq!(
        (comparison.unit, comparison.units),
        (Unit::Recordings, (8, 8))
    );
    assert_eq!(comparison.verdict, Verdict::Worse);
}

#[test]
fn too_little_tells_nothing() {
    let comparison = one(sample(1, 3, |_| ()), plain(2));
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    let tells_nothing = |figures: &Figures| {
        figures.interval.is_none() && figures.verdict.is_none_or(Verdict::is_open)
    };
    assert!(comparison.figures.iter().all(tells_nothing));
    let empty = one(Sample::default(), Sample::default());
    assert_eq!(
        (empty.verdict, empty.migrations),
        (Verdict::Inconclusive, (0, 0))
    );
}

#[test]
fn absurd_numbers_are_compared_too() {
    let absurd = |seed| {
        sample(seed, 100, |migration| {
            migration.steps = [Some(u64::MAX); 5];
            migration.ledger = Ledger {
                requested: u64::MAX,
                moved: u64::MAX,
                ..Ledger::default()
            };
        })
    };
    assert_eq!(one(absurd(1), absurd(2)).verdict, Verdict::Same);
}

/// Calls that ask for many pages, of a run that has others, too.
fn large(seed: u64) -> Sample {
    let mut sample = Sample::default();
    let all = Synthetic::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).batch(8000);
    let large = all.migrations.made().iter();
    let large = large.filter(|migration| migration.ledger.requested >= 64);
    large.take(2000).for_each(|m| sample.count(&m.into()));
    sample
}

#[test]
fn larger_calls_are_not_worse_ones() {
    let comparison = one(plain(1), large(2));
    let whole = comparison
        .figures
        .iter()
        .find(|found| found.figure == Figure::Quantile(None, 500))
        .unwrap();
    // It is much longer, and that is because of what was asked for.
    assert!(whole.interval.unwrap().0 > 0.1, "{whole:?}");
    assert_eq!(whole.verdict, Some(Verdict::Unsure));
    assert_ne!(comparison.verdict, Verdict::Worse);
    let why = comparison.why.last().unwrap();
    assert!(
        why.starts_with("pages per call changed from ") && why.ends_with("may tell nothing"),
        "{why}"
    );
    let back = one(large(2), plain(1));
    assert_eq!(
        verdict(&back, Figure::Quantile(None, 500)),
        Some(Verdict::Unsure)
    );
}

#[test]
fn effects_are_of_units_of_like_size() {
    let effects = |comparison: &Comparison| {
        let effects = comparison.figures.iter().filter_map(|found| found.effect);
        effects.count()
    };
    // Blocks of 32 and of 8.
    let unlike = one(plain(1), sample(2, 400, |_| ()));
    assert_eq!((effects(&unlike), unlike.has_units_alike()), (0, false));
    assert_eq!(unlike.units_have(), (32, 8));
    let alike = one(plain(1), sample(2, 1900, |_| ()));
    assert!(effects(&alike) > 5 && alike.has_units_alike());
    let runs = |seed, calls| (0..5u64).map(move |run| sample(seed + run, calls, |_| ()));
    let runs = compare(
        runs(10, 400).collect(),
        runs(20, 50).collect(),
        Limits::default(),
    );
    assert!(effects(&runs) > 5 && runs.has_units_alike());
}

/// A run whose waits of these kinds are known.
fn waiting(seed: u64, kinds: &[WaitKind], mut change: impl FnMut(&mut Wait) -> bool) -> Sample {
    let mut synthetic = Synthetic::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).with_waits();
    let mut sample = Sample::default();
    sample.knows_waits(kinds.iter().copied());
    for _ in 0..60 {
        let mut batch = synthetic.batch(100);
        batch.waits.retain_mut(&mut change);
        sample.add(&batch);
    }
    sample
}

fn figure(comparison: &Comparison, figure: Figure) -> Option<&Figures> {
    let mut figures = comparison.figures.iter();
    figures.find(|found| found.figure == figure)
}

#[test]
fn waits_are_compared_where_both_sides_know_them_and_they_occur() {
    let all = |seed| waiting(seed, WaitKind::ALL, |_| true);
    let of = |base, new| one(base, new).figures.len();
    let none = of(plain(1), plain(2));
    assert_eq!(of(all(1), plain(2)), none);
    assert_eq!(of(plain(1), all(2)), none);
    let both = none + Figure::of_waits(WaitKind::ALL).len();
    assert_eq!(of(all(1), all(2)), both);
    let faults = |seed| waiting(seed, &[WaitKind::Fault], |_| true);
    let of_fault = none + Figure::of_waits(&[WaitKind::Fault]).len();
    assert_eq!(of(faults(1), all(2)), of_fault);
    // What neither side has seen is no figure; what one has is one that the other does not tell.
    let seldom = |seed| waiting(seed, WaitKind::ALL, |wait| wait.kind == WaitKind::Fault);
    assert_eq!(of(seldom(1), seldom(2)), of_fault);
    let comparison = one(seldom(1), all(2));
    let found = figure(&comparison, Figure::WaitMean(WaitFigure::Exclusive)).unwrap();
    assert_eq!((found.base, found.verdict), (None, None));
    assert!(found.new.is_some());
}

/// Against plain sums of the waits themselves.
#[test]
fn figures_of_waits_are_what_plain_sums_say() {
    let mut waits = Vec::new();
    let known = waiting(3, WaitKind::ALL, |wait| {
        waits.push(wait.clone());
        true
    });
    let comparison = one(known, waiting(4, WaitKind::ALL, |_| true));
    let base = |of| figure(&comparison, of).unwrap().base.unwrap();
    let of = |kind| waits.iter().filter(move |wait| wait.kind == kind);
    for &kind in WaitKind::ALL {
        let mut all: Vec<_> = of(kind).map(|wait| wait.total_ns).collect();
        all.sort_unstable();
        let mean = all.iter().sum::<u64>() as f64 / all.len() as f64;
        assert!((base(Figure::WaitMean(kind.into())) / mean - 1.0).abs() < 1e-9);
        let median = all[(all.len() - 1) / 2] as f64;
        let found = base(Figure::WaitQuantile(kind.into(), 500));
        assert!((found / median - 1.0).abs() < 0.01, "{found} {median}");
    }
    let asked = of(WaitKind::RangeFault);
    let again = asked
        .clone()
        .filter(|wait| wait.result == WaitResult::Retry);
    let share = again.count() as f64 / asked.count() as f64;
    assert!((base(Figure::RetryShare) - share).abs() < 1e-9);
    let moved = of(WaitKind::Fault).filter(|wait| wait.result == WaitResult::Moved);
    let sum = |ns: fn(&Wait) -> u64| moved.clone().map(ns).sum::<u64>() as f64;
    let before = sum(|wait| wait.before_setup_ns.unwrap());
    let share = before / sum(|wait| wait.total_ns);
    assert!((base(Figure::BeforeSetupShare) - share).abs() < 1e-9);
    let mean = before / moved.count() as f64;
    assert!((base(Figure::WaitMean(WaitFigure::BeforeSetup)) / mean - 1.0).abs() < 1e-9);
}

/// All intervals hold at once in 19 of 20 comparisons.
#[test]
fn intervals_of_equal_waits_hold_no_change() {
    let of = |seed| waiting(seed, WaitKind::ALL, |_| true);
    let of_waits = Figure::of_waits(WaitKind::ALL);
    let pairs = (0..8).filter(|pair| {
        let comparison = one(of(2 * pair + 101), of(2 * pair + 102));
        of_waits.iter().any(|of| {
            let found = figure(&comparison, *of).unwrap();
            found
                .interval
                .is_some_and(|(low, high)| low > 0.0 || high < 0.0)
        })
    });
    let off: Vec<_> = pairs.collect();
    assert!(off.len() <= 1, "{off:?}");
}

#[test]
fn longer_waits_are_found_and_named() {
    let slower = waiting(6, WaitKind::ALL, |wait| {
        wait.total_ns += wait.before_setup_ns.unwrap_or(0);
        wait.before_setup_ns = wait.before_setup_ns.map(|ns| ns * 2);
        true
    });
    let comparison = one(waiting(5, WaitKind::ALL, |_| true), slower);
    let of_waits = |of| verdict(&comparison, Figure::WaitMean(of));
    assert_eq!(of_waits(WaitFigure::BeforeSetup), Some(Verdict::Worse));
    assert_ne!(of_waits(WaitFigure::Notifier), Some(Verdict::Worse));
    assert_eq!(comparison.verdict, Verdict::Worse);
    // It is shown, and a larger share of a fault is not worse by itself.
    let share = figure(&comparison, Figure::BeforeSetupShare).unwrap();
    assert!(share.change.unwrap() > 0.05 && share.verdict.is_none());
    let says =
        |why: &String| why.starts_with("longer mean waits: ") && why.contains("before_setup (+");
    assert!(comparison.why.iter().any(says), "{:?}", comparison.why);
}

#[test]
fn more_retries_are_worse_and_waits_that_end_otherwise_are_not() {
    let few = waiting(7, WaitKind::ALL, |wait| {
        if wait.result == WaitResult::Retry {
            // As calls that fail at once are.
            wait.total_ns = 2_000;
        }
        wait.result != WaitResult::Retry || wait.sequence % 4 == 0
    });
    let many = waiting(8, WaitKind::ALL, |wait| {
        if wait.result == WaitResult::Retry {
            wait.total_ns = 2_000;
        }
        true
    });
    let median = Figure::WaitQuantile(WaitFigure::RangeFault, 500);
    let worse = one(few.clone(), many.clone());
    assert_eq!(verdict(&worse, Figure::RetryShare), Some(Verdict::Worse));
    let says = |why: &String| why.contains("have to be made again instead of");
    assert!(worse.why.iter().any(says), "{:?}", worse.why);
    // Those that are not made again take longer, which is no news.
    let back = one(many, few);
    let mean = figure(&back, Figure::WaitMean(WaitFigure::RangeFault)).unwrap();
    assert!(mean.interval.unwrap().0 > 0.1, "{mean:?}");
    assert_eq!(mean.verdict, Some(Verdict::Unsure));
    assert_ne!(verdict(&back, median), Some(Verdict::Worse));
    let says =
        |why: &String| why.starts_with("waits end in other ways") && why.contains("range_fault");
    assert!(back.why.iter().any(says), "{:?}", back.why);
    assert!(!back.calls_differ);
}

/// What the kernel counted tells the same.
#[test]
fn waits_are_compared_by_totals_too() {
    let of = |seed| {
        let mut synthetic = Synthetic::new(seed).with_waits().with_totals();
        let mut sample = Sample::default();
        sample.knows_waits(WaitKind::ALL.iter().copied());
        (0..20).for_each(|_| sample.add(&synthetic.batch(100)));
        sample
    };
    let by_records = one(of(11), of(12));
    let by_totals = one(of(11).by_totals(), of(12).by_totals());
    for of in Figure::of_waits(WaitKind::ALL) {
        let (records, totals) = (figure(&by_records, of), figure(&by_totals, of));
        let values = |found: Option<&Figures>| found.map(|found| (found.base, found.new));
        assert_eq!(values(records), values(totals), "{of:?}");
    }
}

/// A run of which these parts of the driver's steps are seen.
fn measured(seed: u64, seen: [bool; 4], mut change: impl FnMut(&mut Migration)) -> Sample {
    let mut synthetic = Synthetic::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).with_details();
    let mut sample = Sample::default();
    sample.sees_parts(seen);
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch.migrations.make().iter_mut().for_each(&mut change);
        sample.add(&batch);
    }
    sample
}

const SEEN: [bool; 4] = [true; 4];

/// Fences in the first of the driver's steps take longer, by as much as they took, and so does the
/// step, or not.
fn waits_longer(migration: &mut Migration, in_all: bool) {
    let parts = migration.driver_parts.as_mut().unwrap();
    let more = parts[0].fence_ns;
    parts[0].fence_ns += more;
    if in_all {
        migration.steps[1] = migration.steps[1].map(|ns| ns + more);
    }
}

#[test]
fn parts_are_compared_where_both_sides_know_them_and_they_occur() {
    let of = |base, new| one(base, new).figures.len();
    let all = |seed| measured(seed, SEEN, |_| ());
    let none = of(plain(1), plain(2));
    assert_eq!(of(all(1), all(2)), none + 8);
    // One side was not measured, or did not see one of them.
    assert_eq!(of(all(1), measured(2, [false; 4], |_| ())), none);
    let blind = |seed| measured(seed, [false, true, true, true], |_| ());
    let comparison = one(all(1), blind(2));
    assert_eq!(comparison.figures.len(), none + 6);
    assert_eq!(figure(&comparison, Figure::PartPerPage(0, 0)), None);
    // Some migrations lack them.
    let lacking = measured(2, SEEN, |migration| {
        if migration.sequence == 77 {
            migration.driver_parts = None;
        }
    });
    assert_eq!(of(all(1), lacking), none);
    // What neither side has is no figure; what one has is.
    let free = |seed| {
        measured(seed, SEEN, |migration| {
            for parts in migration.driver_parts.as_mut().unwrap() {
                parts.lock_ns = 0;
            }
        })
    };
    assert_eq!(of(free(1), free(2)), none + 6);
    let comparison = one(free(1), all(2));
    let lock = figure(&comparison, Figure::PartPerPage(0, 1)).unwrap();
    assert_eq!(lock.base, Some(0.0));
    assert!(lock.new > Some(1.0));
}

/// Against plain sums of the migrations themselves.
#[test]
fn figures_of_parts_are_what_plain_sums_say() {
    let mut all = Vec::new();
    let known = measured(3, SEEN, |migration| all.push(migration.clone()));
    let comparison = one(known, measured(4, SEEN, |_| ()));
    let pages: u64 = all.iter().map(|of| ledger::arrived(&of.ledger)).sum();
    for step in 0..OF_DRIVER.len() {
        for part in 0..DRIVER_PARTS.len() {
            let ns = all
                .iter()
                .map(|of| each_part(&of.driver_parts.unwrap()[step])[part]);
            let per_page = ns.sum::<u64>() as f64 / pages as f64;
            let found = figure(&comparison, Figure::PartPerPage(step, part)).unwrap();
            let base = found.base.unwrap();
            assert!((base / per_page - 1.0).abs() < 1e-9, "{base} {per_page}");
            assert!(found.interval.is_some() && found.verdict.is_some());
        }
    }
}

#[test]
fn a_part_that_takes_longer_with_its_step_is_found_and_named() {
    let slower = measured(6, SEEN, |migration| waits_longer(migration, true));
    let comparison = one(measured(5, SEEN, |_| ()), slower);
    let of = |part| verdict(&comparison, Figure::PartPerPage(0, part));
    assert_eq!(of(0), Some(Verdict::Worse));
    assert_ne!(of(1), Some(Verdict::Worse));
    assert_eq!(comparison.verdict, Verdict::Worse);
    let says =
        |why: &String| why.starts_with("longer times of a page within alloc_and_copy: fence (+");
    assert!(comparison.why.iter().any(says), "{:?}", comparison.why);
}

#[test]
fn time_that_goes_from_one_part_to_another_makes_nothing_worse() {
    let moved = |seed| measured(seed, SEEN, |migration| waits_longer(migration, false));
    let there = one(measured(7, SEEN, |_| ()), moved(8));
    let fence = figure(&there, Figure::PartPerPage(0, 0)).unwrap();
    assert!(fence.interval.unwrap().0 > 0.1, "{fence:?}");
    assert_eq!(fence.verdict, Some(Verdict::Unsure));
    assert_ne!(there.verdict, Verdict::Worse);
    let says = |why: &String| why.contains("(fence in alloc_and_copy): time may have gone");
    assert!(there.why.iter().any(says), "{:?}", there.why);
    assert!(!there.calls_differ);
    let back = one(moved(8), measured(7, SEEN, |_| ()));
    assert_eq!(
        verdict(&back, Figure::PartPerPage(0, 0)),
        Some(Verdict::Unsure)
    );
    let step = Figure::StepPerPage(Step::AllocAndCopy);
    assert_ne!(verdict(&back, step), Some(Verdict::Better));
}

/// A part counts by what it is of its step.
#[test]
fn twice_as_much_of_next_to_nothing_is_the_same() {
    let seldom = |seed, times| {
        measured(seed, SEEN, move |migration| {
            let lock_ns = migration.steps[1].unwrap_or(0) / 100 * times;
            migration.driver_parts.as_mut().unwrap()[0].lock_ns = lock_ns;
            migration.steps[1] = migration.steps[1].map(|ns| ns + lock_ns);
        })
    };
    let comparison = one(seldom(9, 1), seldom(10, 2));
    let lock = figure(&comparison, Figure::PartPerPage(0, 1)).unwrap();
    assert!(lock.interval.unwrap().0 > 0.1, "{lock:?}");
    assert_eq!(lock.verdict, Some(Verdict::Same));
    let comparison = one(seldom(9, 1), seldom(10, 40));
    let lock = verdict(&comparison, Figure::PartPerPage(0, 1));
    assert_eq!(lock, Some(Verdict::Worse));
}

/// The kernel's totals do not have them.
#[test]
fn parts_are_not_compared_by_totals() {
    let of = |seed| {
        let mut synthetic = Synthetic::new(seed).with_details().with_totals();
        let mut sample = Sample::default();
        sample.sees_parts(SEEN);
        (0..20).for_each(|_| sample.add(&synthetic.batch(100)));
        sample
    };
    let has = |comparison: &Comparison| figure(comparison, Figure::PartPerPage(0, 0)).is_some();
    assert!(has(&one(of(11), of(12))));
    assert!(!has(&one(of(11).by_totals(), of(12).by_totals())));
}
