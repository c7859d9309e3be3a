//! Setup mostly waits: for LRU caches to drain, or for whoever mirrors the address space. Known
//! only with `--sub-steps`.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::model::PARTS;
use crate::text::{counted, duration, percent};

pub(super) fn drain(scene: &Scene<'_>) -> Option<Finding> {
    let what = "waiting until every CPU has drained its LRU caches";
    let advice = [
        "Make fewer and larger calls: the caches are drained once for each, on all CPUs.",
        "Keep CPUs that run real-time work without a break out of it: each has to answer.",
    ];
    check(scene, 0, Kind::SetupDrain, what, &advice)
}

pub(super) fn invalidation(scene: &Scene<'_>) -> Option<Finding> {
    let what = "waiting for the MMU notifiers of whoever mirrors the address space (devices, KVM)";
    let advice = [
        "Make fewer and larger calls: each of them invalidates its whole range once.",
        "See whether another device or a virtual machine mirrors the same memory without a need.",
        "In a driver: do not wait for the device in the notifier longer than for work in that range.",
    ];
    check(scene, 1, Kind::SetupInvalidation, what, &advice)
}

fn check(
    scene: &Scene<'_>,
    part: usize,
    kind: Kind,
    what: &str,
    advice: &[&str],
) -> Option<Finding> {
    let parts = scene.model.parts();
    let part_ns = parts.sums_ns[part];
    let of_setup = share(part_ns, parts.setup_ns);
    if parts.migrations < scene.at.migrations || of_setup < scene.at.setup_part_share {
        return None;
    }
    let of_all = share(part_ns, parts.total_ns);
    Some(Finding {
        kind,
        severity: scene.severity_of_records(part_ns),
        what: format!(
            "{} of setup, where it was measured, is {what}.",
            percent(of_setup.min(1.0))
        ),
        evidence: vec![format!(
            "{}: {} of {} of setup, in {} that were measured",
            PARTS[part],
            duration(part_ns),
            duration(parts.setup_ns),
            counted(parts.migrations, "migration", "migrations")
        )],
        cost: format!(
            "{}, {} of the time of the migrations that were measured",
            duration(part_ns),
            percent(of_all.min(1.0))
        ),
        try_this: advice.iter().map(|text| (*text).to_owned()).collect(),
        cost_ns: Some(part_ns),
    })
}
