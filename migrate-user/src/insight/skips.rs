//! Many pages are skipped: because they are there already, because somebody holds them, or for a
//! reason that is not known.

use super::scene::{Scene, share};
use super::unjudged;
use super::whom::Most;
use super::{Finding, Kind, Severity};
use crate::model::Sums;
use crate::text::percent;

/// Skipped pages by what is known of them. Free ones of evictions are left out: an eviction takes
/// whole chunks, however much of them is in use, and nobody holds a page that is free. Unit: base
/// pages.
struct Skipped {
    requested: u64,
    /// Seen to arrive where they were to go, and not to leave; 0 where that is not known.
    there: u64,
    /// Not unmapped: somebody refers to them.
    held: u64,
    /// Not collected, and it is not known why.
    rest: u64,
    free: u64,
}

impl Skipped {
    fn of(scene: &Scene<'_>) -> Self {
        let reasons = scene.model.totals().reasons();
        let not_collected = reasons.not_collected.saturating_sub(reasons.free);
        let there = scene.model.already_there().unwrap_or(0).min(not_collected);
        Self {
            requested: scene.ledger.requested.saturating_sub(reasons.free),
            there,
            held: reasons.unmap_failed,
            rest: (not_collected - there).saturating_add(reasons.unknown),
            free: reasons.free,
        }
    }
}

/// Is so large a part of what was asked for enough to say so?
fn enough(scene: &Scene<'_>, pages: u64, requested: u64) -> Option<f64> {
    let part = share(pages, requested);
    let is_enough = scene.has_enough() && pages > 0 && part >= scene.at.skipped_share;
    is_enough.then_some(part)
}

/// Pages that are there already: not wrong by itself.
pub(super) fn there(scene: &Scene<'_>) -> Option<Finding> {
    let skipped = Skipped::of(scene);
    let part = enough(scene, skipped.there, skipped.requested)?;
    Some(Finding {
        kind: Kind::AlreadyThere,
        severity: Severity::Minor,
        what: format!(
            "At least {} of the pages that {} asked for were where they were to go already.",
            percent(part),
            scene.all()
        ),
        evidence: vec![format!(
            "at least {} had been seen to arrive there before, and not to leave",
            scene.pages(skipped.there)
        )],
        cost: "unknown: what setup takes to look them up is not measured apart".to_owned(),
        try_this: vec![
            "Do not ask for them again: in a driver, remember what was migrated.".to_owned(),
            "Prefetch a range once, not before each use.".to_owned(),
        ],
        cost_ns: None,
    })
}

/// Pages that somebody holds.
pub(super) fn held(scene: &Scene<'_>) -> Option<Finding> {
    let skipped = Skipped::of(scene);
    let part = enough(scene, skipped.held, skipped.requested)?;
    let mut evidence = vec![format!(
        "unmap_failed: {}: somebody else holds a reference, as a pin does",
        scene.pages(skipped.held)
    )];
    evidence.extend(scene.by_whom("pages", |sums| sums.reasons.unmap_failed));
    Some(Finding {
        kind: Kind::PinnedSkips,
        severity: scene.severity_of_totals(part),
        what: format!(
            "{} of the pages that {} asked for could not be taken, because somebody refers to them.",
            percent(part),
            scene.all()
        ),
        evidence,
        cost: format!("{} stayed where they were", scene.pages(skipped.held)),
        try_this: vec![
            "See who pins the process's memory: RDMA registrations, io_uring's fixed buffers, O_DIRECT, VFIO, mlock by another device \
             (VmPin and VmLck in /proc/PID/status)."
                .to_owned(),
            "Keep pinned buffers and those for the device in different ranges.".to_owned(),
            "Pages that are being read or written at that moment, or shared after fork, count here, too: migrate before or after."
                .to_owned(),
        ],
        cost_ns: None,
    })
}

/// Pages that were not collected, and nobody knows why. That need not be wrong.
pub(super) fn unexplained(scene: &Scene<'_>) -> Option<Finding> {
    let skipped = Skipped::of(scene);
    let part = enough(scene, skipped.rest, skipped.requested)?;
    let mut evidence = vec![format!(
        "{}: absent, of another kind, locked, anonymous and pinned, or there already without having been seen to arrive",
        scene.pages(skipped.rest)
    )];
    if !scene.model.totals().reasons().known() {
        evidence.push("this kernel does not let it be seen why pages are skipped".to_owned());
    }
    if let Some(why) = unjudged::why_not_there(scene) {
        evidence.push(format!(
            "which of them were there already is unknown: {why}"
        ));
    }
    let others = [
        (skipped.there, "were seen to arrive there before"),
        (skipped.free, "evictions found free"),
    ];
    let others = others.into_iter().filter(|(pages, _)| *pages > 0);
    evidence.extend(
        others.map(|(pages, which)| {
            format!("{} that {which} are not among them", scene.pages(pages))
        }),
    );
    evidence.extend(by_whom(scene, &skipped));
    Some(Finding {
        kind: Kind::Skips,
        severity: scene.severity_of_totals(part).max(Severity::Notable),
        what: format!(
            "{} of the pages that {} asked for were not collected; the kernel does not tell why.",
            percent(part),
            scene.all()
        ),
        evidence,
        cost: format!(
            "{} did not move, or were not there to be moved",
            scene.pages(skipped.rest)
        ),
        try_this: vec![
            "See whether calls ask for more than there is: memory that was never written to, files that are not read in, pages that \
             are there already."
                .to_owned(),
            "Look at the migrations that skip most: the same range again and again, or one way only?".to_owned(),
            "If none of that: see who pins the process's memory (VmPin and VmLck in /proc/PID/status).".to_owned(),
        ],
        cost_ns: None,
    })
}

/// Who has most pages that were not collected. Of a process it is not known which of them were
/// there already, so that the line says where those are among them.
fn by_whom(scene: &Scene<'_>, skipped: &Skipped) -> Vec<String> {
    let of = |sums: &Sums| {
        let reasons = sums.reasons;
        let not_collected = reasons.not_collected.saturating_sub(reasons.free);
        not_collected.saturating_add(reasons.unknown)
    };
    if skipped.there == 0 {
        return scene.by_whom("pages not collected", of);
    }
    let most = Most {
        what: "pages not collected, there already or not",
        them: "all such pages",
        all: of(&scene.records),
    };
    scene.most_by(&most, |one| of(&one.sums), |one| of(&one.sums))
}
