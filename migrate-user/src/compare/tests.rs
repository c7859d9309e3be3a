//! It tells what has changed, and is quiet where nothing has.

use super::{Comparison, Figure, Figures, Limits, Sample, Unit, Verdict, compare};
use crate::trace::{Ledger, Migration};
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
