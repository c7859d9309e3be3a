//! A few migrations take many times as long as others of their size.

use super::scene::{Scene, owner, share};
use super::{Finding, Kind};
use crate::model::{Migration, Outcome, Size, Step};
use crate::text::{counted, duration};

/// One that is slow happens anywhere, and two are soon together.
const FEWEST: usize = 3;

/// A migration that is slow, and what it took beyond the average of its size.
struct Slow<'a> {
    migration: &'a Migration,
    mean_ns: u64,
    beyond_ns: u64,
    /// The step that took most beyond its average.
    step: Step,
}

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let sizes: Vec<_> = scene.model.batching().sizes(None).collect();
    let slowest = scene.model.slowest().sorted();
    let slow: Vec<_> = slowest
        .into_iter()
        .filter_map(|migration| slow(scene, &sizes, migration))
        .collect();
    if slow.len() < FEWEST {
        return None;
    }
    let worst = slow.iter().max_by_key(|slow| slow.beyond_ns)?;
    let beyond_ns = slow
        .iter()
        .fold(0u64, |sum, slow| sum.saturating_add(slow.beyond_ns));
    let part = share(beyond_ns, scene.records.time_ns);
    if part < scene.at.tail_share {
        return None;
    }
    let by_step = Step::ALL.map(|step| slow.iter().filter(|slow| slow.step == step).count());
    let step = Step::ALL
        .into_iter()
        .max_by_key(|step| by_step[*step as usize])?;
    Some(Finding {
        kind: Kind::Tail,
        severity: scene.severity_of_records(beyond_ns),
        what: format!(
            "{} took more than {} times as long as others of their size.",
            counted(slow.len() as u64, "migration", "migrations"),
            scene.at.tail_factor
        ),
        evidence: vec![
            format!(
                "the worst: {}, {}, {}, where {} is the average",
                owner(scene.model, worst.migration.pid),
                counted(worst.migration.ledger.requested, "page", "pages"),
                duration(worst.migration.total_ns()),
                duration(worst.mean_ns)
            ),
            format!(
                "in {} of them it is {} that took longer",
                by_step[step as usize],
                step.name()
            ),
        ],
        cost: format!("{} beyond the average", scene.time(beyond_ns)),
        try_this: vec![
            "Look at the slowest migrations one by one: which step, which owner, what else happened at that moment.".to_owned(),
            "Record with --off-cpu, which tells waiting from working, and with --kernel-stacks, which tells the path.".to_owned(),
        ],
        cost_ns: Some(beyond_ns),
    })
}

/// Is it slow for its size? Only where there are enough to compare it with.
fn slow<'a>(scene: &Scene<'_>, sizes: &[Size], migration: &'a Migration) -> Option<Slow<'a>> {
    if migration.outcome != Outcome::Completed {
        return None;
    }
    let size = sizes
        .iter()
        .find(|size| size.pages.contains(&migration.ledger.requested))?;
    let mean_ns = size.time_ns / size.calls.max(1);
    let total_ns = migration.total_ns();
    let is_slow = total_ns as f64 >= scene.at.tail_factor * mean_ns as f64;
    if size.calls < scene.at.tail_migrations || !is_slow {
        return None;
    }
    let beyond = |step: &Step| {
        let at = *step as usize;
        let mean_ns = size.steps_ns[at] / size.calls.max(1);
        migration.steps[at].unwrap_or(0).saturating_sub(mean_ns)
    };
    Some(Slow {
        migration,
        mean_ns,
        beyond_ns: total_ns - mean_ns.min(total_ns),
        step: Step::ALL.into_iter().max_by_key(beyond)?,
    })
}
