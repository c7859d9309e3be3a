//! What was not judged, and why: where there is too little, silence is no praise.

use super::scene::Scene;
use crate::text::count;

/// A sentence for each reason.
pub(super) fn reasons(scene: &Scene<'_>) -> Vec<String> {
    if scene.migrations == 0 {
        let facts = scene.model.facts();
        let is_off = facts.record_every == 0 && facts.filters().next().is_some();
        let off = "records are off: of what the filter lets through nothing was judged";
        return is_off.then(|| off.to_owned()).into_iter().collect();
    }
    let hidden = scene.model.hidden();
    let (least, recorded) = (scene.at.migrations, scene.records.migrations);
    let mut reasons = Vec::new();
    if !scene.has_enough() {
        reasons.push(format!(
            "{}: what rests on averages was not judged",
            fewer(least, scene.migrations, "migrations")
        ));
    } else if recorded < least {
        reasons.push(format!(
            "{}: what is of sizes, pages or single migrations was not judged",
            fewer(least, recorded, "records")
        ));
    }
    if hidden.ways_back {
        reasons.push(
            "the filter leaves out some migrations of a page: what came back, and what was tried again, was not judged"
                .to_owned(),
        );
    }
    if hidden.by_result {
        reasons.push(
            "the filter chooses by how migrations went: what a call costs, which step takes most, which are slow, and how many are rolled back was not judged"
                .to_owned(),
        );
    }
    if hidden.evictions {
        reasons.push(
            "the filter leaves out evictions: whether device memory is too small was not judged"
                .to_owned(),
        );
    }
    let reasons_of_skips = scene.model.totals().reasons();
    if reasons_of_skips.not_collected > reasons_of_skips.free
        && let Some(why) = why_not_there(scene)
    {
        reasons.push(format!(
            "{why}: which pages were where they should go already was not judged"
        ));
    }
    reasons
}

/// Why it is not known which pages were where they were to go already; `None` where it is. It takes
/// a record of every migration, before and between.
pub(super) fn why_not_there(scene: &Scene<'_>) -> Option<&'static str> {
    let model = scene.model;
    match model.losses() {
        _ if model.already_there().is_some() => None,
        _ if model.hidden().anything => Some("the filter may leave out what would tell"),
        None => Some("whether every migration was recorded is unknown"),
        Some(_) => Some("not every migration was recorded"),
    }
}

fn fewer(least: u64, there: u64, what: &str) -> String {
    format!("fewer than {} {what} ({})", count(least), count(there))
}
