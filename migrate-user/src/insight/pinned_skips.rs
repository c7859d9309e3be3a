//! Many pages cannot be migrated, because somebody holds them.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::percent;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let reasons = scene.model.totals().reasons();
    // Nobody holds a page that is free: an eviction takes whole chunks, however much of them is in use.
    let skipped = scene.ledger.skipped.saturating_sub(reasons.free);
    let requested = scene.ledger.requested.saturating_sub(reasons.free);
    let part = share(skipped, requested);
    if !scene.has_enough() || skipped == 0 || part < scene.at.skipped_share {
        return None;
    }
    let mut evidence = scene.why_missing(skipped, reasons);
    if reasons.free > 0 {
        let free = scene.pages(reasons.free);
        evidence.push(format!(
            "{free} that evictions found free are not among them"
        ));
    }
    evidence.extend(scene.by_whom("pages", |sums| {
        sums.ledger.skipped.saturating_sub(sums.reasons.free)
    }));
    Some(Finding {
        kind: Kind::PinnedSkips,
        severity: scene.severity(part),
        what: format!(
            "{} of the pages that {} asked for could not be taken: they were skipped.",
            percent(part),
            scene.all()
        ),
        evidence,
        cost: format!("{} stayed where they were", scene.pages(skipped)),
        try_this: vec![
            "See who pins the process's memory: RDMA registrations, io_uring's fixed buffers, O_DIRECT, VFIO, mlock by another device \
             (VmPin and VmLck in /proc/PID/status)."
                .to_owned(),
            "Keep pinned buffers and those for the device in different ranges.".to_owned(),
            "If pages are there already, do not ask for them again: remember in the driver what was migrated.".to_owned(),
        ],
        cost_ns: None,
    })
}
