//! Many pages cannot be migrated, because somebody holds them.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::percent;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let skipped = scene.ledger.skipped;
    let part = share(skipped, scene.ledger.requested);
    if !scene.has_enough() || skipped == 0 || part < scene.at.skipped_share {
        return None;
    }
    let reasons = scene.model.totals().reasons();
    let mut evidence = Vec::new();
    if reasons.known() {
        evidence.push(format!(
            "not_collected: {}: absent, there already, locked, of another kind, or anonymous and pinned",
            scene.pages(reasons.not_collected)
        ));
        evidence.push(format!(
            "unmap_failed: {}: somebody else holds a reference, as a pin does",
            scene.pages(reasons.unmap_failed)
        ));
    } else {
        evidence.push("this kernel does not let it be seen why".to_owned());
    }
    evidence.extend(scene.by_whom("pages", |sums| sums.ledger.skipped));
    Some(Finding {
        kind: Kind::PinnedSkips,
        severity: scene.severity(part),
        what: format!(
            "{} of the pages that were asked for could not be taken: they were skipped.",
            percent(part)
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
