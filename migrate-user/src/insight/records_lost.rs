//! Migrations of which no record came.

use migrate_ebpf::wire::Loss;

use super::scene::{Scene, share};
use super::{Finding, Kind, Severity};
use crate::model::Origin;
use crate::text::{count, counted, percent};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let (losses, ended) = (scene.model.losses()?, scene.model.ended()?);
    // Others were not followed, which is a finding of its own.
    let named = [Loss::RingFull, Loss::Incomplete].map(|loss| (loss, losses.of(loss)));
    let lost = named
        .iter()
        .fold(0u64, |sum, (_, number)| sum.saturating_add(*number));
    let part = share(lost, ended);
    if lost == 0 || part < scene.at.lost_share {
        return None;
    }
    let exact = scene.model.coverage().from == Origin::Kernel;
    let covered = if exact {
        "counts, ledgers and times of steps are the kernel's own, and exact; all else is from the records that came"
    } else {
        "the figures are without those"
    };
    let there = named.into_iter().filter(|(_, number)| *number > 0);
    let evidence = there.map(|(loss, number)| format!("{}: {}", loss.name(), count(number)));
    Some(Finding {
        kind: Kind::RecordsLost,
        severity: match scene.severity(part) {
            // With the kernel's totals, the figures that matter most are right all the same.
            Severity::Serious if exact => Severity::Notable,
            severity => severity,
        },
        what: format!(
            "{} of all {} that ended left no record; {covered}.",
            percent(part),
            counted(ended, "migration", "migrations")
        ),
        evidence: evidence.collect(),
        cost: format!(
            "{} of {} are known in sum only, or not at all",
            counted(lost, "migration", "migrations"),
            count(ended)
        ),
        try_this: vec![
            "Record with a larger buffer: --ring-size 64M.".to_owned(),
            "Record less: --sample N, --min-pages, --slower-than; or only totals, with --totals-only.".to_owned(),
            "Give the recorder a CPU to itself, and a fast disk.".to_owned(),
        ],
        cost_ns: None,
    })
}
