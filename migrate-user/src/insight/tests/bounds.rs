//! What is at least and at most so, what a single call may not speak for, and what is counted only
//! once.

use std::collections::HashMap;

use super::recordings::{of, read, through};
use super::*;
use crate::text::{count, duration, percent};

fn find(model: &Model, kind: Kind) -> Option<Finding> {
    all(model).into_iter().find(|one| one.kind == kind)
}

fn evidence(model: &Model, kind: Kind) -> String {
    find(model, kind).unwrap().evidence.join("\n")
}

/// Three are slow in what the driver does, and one takes seconds in setup.
#[test]
fn the_step_is_the_one_that_took_the_time() {
    let model = run(|number, migration| match number {
        // The last, so that no other is in the middle of it.
        396 => migration.steps[0] = Some(10_000_000_000),
        80 | 120 | 160 => migration.steps[1] = migration.steps[1].map(|ns| ns * 60),
        _ => (),
    });
    let text = evidence(&model, Kind::Tail);
    // All four ask for 64 pages. Without them, setup takes 20 ns for each of 164.
    let beyond = duration(10_000_000_000 - 20 * 164);
    let line = format!(
        "setup took more of it than any other step, {beyond} beyond its average in others of \
         their size; in 1 of these 4 migrations it was the largest part"
    );
    assert!(text.contains(&line), "{text}");
}

/// The slowest thousand of mixed calls are the large ones: which step makes small ones slow is not
/// known.
#[test]
fn no_step_is_named_where_slow_ones_were_not_looked_at() {
    let text = evidence(&of("mixed"), Kind::Tail);
    assert!(!text.contains("took more of it"), "{text}");
    let lossy = evidence(&of("lossy"), Kind::Tail);
    assert!(lossy.contains("took more of it"), "{lossy}");
}

/// How many are slow of a count of its own, with the median as it is.
#[test]
fn so_many_are_slow_at_least() {
    let (_, batches) = read("lossy");
    let all = batches.iter().flat_map(|batch| batch.migrations.made());
    let mut sizes: HashMap<_, Vec<u64>> = HashMap::new();
    for m in all.filter(|m| m.outcome == Outcome::Completed) {
        let key = (m.direction as u8, m.cause as u8, m.ledger.requested.ilog2());
        sizes.entry(key).or_default().push(m.total_ns());
    }
    let mut slow = 0;
    for times in sizes.values_mut().filter(|times| times.len() >= 100) {
        times.sort_unstable();
        let median = times[(times.len() - 2) / 2];
        slow += times.iter().filter(|ns| **ns >= 10 * median).count();
    }
    let what = find(&of("lossy"), Kind::Tail).unwrap().what;
    let told: usize = what
        .strip_prefix("At least ")
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap();
    assert!(told <= slow && slow > 0, "{slow}: {what}");
    assert_eq!((told, slow), (11, 12), "the median is rounded up");
}

/// One call may be chance: without it, no step takes nearly all the time.
#[test]
fn one_call_does_not_make_a_step_dominant() {
    let outlier = run(|number, migration| {
        if number == 7 {
            migration.steps[0] = Some(10_000_000_000);
        }
    });
    assert!(!kinds(&outlier).contains(&Kind::DominantStep));
    assert!(!kinds(&through("cause=cpu_fault", "mixed")).contains(&Kind::DominantStep));
    let copy = run(|_, m| m.steps[1] = m.steps[1].map(|ns| ns * 10));
    let finding = only(&copy, Kind::DominantStep);
    // 400 calls of 40 ns for each page and 100, ten times; all other steps together take 60.
    let of = |pages: u64| (100 + pages) * 400;
    let sum: u64 = [64, 128, 256, 512].map(of).iter().sum::<u64>() * CALLS / 4;
    let rest = (sum - of(512)) as f64 / (sum / 400 * 460 - of(512)) as f64;
    let line = format!(
        "without the longest, {} of the time of all others",
        percent(rest)
    );
    assert!(finding.evidence[0].ends_with(&line), "{finding:#?} {line}");
}

/// A rejected call has no step but the first.
#[test]
fn rejected_calls_take_their_time_in_setup_by_definition() {
    let reject = |migration: &mut Migration| {
        let requested = migration.ledger.requested;
        migration.outcome = Outcome::Rejected;
        migration.errno = Some(22);
        migration.ledger = Ledger {
            requested,
            rejected: requested,
            ..Ledger::default()
        };
        migration.steps = [migration.steps[0], None, None, None, None];
    };
    let rejected = run(|_, migration| reject(migration));
    assert!(!kinds(&rejected).contains(&Kind::DominantStep));
    assert!(!kinds(&through("errno=22", "mixed")).contains(&Kind::DominantStep));
    let judged = super::super::unjudged(&through("errno=22", "mixed"), &Thresholds::default());
    assert!(
        judged
            .iter()
            .any(|one| one.contains("which step takes most"))
    );
}

