//! Drivers finalize what the kernel collected, without having moved it.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::{count, counted, percent};
use crate::trace::Outcome;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let totals = scene.model.totals();
    let calls = totals
        .kinds()
        .filter(|kind| kind.outcome == Outcome::RolledBack)
        .fold(0u64, |sum, kind| sum.saturating_add(kind.migrations));
    let part = share(calls, scene.migrations);
    if scene.model.hidden().by_result
        || !scene.has_enough()
        || calls == 0
        || part < scene.at.rolled_back_share
    {
        return None;
    }
    let pages = scene.ledger.rolled_back;
    let cost_ns = scene.records.rolled_back_ns;
    let mut evidence = vec![format!(
        "{} of {}, with {} that had been collected",
        count(calls),
        counted(scene.migrations, "migration", "migrations"),
        scene.pages(pages)
    )];
    evidence.extend(scene.by_whom("pages", |sums| sums.ledger.rolled_back));
    Some(Finding {
        kind: Kind::Rollbacks,
        severity: scene.severity_of_records(cost_ns),
        what: format!(
            "{} of {} were rolled back: drivers changed their mind after the kernel had collected the pages.",
            percent(part),
            scene.all()
        ),
        evidence,
        cost: format!(
            "{} unmapped and mapped again for nothing{}, {}",
            scene.pages(scene.records.ledger.rolled_back),
            scene.in_records(),
            scene.time(cost_ns)
        ),
        try_this: vec![
            "nvidia-uvm does so when pages are swapped out or used by a device alone, brings them into memory and tries again: touch \
             memory before the device does, and see what else skips pages."
                .to_owned(),
            "See whether device memory is full: some drivers find out only now.".to_owned(),
            "In a driver: allocate the destination before setup, and keep it when a call comes to nothing.".to_owned(),
        ],
        cost_ns: Some(cost_ns),
    })
}
