//! Migrations of which no record came.

use super::scene::{Scene, share};
use super::{Finding, Kind, Severity};
use crate::model::Origin;
use crate::text::{count, counted, percent};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let (losses, made) = (scene.model.losses()?, scene.model.made()?);
    let lost = losses.lost();
    let part = share(lost, made);
    if lost == 0 || part < scene.at.lost_share {
        return None;
    }
    let exact = scene.model.coverage().from == Origin::Kernel;
    let covered = if exact {
        "counts, ledgers and times of steps are the kernel's own, and exact; all else is from the records that came"
    } else {
        "the figures are without those"
    };
    let named = losses
        .nonzero()
        .map(|(name, number)| format!("{name}: {}", count(number)));
    Some(Finding {
        kind: Kind::RecordsLost,
        severity: match scene.severity(part) {
            // With the kernel's totals, the figures that matter most are right all the same.
            Severity::Serious if exact => Severity::Notable,
            severity => severity,
        },
        what: format!(
            "{} of the migrations left no record; {covered}.",
            percent(part)
        ),
        evidence: named.collect(),
        cost: format!(
            "{} of {} are known in sum only, or not at all",
            counted(lost, "migration", "migrations"),
            count(made)
        ),
        try_this: vec![
            "Record with a larger buffer: --ring-size 64M.".to_owned(),
            "Record less: --sample N, --min-pages, --slower-than; or only totals, with --totals-only.".to_owned(),
            "Give the recorder a CPU to itself, and a fast disk.".to_owned(),
        ],
        cost_ns: None,
    })
}
