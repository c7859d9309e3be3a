//! Recordings that were told wrongly once. What is said of them is held against a count of its own,
//! made here from plain columns: page by page, call by call, in the simplest way there is.

use std::collections::HashMap;

use super::*;
use crate::recording::Reader;

/// A recording of `tests/data`.
pub(super) fn read(name: &str) -> (Facts, Vec<Batch>) {
    let path = format!("{}/tests/data/{name}.arrow", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap();
    let reader = Reader::new(name, file).unwrap();
    let facts = reader.facts().clone();
    (facts, reader.collect())
}

pub(super) fn model(facts: &Facts, batches: &[Batch]) -> Model {
    let mut model = Model::new(facts.clone());
    batches.iter().for_each(|batch| model.apply(batch.clone()));
    model
}

/// The same as a filter shows it.
pub(super) fn through(filter: &str, name: &str) -> Model {
    let (facts, mut batches) = read(name);
    let filter = filter.parse().unwrap();
    let run = facts.run();
    batches
        .iter_mut()
        .for_each(|batch| batch.choose(&filter, &run));
    model(&facts.chosen_by(&filter), &batches)
}

pub(super) fn of(name: &str) -> Model {
    let (facts, batches) = read(name);
    model(&facts, &batches)
}

fn kinds_of(name: &str) -> BTreeSet<Kind> {
    kinds(&of(name))
}

/// Where a page is for certain, and when it may have arrived on each side: to the device, to system
/// memory.
#[derive(Clone, Copy, Default)]
struct Page {
    at: Option<(usize, u64)>,
    maybe_ns: [u64; 2],
    /// How many pages of anybody's had been evicted when it arrived.
    evicted: u64,
}

/// Pages that came back within a second: at least, at most.
pub(super) fn came_back<'a>(
    migrations: impl Iterator<Item = &'a Migration>,
    is_whole: bool,
) -> (u64, u64) {
    const SECOND: u64 = 1_000_000_000;
    let mut pages: HashMap<(u32, u64), Page> = HashMap::new();
    let (mut least, mut most) = (0, 0);
    let mut anybodys = 0;
    for m in migrations {
        let side = match m.direction {
            Direction::ToDevice => 0,
            Direction::ToSystem => 1,
            _ => continue,
        };
        let (Some(pid), Some(address)) = (m.pid, m.address) else {
            if m.cause == Cause::Eviction {
                anybodys += m.ledger.moved + m.ledger.populated;
            }
            continue;
        };
        let (asked, moved) = (m.ledger.requested, m.ledger.moved);
        let arrived = moved + m.ledger.populated;
        if arrived == 0 || arrived > asked {
            continue;
        }
        let evicted = m.cause == Cause::Eviction;
        let end_ns = if evicted { 0 } else { m.end_ns() };
        let range = address / 4096..address / 4096 + asked;
        let mut known = |page: u64| *pages.entry((pid, page)).or_default();
        let before: Vec<Page> = range.clone().map(&mut known).collect();
        let short = |ns: u64| ns > 0 && m.time_ns.saturating_sub(ns) <= SECOND;
        let other = |page: &&Page| page.at.is_some_and(|(at, ns)| at != side && short(ns));
        let perhaps = |page: &&Page| match page.at {
            Some(_) => other(page),
            None => short(page.maybe_ns[1 - side]),
        };
        let there = |page: &&Page| page.at.is_some_and(|(at, _)| at == side);
        let count =
            |is: &dyn Fn(&&Page) -> bool| before.iter().filter(|page| is(page)).count() as u64;
        if !evicted {
            least += count(&other).saturating_sub(asked - moved).min(moved);
            most += count(&perhaps).min(moved);
        }
        let all = arrived == asked;
        let is_there = before.iter().filter(|page| there(page));
        let since = is_there
            .clone()
            .any(|page| side == 0 && page.evicted < anybodys);
        let others = is_whole && !since && arrived == asked - is_there.count() as u64;
        for (page, before) in range.zip(&before) {
            let mut now = *before;
            if all || others && !there(&before) {
                now = Page {
                    at: Some((side, end_ns)),
                    maybe_ns: [0; 2],
                    evicted: anybodys,
                };
            } else if !there(&before) {
                if let Some((at, ns)) = now.at.take() {
                    now.maybe_ns = [0; 2];
                    now.maybe_ns[at] = ns;
                }
                now.maybe_ns[side] = now.maybe_ns[side].max(end_ns);
            }
            pages.insert((pid, page), now);
        }
    }
    (least, most)
}