/// Fifty calls carry no p99.
#[test]
fn what_is_not_known_of_a_step_is_left_out() {
    let some = Synthetic::new(1).migration();
    let mut model = Model::new(facts());
    let migrations = (0..50).map(|number| {
        let mut migration = calm(number, &some);
        migration.steps[1] = migration.steps[1].map(|ns| ns * 20);
        migration
    });
    model.apply(Batch {
        migrations: migrations.collect(),
        waits: Vec::new(),
        status: Some(Status {
            ended: 50,
            ..Status::default()
        }),
    });
    let text = evidence(&model, Kind::DominantStep);
    assert!(text.contains("median") && !text.contains("p99"), "{text}");
}

/// The calls of a series of its own: what is tried again elsewhere, but a few times only, is none.
#[test]
fn the_cost_of_a_livelock_is_that_of_its_series() {
    let (_, batches) = read("mixed");
    // Of each range, the calls since something arrived there: how many, and how long they took.
    let mut series: HashMap<_, (u64, u64)> = HashMap::new();
    let mut longest: HashMap<_, (u64, u64)> = HashMap::new();
    let mut ended_ns: HashMap<_, u64> = HashMap::new();
    for m in batches.iter().flat_map(|batch| batch.migrations.made()) {
        let (Some(address), Some(pid)) = (m.address, m.pid) else {
            continue;
        };
        let key = (pid, address, m.direction as u8);
        let last_ns = ended_ns.insert(key, m.end_ns()).unwrap_or(0);
        let now = series.entry(key).or_default();
        if m.time_ns.saturating_sub(last_ns) > 1_000_000_000 {
            *now = (0, 0);
        }
        if m.ledger.moved + m.ledger.populated > 0 {
            *now = (0, 0);
        } else {
            *now = (now.0 + 1, now.1 + m.total_ns());
            let longest = longest.entry(key).or_default();
            *longest = (*longest).max(*now);
        }
    }
    let long: Vec<_> = longest.values().filter(|(calls, _)| *calls >= 10).collect();
    let [(calls, ns)] = long[..] else {
        panic!("{long:?}");
    };
    let finding = find(&of("mixed"), Kind::Livelock).unwrap();
    let cost = format!("{calls} calls in vain in this series, {}, ", duration(*ns));
    assert!(finding.cost.starts_with(&cost), "{finding:#?} {cost}");
    assert_eq!(finding.cost_ns, Some(*ns));
    assert!(
        finding.evidence[0].contains("the last rejected (errno 22, EINVAL)"),
        "{finding:#?}"
    );
    assert!(
        finding
            .try_this
            .iter()
            .any(|one| one.contains("EINVAL (errno 22)"))
    );
    assert!(!finding.try_this.iter().any(|one| one.contains("look up")));
}

/// Ten sizes that occur twice each: none of them is what most calls ask for. And what a group asks
/// for is told of that group.
#[test]
fn the_size_of_most_calls_is_that_of_their_group() {
    let text = evidence(&of("batching-small"), Kind::SmallBatches);
    assert!(!text.contains("ask for"), "{text}");
    let model = run(|number, migration| {
        // Every fourth goes home, in calls of 1, 1, 1 and 2 pages; the others are large.
        if number % 4 == 0 {
            migration.direction = Direction::ToSystem;
            resize(migration, if number % 16 == 12 { 2 } else { 1 });
        } else {
            resize(migration, 512 << (number % 2));
        }
    });
    let finding = find(&model, Kind::SmallBatches).unwrap();
    assert!(
        finding
            .what
            .contains("100 recorded completed migrations (to_system")
    );
    let line = "75.0% of these 100 recorded completed calls ask for 1 page";
    assert!(
        finding.evidence.iter().any(|one| one == line),
        "{finding:#?}"
    );
}

/// A call over several blocks of which a part moved is no trip of any of them, but brings back
/// pages; and between two records a page may have left and come again.
#[test]
fn trips_and_stays_are_bounds() {
    let text = evidence(&of("batching-small"), Kind::PingPong);
    assert!(text.contains("in at least 19 trips"), "{text}");
    assert!(
        text.contains("on average, ") && text.contains(" at least"),
        "{text}"
    );
    assert!(!text.contains("at most"), "{text}");
    let lossy = find(&of("lossy"), Kind::PingPong).unwrap();
    let stays = &lossy.evidence[1];
    assert!(
        stays.contains("in at least 178 trips; they stayed at most "),
        "{stays}"
    );
    assert!(
        stays.contains("and the shortest stay was at most "),
        "{stays}"
    );
    assert!(lossy.what.starts_with("At least "), "{lossy:#?}");
    let bounce = of("lossy").ping_pong().sorted()[0].mean_ns().unwrap();
    assert!(stays.contains(&duration(bounce)) && count(201) == "201");
}
