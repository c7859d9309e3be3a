//! One step takes nearly all the time.

use super::scene::{Scene, share};
use super::{Finding, Kind, Severity};
use crate::text::{duration, percent};
use crate::trace::{Outcome, Step};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let steps = scene.model.steps();
    let largest = Step::ALL
        .into_iter()
        .max_by_key(|step| steps.sum(*step, None))?;
    let part = steps.share(largest, None)?;
    let times = steps.of(largest, None);
    // One that takes seconds may be chance, and would speak for all.
    let longest_ns = times.max()?;
    let rest = share(
        times.sum().saturating_sub(longest_ns),
        scene.total_ns.saturating_sub(longest_ns),
    );
    if !can_tell(scene) || part.min(rest) < scene.at.step_share {
        return None;
    }
    let quantiles = [(0.5, "median"), (0.99, "p99")].into_iter();
    let known = quantiles.filter_map(|(quantile, name)| {
        let ns = times.quantile(quantile)?;
        Some(format!("{name} {}, ", duration(ns)))
    });
    let evidence = vec![format!(
        "{}: {}{} together; without the longest, {} of the time of all others",
        largest.name(),
        known.collect::<String>(),
        duration(times.sum()),
        percent(rest)
    )];
    Some(Finding {
        kind: Kind::DominantStep,
        // It need not be wrong: something has to take the time.
        severity: Severity::Minor,
        what: format!(
            "{} of the time of {} goes into {}, which is {}.",
            percent(part),
            scene.all(),
            largest.name(),
            whose(largest)
        ),
        evidence,
        cost: format!(
            "{}, {} of the {} of {}",
            duration(times.sum()),
            percent(part),
            duration(scene.total_ns),
            scene.all()
        ),
        try_this: advice(largest).into_iter().map(str::to_owned).collect(),
        cost_ns: Some(times.sum()),
    })
}

/// Are there enough migrations that could have taken their time in any step? A rejected one has but
/// the first; and those that were chosen by how they went may all have ended early.
fn can_tell(scene: &Scene<'_>) -> bool {
    let kinds = scene.model.totals().kinds();
    let others = kinds
        .filter(|kind| kind.outcome != Outcome::Rejected)
        .fold(0u64, |sum, kind| sum.saturating_add(kind.migrations));
    !scene.model.hidden().by_result && others >= scene.at.migrations
}

fn whose(step: Step) -> &'static str {
    match step {
        Step::Setup => "the kernel's: it collects, locks and unmaps the pages",
        Step::AllocAndCopy => "the driver's: it allocates the destination and copies",
        Step::Pages => "the kernel's: it moves what it knows about each page",
        Step::FinalizeAndMap => "the driver's: it maps on the device, and may wait for the copy",
        Step::Finalize => "the kernel's: it restores the CPU's page tables",
    }
}

fn advice(step: Step) -> [&'static str; 2] {
    match step {
        Step::Setup => [
            "Record with --sub-steps, which tells draining, invalidation, reverse mappings and splits apart.",
            "Fewer and larger calls drain the LRU caches and invalidate less often.",
        ],
        Step::AllocAndCopy => [
            "Record with --off-cpu: asleep, the driver waits for its copy engine or for memory; else it copies with the CPU.",
            "See whether evictions are nested in it (cause eviction), and whether calls are large enough for the copy engine.",
        ],
        Step::Pages => [
            "Large folios that are split here cost most: record with --sub-steps.",
            "File-backed pages take longer than anonymous ones: keep them out of the ranges.",
        ],
        Step::FinalizeAndMap => [
            "Some drivers (amdgpu, nouveau) wait for the copy here: see what their copy engine does meanwhile.",
            "Record with --off-cpu: if the thread does not sleep, updating the device's page tables takes the time.",
        ],
        Step::Finalize => [
            "Memory that many processes share has many mappings to restore: migrate it before it is shared.",
            "Record with --off-cpu: waiting for locks of the page tables shows there.",
        ],
    }
}
