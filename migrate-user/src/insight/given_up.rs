//! Drivers that want all or nothing give up what the kernel had collected, because something was
//! missing.

use super::scene::{Scene, collected, share};
use super::whom::by_whom_given_up;
use super::{Finding, Kind};
use crate::text::{counted, percent};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let given_up = &scene.given_up;
    let part = share(given_up.pages, collected(&scene.records.ledger));
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
    evidence.extend(by_whom_given_up(scene));
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
            "{} unmapped and mapped again for nothing{}, {}",
            scene.pages(given_up.pages),
            scene.in_records(),
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
