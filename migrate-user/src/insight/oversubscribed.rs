//! More is wanted on the device than fits.

use super::scene::{Scene, share};
use super::{Finding, Kind};
use crate::text::{counted, duration, percent};
use crate::trace::{Cause, Direction, Exact, Figure, ledger::arrived};

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    let totals = scene.model.totals();
    let of = |cause: Cause| {
        let counts = totals
            .counts
            .iter()
            .filter(move |count| count.cause == cause && count.direction == Direction::ToSystem);
        counts.fold((0u64, 0u64), |(calls, pages), count| {
            let more = arrived(&count.ledger);
            (
                calls.saturating_add(count.migrations),
                pages.saturating_add(more),
            )
        })
    };
    let ((evictions, evicted), (faults, faulted)) = (of(Cause::Eviction), of(Cause::CpuFault));
    let there = arrived(&totals.ledger(Some(Direction::ToDevice)));
    let part = share(evicted, there);
    if scene.model.hidden().evictions
        || !scene.has_enough()
        || evicted == 0
        || part < scene.at.evicted_share
    {
        return None;
    }
    let eviction_ns = evictions_ns(totals);
    Some(Finding {
        kind: Kind::Oversubscribed,
        severity: scene.severity_of_totals(share(eviction_ns, scene.total_ns)),
        what: format!(
            "Device memory is too small for what is wanted there: for every 100 pages that came, {:.0} were evicted.",
            part * 100.0
        ),
        evidence: vec![
            format!(
                "{} took {} from the device, on which {} arrived",
                counted(evictions, "eviction", "evictions"),
                scene.pages(evicted),
                scene.pages(there)
            ),
            format!(
                "{} brought {} back to the CPU",
                counted(faults, "CPU fault", "CPU faults"),
                scene.pages(faulted)
            ),
        ],
        cost: format!(
            "{}: {} of the time of {}, and the pages have to come again",
            duration(eviction_ns),
            percent(share(eviction_ns, scene.total_ns)),
            scene.all()
        ),
        try_this: vec![
            "Use less device memory at once: smaller batches of work, or process the data in tiles that fit.".to_owned(),
            "Keep on the CPU what the device reads only once.".to_owned(),
            "Prefetch in the order of use, so that what is evicted is what was used longest ago.".to_owned(),
        ],
        cost_ns: Some(eviction_ns),
    })
}

/// The time of all evictions, nanoseconds.
fn evictions_ns(totals: &Exact) -> u64 {
    let evictions = totals
        .figures
        .iter()
        .filter(|figure| figure.cause == Cause::Eviction && figure.figure == Figure::Total);
    evictions.fold(0, |sum, figure| sum.saturating_add(figure.sum))
}
