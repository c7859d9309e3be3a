//! Large folios are split on their way. Known only with `--sub-steps`.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::{counted, duration, percent};

/// The place of splits among the parts.
const SPLIT: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let parts = scene.model.parts();
    let part = share(parts.split_total_ns, parts.total_ns);
    if parts.migrations < scene.at.migrations || part < scene.at.split_share {
        return None;
    }
    let of_calls = share(parts.split_migrations, parts.migrations);
    Some(Finding {
        kind: Kind::Split,
        severity: scene.severity_of_records(parts.split_total_ns),
        what: format!(
            "{} of the time of migrations that were measured goes into those that split large folios into base pages.",
            percent(part)
        ),
        evidence: vec![format!(
            "{}, {} of those that were measured, took {} of {}; splitting alone took {}",
            counted(parts.split_migrations, "migration", "migrations"),
            percent(of_calls),
            duration(parts.split_total_ns),
            duration(parts.total_ns),
            duration(parts.sums_ns[SPLIT]),
        )],
        cost: format!(
            "{}, and the large pages are gone: later migrations and page tables cost more",
            duration(parts.split_total_ns)
        ),
        try_this: vec![
            "Ask for ranges that begin and end at 2 MiB: a large folio that lies half outside is split.".to_owned(),
            "Use a driver and a kernel that migrate large folios whole (MIGRATE_VMA_SELECT_COMPOUND, Linux 6.19).".to_owned(),
            "See whether large pages can still be had on the device: without one, the folio is split.".to_owned(),
        ],
        cost_ns: Some(parts.split_total_ns),
    })
}
