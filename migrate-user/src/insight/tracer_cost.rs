//! The tracer takes much time itself.

use super::scene::Scene;
use super::{Finding, Kind};
use crate::text::{counted, duration, percent};
use crate::trace::Facts;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let (part, slowdown) = (scene.model.probe_share()?, scene.model.slowdown()?);
    if !scene.has_enough() || part < scene.at.tracer_share {
        return None;
    }
    let facts = scene.model.facts();
    let probe_ns = scene.model.totals().probe_ns();
    let each_ns = probe_ns / scene.migrations.max(1);
    Some(Finding {
        kind: Kind::TracerCost,
        // What has no record took the tracer's time as well: it is no part that shrinks.
        severity: scene.severity(part),
        what: format!(
            "The tracer itself takes {} of the time of {} and its own together. It is in none of the steps, but whatever is traced takes {}.",
            percent(part),
            scene.all(),
            longer(slowdown)
        ),
        evidence: vec![format!(
            "{} in each of {}, attached by {}",
            duration(each_ns),
            counted(scene.migrations, "migration", "migrations"),
            facts.attached.as_deref().unwrap_or("unknown")
        )],
        cost: format!(
            "{}, on top of the {} of {}",
            duration(probe_ns),
            duration(scene.total_ns),
            scene.all()
        ),
        try_this: advice(facts),
        cost_ns: Some(probe_ns),
    })
}

/// `7.2% longer`, or `8.6 times as long`.
fn longer(slowdown: f64) -> String {
    if slowdown < 1.0 {
        format!("{} longer", percent(slowdown))
    } else {
        format!("{:.1} times as long", slowdown + 1.0)
    }
}

/// What this recording could have done without.
fn advice(facts: &Facts) -> Vec<String> {
    let details = facts.details;
    let asked = [
        (details.sub_steps, "--sub-steps"),
        (details.kernel_stacks, "--kernel-stacks"),
        (details.user_stacks, "--user-stacks"),
        (details.off_cpu, "--off-cpu"),
    ];
    let asked: Vec<_> = asked
        .into_iter()
        .filter_map(|(is_on, name)| is_on.then_some(name))
        .collect();
    let mut advice = Vec::new();
    if !asked.is_empty() {
        advice.push(format!(
            "Leave out what was asked for and costs most: {}.",
            asked.join(", ")
        ));
    }
    let less = "race less: --pid, --driver, --min-pages.";
    advice.push(if facts.record_every == 0 {
        format!("T{less}")
    } else {
        format!("Keep totals only (--totals-only), or t{less}")
    });
    if facts.attached.as_deref() != Some("fentry") {
        advice.push(
            "Use BPF trampolines (--attach fentry) if the kernel has them: kprobes cost more."
                .to_owned(),
        );
    }
    advice
}
