//! A few migrations take many times as long as others of their size.

use super::scene::{Scene, share};
use super::whom::owner;
use super::{Finding, Kind};
use crate::model::{Group, slowest::KEPT};
use crate::text::{count, counted, duration};
use crate::trace::{Migration, Outcome, Step};

/// One that is slow happens anywhere, and two are soon together.
const FEWEST: usize = 3;

/// A migration that is slow, and what it took beyond the median of its kind and size.
struct Slow<'a> {
    migration: &'a Migration,
    median_ns: u64,
    beyond_ns: u64,
    /// The step that took most beyond its average.
    step: Step,
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
    let worst = slow.iter().max_by_key(|slow| slow.beyond_ns)?;
    let longest_ns = events.iter().copied().max()?;
    let beyond_ns = sum(events.iter().copied());
    if share(beyond_ns, scene.records.time_ns) < scene.at.tail_share {
        return None;
    }
    let by_step = Step::ALL.map(|step| slow.iter().filter(|slow| slow.step == step).count());
    let step = Step::ALL
        .into_iter()
        .max_by_key(|step| by_step[*step as usize])?;
    Some(Finding {
        kind: Kind::Tail,
        // The longest may have been chance: whoever acts on this wants to know of the others.
        severity: scene.severity_of_records(beyond_ns - longest_ns),
        what: format!(
            "{} of {} took at least {} times as long as the median of others of their size, direction and cause.",
            at_least(scene, slow.len()),
            scene.recorded(),
            scene.at.tail_factor
        ),
        evidence: vec![
            format!(
                "the worst: {}, {}, {}, where about {} is the median of the others",
                owner(scene.model, worst.migration.pid),
                counted(worst.migration.ledger.requested, "page", "pages"),
                duration(worst.migration.total_ns()),
                duration(worst.median_ns)
            ),
            format!(
                "in {}{}; the longest alone took {} beyond the median, all others {}",
                counted(events.len() as u64, "event", "events"),
                if events.len() < slow.len() {
                    ", as some were slow at the same time"
                } else {
                    ""
                },
                duration(longest_ns),
                duration(beyond_ns - longest_ns)
            ),
            format!(
                "in {} of them it is {} that took longer",
                by_step[step as usize],
                step.name()
            ),
        ],
        cost: format!("{}, beyond the median", scene.time(beyond_ns)),
        try_this: vec![
            "Look at the slowest migrations one by one: which step, which owner, what else happened at that moment.".to_owned(),
            "Record with --off-cpu, which tells waiting from working, and with --kernel-stacks, which tells the path.".to_owned(),
        ],
        cost_ns: Some(beyond_ns),
    })
}

/// How many are slow: those that are not among the slowest that are kept were not looked at.
fn at_least(scene: &Scene<'_>, slow: usize) -> String {
    let number = count(slow as u64);
    if scene.model.slowest().len() >= KEPT {
        format!("At least {number}")
    } else {
        number
    }
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
    let beyond = |step: &Step| {
        let at = *step as usize;
        let mean_ns = alike.steps_ns[at] / alike.calls.max(1);
        migration.steps[at].unwrap_or(0).saturating_sub(mean_ns)
    };
    Some(Slow {
        migration,
        median_ns,
        beyond_ns: total_ns - median_ns.min(total_ns),
        step: Step::ALL.into_iter().max_by_key(beyond)?,
    })
}
