//! A few migrations take many times as long as others of their size.

use std::collections::HashMap;

use super::scene::{Scene, share};
use super::whom::owner;
use super::{Finding, Kind};
use crate::model::{Alike, Group, slowest::KEPT};
use crate::text::{count, counted, duration};
use crate::trace::{Migration, Outcome, Step};

/// One that is slow happens anywhere, and two are soon together.
const FEWEST: usize = 3;

/// A migration that is slow, and what it took beyond the median of its kind and size.
struct Slow<'a> {
    migration: &'a Migration,
    group: Group,
    alike: Alike,
    beyond_ns: u64,
}

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if scene.model.hidden().by_result {
        return None;
    }
    let slowest = scene.model.slowest().sorted();
    let slow: Vec<_> = slowest
        .into_iter()
        .filter_map(|migration| slow(scene, migration))
        .collect();
    let events = events(&slow);
    if events.len() < FEWEST {
        return None;
    }
    let longest_ns = events.iter().copied().max()?;
    let beyond_ns = sum(events.iter().copied());
    if share(beyond_ns, scene.records.time_ns) < scene.at.tail_share {
        return None;
    }
    let mut evidence = vec![worst_of(scene, &slow)?, in_events(&slow, &events)];
    evidence.extend(by_step(scene, &slow));
    Some(Finding {
        kind: Kind::Tail,
        // The longest may have been chance: whoever acts on this wants to know of the others.
        severity: scene.severity_of_records(beyond_ns - longest_ns),
        // The median is rounded up, and only the slowest of all are looked at.
        what: format!(
            "At least {} of {} took at least {} times as long as the median of others of their size, direction and cause.",
            count(slow.len() as u64),
            scene.recorded(),
            scene.at.tail_factor
        ),
        evidence,
        cost: format!("beyond the median, {}", scene.time(beyond_ns)),
        try_this: vec![
            "Look at the slowest migrations one by one: which step, which owner, what else happened at that moment.".to_owned(),
            "Record with --off-cpu, which tells waiting from working, and with --kernel-stacks, which tells the path.".to_owned(),
        ],
        cost_ns: Some(beyond_ns),
    })
}

fn worst_of(scene: &Scene<'_>, slow: &[Slow<'_>]) -> Option<String> {
    let worst = slow.iter().max_by_key(|slow| slow.beyond_ns)?;
    Some(format!(
        "the worst: {}, {}, {}, where about {} is the median of the others",
        owner(scene.model, worst.migration.pid),
        counted(worst.migration.ledger.requested, "page", "pages"),
        duration(worst.migration.total_ns()),
        duration(worst.alike.median_ns)
    ))
}

fn in_events(slow: &[Slow<'_>], events: &[u64]) -> String {
    let longest_ns = events.iter().copied().max().unwrap_or(0);
    let others_ns = sum(events.iter().copied()).saturating_sub(longest_ns);
    format!(
        "in {}{}; the longest alone took {} beyond the median, all others {}",
        counted(events.len() as u64, "event", "events"),
        if events.len() < slow.len() {
            ", as some were slow at the same time"
        } else {
            ""
        },
        duration(longest_ns),
        duration(others_ns)
    )
}

/// Which step took most of the time beyond that of others; `None` where slow ones may not have been
/// looked at, which another step may have made slow.
fn by_step(scene: &Scene<'_>, slow: &[Slow<'_>]) -> Option<String> {
    if may_miss_some(scene) {
        return None;
    }
    let usual = Usual::of(slow);
    let beyond: Vec<_> = slow.iter().map(|slow| usual.beyond(slow)).collect();
    let (ns, step) = largest(Step::ALL.map(|step| sum(beyond.iter().map(|ns| ns[step as usize]))))?;
    let is_largest = |ns: &&[u64; Step::COUNT]| largest(**ns).is_some_and(|(_, of)| of == step);
    Some(format!(
        "{} took more of it than any other step, {} beyond its average in others of their size; in {} of these {} it was the largest part",
        step.name(),
        duration(ns),
        count(beyond.iter().filter(is_largest).count() as u64),
        counted(slow.len() as u64, "migration", "migrations")
    ))
}