#[test]
fn pages_that_came_back_are_those_of_a_count_by_page() {
    for (name, is_whole) in [
        ("even-and-odd", true),
        ("mixed", true),
        ("pinned", true),
        ("lossy", false),
        ("sampled", false),
    ] {
        let (facts, batches) = read(name);
        let all = batches
            .iter()
            .flat_map(|batch| batch.migrations.made().iter());
        let expected = came_back(all, is_whole);
        let model = model(&facts, &batches);
        let ping_pong = model.ping_pong();
        let got = (ping_pong.total_pages(), ping_pong.most_pages());
        assert_eq!(got, expected, "{name}");
        assert_eq!((ping_pong.evicted(), ping_pong.forgotten()), (0, 0));
    }
}

/// Even pages only go to the device, odd ones only come back.
#[test]
fn where_no_page_came_back_nobody_says_so() {
    let (_, batches) = read("even-and-odd");
    let all = batches
        .iter()
        .flat_map(|batch| batch.migrations.made().iter());
    assert_eq!(came_back(all, true), (0, 0));
    assert!(!kinds_of("even-and-odd").contains(&Kind::PingPong));
}

/// The line of least squares through calls, each weighted by one over its pages, from the normal
/// equations of the two centred sums.
fn line(calls: &[(f64, f64)]) -> (f64, f64) {
    let weight: f64 = calls.iter().map(|(x, _)| 1.0 / x).sum();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| {
        calls.iter().map(|call| of(call) / call.0).sum::<f64>() / weight
    };
    let (x, y) = (mean(&|call| call.0), mean(&|call| call.1));
    let together = mean(&|call| (call.0 - x) * (call.1 - y));
    let slope = together / mean(&|call| (call.0 - x).powi(2));
    (y - slope * x, slope)
}

#[test]
fn costs_are_those_of_a_line_of_its_own() {
    let (facts, batches) = read("mixed");
    let model = model(&facts, &batches);
    let mut found = 0;
    for group in model.batching().groups() {
        let all = batches
            .iter()
            .flat_map(|batch| batch.migrations.made().iter());
        let of_group = all.filter(|m| {
            m.outcome == Outcome::Completed
                && (m.direction, m.cause) == (group.direction, group.cause)
                && m.ledger.requested > 0
        });
        let calls: Vec<_> = of_group
            .map(|m| (m.ledger.requested as f64, m.total_ns() as f64))
            .collect();
        let Some(fit) = model.batching().fit(None, group) else {
            continue;
        };
        found += 1;
        let (fixed, per_page) = line(&calls);
        assert_eq!(fit.calls, calls.len() as u64);
        assert!(
            (fit.fixed_ns - fixed).abs() < 1e-3 * fixed.abs().max(1.0),
            "{fit:?} {fixed}"
        );
        assert!(
            (fit.per_page_ns - per_page).abs() < 1e-3 * per_page.abs(),
            "{fit:?}"
        );
        let spent: f64 = calls.iter().map(|(_, ns)| ns).sum();
        for batch in [1, 8, 64, 512, 1 << 20] {
            let saved = model.batching().saved_ns(batch, group);
            assert!(
                saved.is_none_or(|saved| saved <= spent),
                "{saved:?} of {spent}"
            );
        }
    }
    assert!(found > 0);
}

/// What is chosen by duration does not tell what a call costs: the line through it was one of 173%
/// savings.
#[test]
fn of_slow_calls_alone_no_costs_follow() {
    let (facts, batches) = read("mixed");
    let slow = batches.into_iter().map(|mut batch| {
        batch.migrations.retain(|m| m.total_ns() >= 1_000_000);
        batch
    });
    let facts = Facts {
        filter: Some("slower-than=1ms".to_owned()),
        ..facts
    };
    let slow: Vec<_> = slow.collect();
    let model = model(&facts, &slow);
    let batching = model.batching();
    assert!(!batching.groups().is_empty());
    for group in batching.groups() {
        assert_eq!(batching.fit(None, group), None);
        assert_eq!(batching.saved_ns(512, group), None);
    }
    assert_eq!(batching.saved_in_all_ns(512), None);
    assert!(!kinds(&model).contains(&Kind::SmallBatches));
}

/// Ten calls each way are few, but the intervals know it.
#[test]
fn small_calls_are_found_in_one_direction() {
    let found = all(&of("batching-small"));
    let small = found.iter().find(|one| one.kind == Kind::SmallBatches);
    let what = &small.unwrap().what;
    assert!(what.contains("(to_system, driver)"), "{what}");
}

