//! The fixed cost of a call outweighs that of its pages.

use super::scene::Scene;
use super::{Finding, Kind, Severity};
use crate::model::{Fit, Size};
use crate::text::{count, counted, duration, percent};

/// The share of the fixed cost that is worth aiming at.
const GOAL: f64 = 0.1;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.has_enough() {
        return None;
    }
    match scene.model.batching().fit(None, None) {
        Some(fit) => fitted(scene, &fit),
        None => all_alike(scene),
    }
}

fn fitted(scene: &Scene<'_>, fit: &Fit) -> Option<Finding> {
    let batching = scene.model.batching();
    let time_ns = sum(scene, |size| size.time_ns);
    let fixed_ns = fit.fixed_ns * fit.calls as f64;
    let part = fixed_ns / time_ns.max(1) as f64;
    // A fixed cost that may be none at all says nothing.
    let certain = fit.fixed_ns > 2.0 * fit.fixed_error_ns;
    if !certain || part < scene.at.fixed_share {
        return None;
    }
    let goal = fit.pages_for(GOAL).map_or(512, |pages| pages.ceil() as u64);
    let saved_ns = batching.saved_ns(goal, None)? as u64;
    let mut evidence = vec![format!(
        "a call costs {} (± {}) by itself, and {} (± {}) for each page; the two are equal at {} pages",
        duration(fit.fixed_ns as u64),
        duration(2 * fit.fixed_error_ns as u64),
        duration(fit.per_page_ns.max(0.0) as u64),
        duration(2 * fit.per_page_error_ns as u64),
        fit.break_even_pages()
            .map_or_else(|| "unknown".to_owned(), |pages| count(pages.ceil() as u64)),
    )];
    evidence.extend(typical(scene));
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: scene.severity(scene.share_of_records(saved_ns)),
        what: format!(
            "{} of the time of completed migrations is the fixed cost of calls, not that of their pages.",
            percent(part.min(1.0))
        ),
        evidence,
        cost: format!(
            "calls of {} would have saved {}",
            counted(goal, "page", "pages"),
            scene.time(saved_ns)
        ),
        try_this: advice(goal),
        cost_ns: Some(saved_ns),
    })
}

/// All calls ask for as many pages, so that the fixed cost does not show; but they are very small.
fn all_alike(scene: &Scene<'_>) -> Option<Finding> {
    let size = most_calls(scene)?;
    if *size.pages.start() > scene.at.small_pages {
        return None;
    }
    Some(Finding {
        kind: Kind::SmallBatches,
        severity: Severity::Notable,
        what: "All calls are very small.".to_owned(),
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
        counted(all, "completed call", "completed calls")
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
