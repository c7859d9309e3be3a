//! The fixed cost of a call outweighs that of its pages.

use super::scene::Scene;
use super::{Finding, Kind, Severity};
use crate::model::{Fit, Group, Size};
use crate::text::{count, counted, duration, percent};

/// The share of the fixed cost that is worth aiming at.
const GOAL: f64 = 0.1;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.has_enough_records() {
        return None;
    }
    fitted(scene).or_else(|| all_alike(scene))
}

/// Calls in one direction and for one reason that are too small, and what larger ones would have saved.
struct Small {
    group: Group,
    fit: Fit,
    fixed_share: f64,
    goal: u64,
    saved_ns: u64,
}

/// Is the fixed cost of a group's calls most of their time? Only where both costs can be told from 0.
fn small(scene: &Scene<'_>, group: Group) -> Option<Small> {
    let batching = scene.model.batching();
    let fit = batching.fit(None, group)?;
    let (fixed_ns, _) = fit.fixed()?;
    let time_ns = batching.time_ns(group).max(1) as f64;
    let fixed_share = (fixed_ns * fit.calls as f64 / time_ns).min(1.0);
    // Of calls that are larger than any that there was, nothing is known.
    let goal = (fit.pages_for(GOAL)?.ceil() as u64).min(fit.most_pages);
    let saved_ns = batching.saved_ns(goal, group)? as u64;
    // How few calls there are is in the intervals.
    (fixed_share >= scene.at.fixed_share).then_some(Small {
        group,
        fit,
        fixed_share,
        goal,
        saved_ns,
    })
}

fn fitted(scene: &Scene<'_>) -> Option<Finding> {
    let groups = scene.model.batching().groups().into_iter();
    let small = groups.filter_map(|group| small(scene, group));
    let worst = small.max_by_key(|small| small.saved_ns)?;
    let (fixed, per_page) = (worst.fit.fixed()?, worst.fit.per_page()?);
    let time =
        |(ns, error): (f64, f64)| format!("{} ± {}", duration(ns as u64), duration(error as u64));
    let even = worst.fit.break_even_pages()?;
    let mut evidence = vec![format!(
        "a call costs {} by itself, and {} for each page (95% intervals); the two are equal at {}",
        time(fixed),
        time(per_page),
        counted(even.ceil() as u64, "page", "pages")
    )];
    evidence.extend(typical(scene));
    let goal = counted(worst.goal, "page", "pages");
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: scene.severity_of_records(worst.saved_ns),
        what: format!(
            "{} of the time of {} ({}) is the fixed cost of calls, not that of their pages.",
            percent(worst.fixed_share),
            counted(
                worst.fit.calls,
                "recorded completed migration",
                "recorded completed migrations"
            ),
            worst.group.name()
        ),
        evidence,
        cost: format!(
            "calls of {goal} would have saved {}",
            scene.time(worst.saved_ns)
        ),
        try_this: advice(worst.goal),
        cost_ns: Some(worst.saved_ns),
    })
}

/// All calls ask for very few pages, so that the fixed cost does not show.
fn all_alike(scene: &Scene<'_>) -> Option<Finding> {
    let batching = scene.model.batching();
    let most = batching.sizes(None).map(|size| *size.pages.end()).max()?;
    if most > scene.at.small_pages || batching.is_by_result() {
        return None;
    }
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: Severity::Notable,
        what: "All recorded calls are very small.".to_owned(),
        evidence: typical(scene).into_iter().collect(),
        cost: "unknown: what a call costs by itself shows only where calls differ in size"
            .to_owned(),
        try_this: advice(512),
        cost_ns: None,
    })
}

/// The size that most calls have.
fn most_calls(scene: &Scene<'_>) -> Option<Size> {
    let sizes = scene.model.batching().sizes(None);
    sizes.max_by_key(|size| size.calls)
}

fn sum(scene: &Scene<'_>, of: impl Fn(&Size) -> u64) -> u64 {
    let sizes = scene.model.batching().sizes(None);
    sizes.fold(0, |sum, size| sum.saturating_add(of(&size)))
}

fn typical(scene: &Scene<'_>) -> Option<String> {
    let size = most_calls(scene)?;
    let (least, most) = (*size.pages.start(), *size.pages.end());
    let pages = if least == most {
        counted(least, "page", "pages")
    } else {
        format!("{} to {} pages", count(least), count(most))
    };
    let all = sum(scene, |size| size.calls);
    let share = percent(size.calls as f64 / all.max(1) as f64);
    Some(format!(
        "{share} of {} ask for {pages}",
        counted(all, "recorded completed call", "recorded completed calls")
    ))
}

fn advice(pages: u64) -> Vec<String> {
    vec![
        format!(
            "Ask for more pages at once, up to {}: in a driver, migrate the surroundings of a fault; in a program, prefetch whole \
             buffers before the device uses them.",
            counted(pages, "page", "pages")
        ),
        "Align allocations to 2 MiB and allow transparent huge pages, so that there is more to take along.".to_owned(),
    ]
}