/// The step with the largest of these times, if any is more than 0.
fn largest(ns: [u64; Step::COUNT]) -> Option<(u64, Step)> {
    let steps = Step::ALL.into_iter().map(|step| (ns[step as usize], step));
    steps.filter(|(ns, _)| *ns > 0).max_by_key(|(ns, _)| *ns)
}

/// What steps take in migrations that are not slow, of each size, direction and cause.
struct Usual(HashMap<Key, (u64, [u64; Step::COUNT])>);

/// Direction, cause, and the power of two that the size is in.
type Key = (u8, u8, u32);

impl Slow<'_> {
    fn key(&self) -> Key {
        let size = self.migration.ledger.requested.max(1).ilog2();
        (self.group.direction as u8, self.group.cause as u8, size)
    }
}

impl Usual {
    fn of(slow: &[Slow<'_>]) -> Self {
        let mut usual = HashMap::new();
        for slow in slow {
            let rest = (slow.alike.calls, slow.alike.steps_ns);
            let (calls, steps_ns) = usual.entry(slow.key()).or_insert(rest);
            *calls = calls.saturating_sub(1);
            for (sum, ns) in steps_ns.iter_mut().zip(slow.migration.steps) {
                *sum = sum.saturating_sub(ns.unwrap_or(0));
            }
        }
        Self(usual)
    }

    /// By step, how much longer it took than usual, nanoseconds.
    fn beyond(&self, slow: &Slow<'_>) -> [u64; Step::COUNT] {
        let (calls, steps_ns) = self.0.get(&slow.key()).copied().unwrap_or_default();
        std::array::from_fn(|at| {
            let usual_ns = steps_ns[at].checked_div(calls).unwrap_or(0);
            let ns = slow.migration.steps[at].unwrap_or(0);
            ns.saturating_sub(usual_ns)
        })
    }
}

/// Are there sizes of which a migration could be slow, and not be among the slowest that are kept?
fn may_miss_some(scene: &Scene<'_>) -> bool {
    let slowest = scene.model.slowest();
    if slowest.len() < KEPT {
        return false;
    }
    let fastest_ns = slowest.sorted().last().map_or(0, |last| last.total_ns());
    let batching = scene.model.batching();
    let groups = batching.groups().into_iter();
    let mut all = groups.flat_map(|group| {
        let sizes = batching.sizes_of(group);
        sizes.filter_map(move |size| batching.alike(group, *size.pages.start()))
    });
    all.any(|alike| {
        let slow_ns = scene.at.tail_factor * alike.median_ns as f64;
        alike.calls >= scene.at.tail_migrations && slow_ns <= fastest_ns as f64
    })
}

/// What was slow at the same time is one event: how long each took beyond the median, nanoseconds.
fn events(slow: &[Slow<'_>]) -> Vec<u64> {
    let mut in_order: Vec<_> = slow.iter().collect();
    in_order.sort_by_key(|slow| slow.migration.time_ns);
    let mut events = Vec::new();
    let mut until_ns = None;
    for slow in in_order {
        let (start_ns, end_ns) = (slow.migration.time_ns, slow.migration.end_ns());
        match events.last_mut() {
            Some(last) if until_ns > Some(start_ns) => *last = sum([*last, slow.beyond_ns]),
            _ => events.push(slow.beyond_ns),
        }
        until_ns = until_ns.max(Some(end_ns));
    }
    events
}

fn sum(times: impl IntoIterator<Item = u64>) -> u64 {
    times.into_iter().fold(0, u64::saturating_add)
}

/// Is it slow for its size? Only where there are enough to compare it with.
fn slow<'a>(scene: &Scene<'_>, migration: &'a Migration) -> Option<Slow<'a>> {
    if migration.outcome != Outcome::Completed {
        return None;
    }
    let group = Group {
        direction: migration.direction,
        cause: migration.cause,
    };
    let batching = scene.model.batching();
    let alike = batching.alike(group, migration.ledger.requested)?;
    let (median_ns, total_ns) = (alike.median_ns, migration.total_ns());
    let is_slow = total_ns as f64 >= scene.at.tail_factor * median_ns as f64;
    if alike.calls < scene.at.tail_migrations || !is_slow {
        return None;
    }
    Some(Slow {
        migration,
        group,
        alike,
        beyond_ns: total_ns - median_ns.min(total_ns),
    })
}
