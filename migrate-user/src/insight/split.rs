//! Large folios are split on their way. Known only with `--sub-steps`.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::model::PARTS;
use crate::text::{counted, duration, percent};

/// The place of splits among the parts.
const SPLIT: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let parts = scene.model.parts();
    let split_ns = parts.sums_ns[SPLIT];
    let part = share(split_ns, parts.total_ns);
    if parts.migrations < scene.at.migrations || part < scene.at.split_share {
        return None;
    }
    Some(Finding {
        kind: Kind::Split,
        severity: scene.severity(part),
        what: format!(
            "{} of the time of migrations is spent on splitting large folios into base pages.",
            percent(part.min(1.0))
        ),
        evidence: vec![format!(
            "{}: {} of {}, in {} that were measured",
            PARTS[SPLIT],
            duration(split_ns),
            duration(parts.total_ns),
            counted(parts.migrations, "migration", "migrations")
        )],
        cost: format!(
            "{}, and the large pages are gone: later migrations and page tables cost more",
            duration(split_ns)
        ),
        try_this: vec![
            "Ask for ranges that begin and end at 2 MiB: a large folio that lies half outside is split.".to_owned(),
            "Use a driver and a kernel that migrate large folios whole (MIGRATE_VMA_SELECT_COMPOUND, Linux 6.19).".to_owned(),
            "See whether large pages can still be had on the device: without one, the folio is split.".to_owned(),
        ],
        cost_ns: Some(split_ns),
    })
}
