//! The driver does not want many of the pages that were collected for it.

use super::scene::{Scene, collected, share};
use super::whom::by_whom_declined;
use super::{Finding, Kind};
use crate::text::percent;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    // What was given up for other pages has a finding of its own. It is known of records only, so
    // that all is then of those.
    let (ledger, reasons, base) = if scene.given_up.pages > 0 {
        let records = &scene.records;
        (&records.ledger, records.reasons, scene.recorded())
    } else {
        let reasons = scene.model.totals().reasons();
        (&scene.ledger, reasons, scene.all())
    };
    let declined = ledger.declined.saturating_sub(scene.given_up.pages);
    let collected = collected(ledger);
    let part = share(declined, collected);
    if !scene.has_enough() || declined == 0 || part < scene.at.declined_share {
        return None;
    }
    let mut evidence = vec![format!(
        "declined: {} of {} that the kernel had collected in {base}",
        scene.pages(declined),
        scene.pages(collected)
    )];
    // Of what was given up, no hole is counted.
    let holes = reasons.declined_holes;
    if holes > 0 {
        evidence.push(format!(
            "{} of those declined held nothing",
            scene.pages(holes)
        ));
    }
    if scene.given_up.pages > 0 {
        let given_up = scene.pages(scene.given_up.pages);
        evidence.push(format!(
            "{given_up} were given up because others were missing, and are not among them"
        ));
    }
    evidence.extend(by_whom_declined(scene));
    Some(Finding {
        kind: Kind::Declines,
        severity: scene.severity_of_totals(part),
        what: format!(
            "Drivers gave no destination to {} of the pages that the kernel had collected, locked and unmapped for them in {base}.",
            percent(part)
        ),
        evidence,
        cost: format!("{} unmapped and mapped again for nothing", scene.pages(declined)),
        try_this: vec![
            "See whether device memory is full, or too fragmented for what the driver allocates.".to_owned(),
            "Holes (memory never written to) are declined by drivers that do not fill them: write to it first, or leave it out."
                .to_owned(),
            "Pages that are where they should go already are declined by some drivers (nvidia-uvm, xe): then nothing is wrong.".to_owned(),
            "In a driver: a failed copy counts as declined where it clears the destination, as xe does; see its log.".to_owned(),
        ],
        cost_ns: None,
    })
}
