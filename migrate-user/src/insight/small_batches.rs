//! The fixed cost of a call outweighs that of its pages.

use super::scene::Scene;
use super::{Finding, Kind, Severity};
use crate::model::{Fit, Group};
use crate::text::{count, counted, duration, percent};

/// The share of the fixed cost that is worth aiming at.
const GOAL: f64 = 0.1;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.has_enough_records() {
        return None;
    }
    fitted(scene).or_else(|| all_alike(scene))
}

/// Calls in one direction and for one reason of which most of the time is their fixed cost.
struct Small {
    group: Group,
    fit: Fit,
    fixed: (f64, f64),
    fixed_share: f64,
    /// Pages that a call should ask for.
    goal: u64,
    /// What that would have saved; `None` where the cost of a page cannot be told from 0.
    saved_ns: Option<u64>,
}

fn small(scene: &Scene<'_>, group: Group) -> Option<Small> {
    let batching = scene.model.batching();
    let fit = batching.fit(None, group)?;
    let fixed = fit.fixed()?;
    let time_ns = batching.time_ns(group);
    let fixed_share = (fixed.0 * fit.calls as f64 / time_ns.max(1) as f64).min(1.0);
    // Of calls that are larger than any that there was, nothing is known.
    let goal = fit.pages_for(GOAL).map_or(fit.most_pages, |pages| {
        (pages.ceil() as u64).min(fit.most_pages)
    });
    // How few calls there are is in the intervals.
    (fixed_share >= scene.at.fixed_share).then_some(Small {
        group,
        fit,
        fixed,
        fixed_share,
        goal,
        saved_ns: batching.saved_ns(goal, group).map(|ns| ns as u64),
    })
}

fn fitted(scene: &Scene<'_>) -> Option<Finding> {
    let groups = scene.model.batching().groups().into_iter();
    let small = groups.filter_map(|group| small(scene, group));
    let worst = small.max_by_key(|small| small.saved_ns)?;
    let mut evidence = vec![costs(&worst)];
    evidence.extend(typical(scene, worst.group));
    let goal = counted(worst.goal, "page", "pages");
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: worst.saved_ns.map_or(Severity::Minor, |saved_ns| {
            scene.severity_of_records(saved_ns)
        }),
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
        cost: match worst.saved_ns {
            Some(saved_ns) => {
                format!("calls of {goal} would have saved {}", scene.time(saved_ns))
            }
            None => "unknown: what a page adds cannot be told from 0".to_owned(),
        },
        try_this: advice(worst.goal),
        cost_ns: worst.saved_ns,
    })
}

/// What a call and a page cost, as far as they can be told from 0.
fn costs(small: &Small) -> String {
    let time =
        |(ns, error): (f64, f64)| format!("{} ± {}", duration(ns as u64), duration(error as u64));
    let call = time(small.fixed);
    match small.fit.per_page().zip(small.fit.break_even_pages()) {
        Some((per_page, even)) => format!(
            "a call costs {call} by itself, and {} for each page (95% intervals); the two are equal at {}",
            time(per_page),
            counted(even.ceil() as u64, "page", "pages")
        ),
        None => format!(
            "a call costs {call} by itself (95% interval); what a page adds cannot be told from 0"
        ),
    }
}

/// All calls ask for very few pages, so that the fixed cost does not show.
fn all_alike(scene: &Scene<'_>) -> Option<Finding> {
    let batching = scene.model.batching();
    let sizes = || batching.sizes(None);
    let most = sizes().map(|size| *size.pages.end()).max()?;
    if most > scene.at.small_pages || batching.is_by_result() {
        return None;
    }
    let calls = sizes().fold(0u64, |sum, size| sum.saturating_add(size.calls));
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: Severity::Notable,
        what: "All recorded completed calls are very small.".to_owned(),
        evidence: vec![format!(
            "none of {} asks for more than {}",
            counted(calls, "recorded completed call", "recorded completed calls"),
            counted(most, "page", "pages")
        )],
        cost: "unknown: what a call costs by itself shows only where calls differ in size"
            .to_owned(),
        try_this: advice(512),
        cost_ns: None,
    })
}

/// The size that most calls of a group have; `None` where it is one of several.
fn typical(scene: &Scene<'_>, group: Group) -> Option<String> {
    let sizes = || scene.model.batching().sizes_of(group);
    let size = sizes().max_by_key(|size| size.calls)?;
    if sizes().filter(|other| other.calls == size.calls).count() > 1 {
        return None;
    }
    let (least, most) = (*size.pages.start(), *size.pages.end());
    let pages = if least == most {
        counted(least, "page", "pages")
    } else {
        format!("{} to {} pages", count(least), count(most))
    };
    let all = sizes().fold(0u64, |sum, size| sum.saturating_add(size.calls));
    Some(format!(
        "{} of these {} ask for {pages}",
        percent(size.calls as f64 / all.max(1) as f64),
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
