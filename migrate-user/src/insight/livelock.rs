//! The same call is tried over and over, and nothing arrives.

use super::scene::Scene;
use super::whom::process;
use super::{Finding, Kind};
use crate::model::Retry;
use crate::text::{count, counted, duration};

/// Ranges that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    // What is hidden may have arrived between them.
    if scene.model.hidden().ways_back {
        return None;
    }
    let retries = scene.model.retries();
    let long: Vec<_> = retries
        .sorted()
        .into_iter()
        .filter(|retry| retry.calls >= scene.at.retries)
        .collect();
    let worst = *long.first()?;
    let cost_ns = retries.total_ns();
    Some(Finding {
        kind: Kind::Livelock,
        severity: scene.severity_of_records(cost_ns),
        what: format!(
            "{} calls in a row asked for the same range, and no page of it arrived.",
            count(worst.calls)
        ),
        evidence: long.iter().take(NAMED).map(|retry| named(scene, retry)).collect(),
        cost: format!(
            "{}, {}",
            counted(retries.total_calls(), "call in vain", "calls in vain"),
            scene.time(cost_ns)
        ),
        try_this: vec![
            "See what becomes of these pages (skipped, declined, wasted): that is what the retries wait for.".to_owned(),
            "In a driver: after a few tries, map the page where it is, or wait before the next.".to_owned(),
            "If the calls are rejected, look up the errno: the range leaves its mapping, or may not migrate at all.".to_owned(),
        ],
        cost_ns: Some(cost_ns),
    })
}

fn named(scene: &Scene<'_>, retry: &Retry) -> String {
    format!(
        "{}, {} {} from {:#x}: {}, the last {}, {} together",
        process(scene.model, retry.pid),
        counted(retry.pages, "page", "pages"),
        retry.direction.name(),
        retry.address,
        counted(retry.calls, "call", "calls"),
        retry.outcome.name(),
        duration(retry.time_ns)
    )
}
