//! The tracer takes much time itself.

use super::scene::Scene;
use super::{Finding, Kind};
use crate::text::{counted, duration, percent};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let part = scene.model.probe_share()?;
    if !scene.has_enough() || part < scene.at.tracer_share {
        return None;
    }
    let probe_ns = scene.model.totals().probe_ns();
    let each_ns = probe_ns / scene.migrations.max(1);
    Some(Finding {
        kind: Kind::TracerCost,
        severity: scene.severity(part),
        what: format!(
            "The tracer itself takes {} of the time of {} and its own. It is in none of the steps, but whatever is traced is that much slower.",
            percent(part),
            scene.all()
        ),
        evidence: vec![format!(
            "{} in each of {}, attached by {}",
            duration(each_ns),
            counted(scene.migrations, "migration", "migrations"),
            scene.model.facts().attached.as_deref().unwrap_or("unknown")
        )],
        cost: duration(probe_ns),
        try_this: vec![
            "Leave out what costs most: --sub-steps, --kernel-stacks and --user-stacks.".to_owned(),
            "Keep totals only (--totals-only), or trace less: --pid, --driver, --min-pages."
                .to_owned(),
            "Use BPF trampolines (--attach fentry) if the kernel has them: kprobes cost more."
                .to_owned(),
        ],
        cost_ns: Some(probe_ns),
    })
}
