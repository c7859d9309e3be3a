//! The same call is tried over and over, and nothing arrives.

use super::scene::Scene;
use super::whom::process;
use super::{Finding, Kind};
use crate::model::Retry;
use crate::text::{count, counted, duration};
use crate::trace::Outcome;

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
    let sum = |of: fn(&Retry) -> u64| {
        long.iter()
            .fold(0u64, |sum, one| sum.saturating_add(of(one)))
    };
    let (calls, cost_ns) = (sum(|one| one.calls), sum(|one| one.time_ns));
    Some(Finding {
        kind: Kind::Livelock,
        severity: scene.severity_of_records(cost_ns),
        what: format!(
            "{} calls in a row asked for pages from the same address on, and none arrived.",
            count(worst.calls)
        ),
        evidence: long
            .iter()
            .take(NAMED)
            .map(|retry| named(scene, retry))
            .collect(),
        cost: format!(
            "{} in {}, {}",
            counted(calls, "call in vain", "calls in vain"),
            if long.len() == 1 {
                "this series".to_owned()
            } else {
                format!(
                    "the longest series of each of {} ranges",
                    count(long.len() as u64)
                )
            },
            scene.time(cost_ns)
        ),
        try_this: advice(&long),
        cost_ns: Some(cost_ns),
    })
}

/// What to try, by how the series ended.
fn advice(long: &[&Retry]) -> Vec<String> {
    let mut advice = Vec::new();
    let is_rejected = |retry: &&&Retry| retry.outcome == Outcome::Rejected;
    if long.iter().any(|retry| !is_rejected(&retry)) {
        advice.push("See what becomes of these pages (skipped, declined, wasted): that is what the retries wait for.".to_owned());
    }
    advice.push(
        "In a driver: after a few tries, map the page where it is, or wait before the next."
            .to_owned(),
    );
    if let Some(rejected) = long.iter().find(is_rejected) {
        advice.push(match rejected.errno {
            Some(22) => "Look at the range that is asked for: by EINVAL (errno 22) the kernel says that it leaves its mapping, or is of a kind that may not migrate at all.".to_owned(),
            Some(errno) => format!("See what the kernel means by {} in migrate_vma_setup.", error(errno)),
            None => "See why the kernel rejects the calls: the range leaves its mapping, or may not migrate at all.".to_owned(),
        });
    }
    advice
}

/// `errno 22, EINVAL`. Others than these are not returned where migrations are set up.
fn error(errno: u32) -> String {
    let name = match errno {
        1 => ", EPERM",
        4 => ", EINTR",
        11 => ", EAGAIN",
        12 => ", ENOMEM",
        14 => ", EFAULT",
        16 => ", EBUSY",
        22 => ", EINVAL",
        _ => "",
    };
    format!("errno {errno}{name}")
}

fn named(scene: &Scene<'_>, retry: &Retry) -> String {
    format!(
        "{}, {} {} from {:#x}: {}, the last {}{}, {} together",
        process(scene.model, retry.pid),
        counted(retry.pages, "page", "pages"),
        retry.direction.name(),
        retry.address,
        counted(retry.calls, "call", "calls"),
        retry.outcome.name(),
        retry
            .errno
            .map_or_else(String::new, |errno| format!(" ({})", error(errno))),
        duration(retry.time_ns)
    )
}