/// 248 records of 20,000 migrations: what they tell is of them, and how much it matters is of all.
#[test]
fn what_few_records_tell_is_told_of_those() {
    let (facts, batches) = read("lossy");
    let model = model(&facts, &batches);
    let migrations = || {
        batches
            .iter()
            .flat_map(|batch| batch.migrations.made().iter())
    };
    let totals = batches
        .iter()
        .filter_map(|batch| batch.status.as_ref()?.exact.as_ref());
    let figures = totals.last().unwrap().figures.iter();
    let of_time = figures.filter(|of| of.figure == crate::trace::Figure::Total);
    let all_ns: u64 = of_time.map(|of| of.sum).sum();
    let recorded_ns: u64 = migrations().map(Migration::total_ns).sum();
    assert_eq!(migrations().count(), 248);
    for kind in [Kind::PingPong, Kind::Tail] {
        let found = all(&model);
        let finding = found.iter().find(|one| one.kind == kind).unwrap();
        assert_eq!(finding.severity, Severity::Minor, "{finding:#?}");
        let cost_ns = finding.cost_ns.unwrap() as f64;
        let share = |ns: u64| crate::text::percent(cost_ns / ns as f64);
        let expected = format!(
            "{} of the time of the 248 recorded migrations of 20,000, and at least {} of that of all migrations",
            share(recorded_ns),
            share(all_ns)
        );
        assert!(finding.cost.contains(&expected), "{finding:#?}, {expected}");
    }
}

#[test]
fn migration_time_is_that_of_the_steps_and_of_the_threads() {
    let (facts, batches) = read("mixed");
    let time = model(&facts, &batches).migration_time();
    let migrations = || {
        batches
            .iter()
            .flat_map(|batch| batch.migrations.made().iter())
    };
    let total_ns: u64 = migrations().map(Migration::total_ns).sum();
    let tids: BTreeSet<_> = migrations()
        .map(|m| m.worker.as_ref().map_or(m.tid, |worker| Some(worker.tid)))
        .collect();
    // Of each moment of a thread, whether it is in any migration.
    let mut busy_ns = 0;
    for tid in &tids {
        let own = migrations()
            .filter(|m| m.worker.as_ref().map_or(m.tid, |worker| Some(worker.tid)) == *tid);
        let mut spans: Vec<_> = own.map(|m| (m.time_ns, m.end_ns(), m.total_ns())).collect();
        spans.sort_unstable();
        let mut until = 0;
        for (start, end, total) in spans {
            if start >= until {
                busy_ns += total;
            }
            until = until.max(end);
        }
    }
    assert_eq!(time.total_ns, total_ns);
    assert_eq!(time.threads, tids.len() as u64);
    assert_eq!(time.busy_ns(), busy_ns);
}

#[test]
fn of_nine_migrations_nothing_is_judged() {
    let model = of("filter-1");
    let thresholds = Thresholds::default();
    assert_eq!(findings(&model, &thresholds), []);
    let unjudged = super::super::unjudged(&model, &thresholds);
    assert!(
        unjudged[0].starts_with("fewer than 20 migrations (9)"),
        "{unjudged:?}"
    );
    // What may have come back is hidden by the filter, too, and so are what a call costs and what
    // was there already.
    assert_eq!(unjudged.len(), 5);
    let text = crate::report::Report::new(&model, "x", &thresholds).text(false);
    assert!(!text.contains("nothing stands out"), "{text}");
    assert!(
        text.contains("Not judged: fewer than 20 migrations (9)"),
        "{text}"
    );
}

/// Slow ones of a count of its own: those of at least ten times the median of the others of their
/// size, direction and cause.
#[test]
fn slow_ones_are_slow_beside_the_median() {
    let (facts, batches) = read("mixed");
    let completed = batches
        .iter()
        .flat_map(|batch| batch.migrations.made().iter());
    let completed = completed.filter(|m| m.outcome == Outcome::Completed && m.ledger.requested > 0);
    let mut sizes: HashMap<_, Vec<u64>> = HashMap::new();
    for m in completed {
        let key = (m.direction as u8, m.cause as u8, m.ledger.requested.ilog2());
        sizes.entry(key).or_default().push(m.total_ns());
    }
    let mut slow = 0;
    for times in sizes.values_mut().filter(|times| times.len() >= 100) {
        times.sort_unstable();
        let median = times[(times.len() - 2) / 2] as f64;
        slow += times
            .iter()
            .filter(|ns| **ns as f64 >= 10.0 * median)
            .count();
    }
    let found = all(&model(&facts, &batches));
    let tail = found.iter().find(|one| one.kind == Kind::Tail).unwrap();
    // Those that are not among the slowest thousand are not looked at.
    let number = tail.what.strip_prefix("At least ").unwrap();
    let number: usize = number.split(' ').next().unwrap().parse().unwrap();
    assert!((1..=slow).contains(&number), "{slow}: {tail:#?}");
}
