//! Drivers that want all or nothing give up what the kernel had collected, because something was
//! missing.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::{counted, percent};
use crate::trace::ledger::{arrived, wasted};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let given_up = &scene.given_up;
    let ledger = &scene.records.ledger;
    let collected = ledger
        .declined
        .saturating_add(arrived(ledger))
        .saturating_add(wasted(ledger));
    let part = share(given_up.pages, collected);
    if !scene.has_enough_records() || given_up.pages == 0 || part < scene.at.given_up_share {
        return None;
    }
    let mut evidence = vec![format!(
        "{} of all pages that the kernel had collected in {}, in {}",
        percent(part),
        scene.recorded(),
        counted(given_up.calls, "call", "calls")
    )];
    evidence.extend(scene.why_missing(given_up.missing, given_up.reasons));
    evidence.extend(scene.by_whom("pages", |sums| sums.given_up.pages));
    Some(Finding {
        kind: Kind::GivenUp,
        severity: scene.severity_of_records(given_up.time_ns),
        what: format!(
            "{} given up because {} could not be taken: the driver wants all of a range, or nothing.",
            if given_up.pages == 1 {
                "1 page was".to_owned()
            } else {
                format!("{} were", counted(given_up.pages, "page", "pages"))
            },
            counted(given_up.missing, "page", "pages")
        ),
        evidence,
        cost: format!(
            "{} unmapped and mapped again for nothing, {}",
            scene.pages(given_up.pages),
            scene.time(given_up.time_ns)
        ),
        try_this: vec![
            "Find out who holds the few that are missing: pins (RDMA, io_uring's fixed buffers, O_DIRECT), pipes (vmsplice), \
             another process after fork."
                .to_owned(),
            "Keep what is held away from what goes to the device: memory of its own, aligned to 2 MiB.".to_owned(),
            "In a driver: migrate what was collected, or try again in smaller ranges.".to_owned(),
        ],
        cost_ns: Some(given_up.time_ns),
    })
}
