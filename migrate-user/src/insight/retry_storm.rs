//! A device asks where memory is, and has to ask again and again.

use super::scene::{Scene, share};
use super::waits_for_others::mover;
use super::whom::process;
use super::{Finding, Kind};
use crate::model::waits::{Range, Why};
use crate::text::{count, counted, duration, percent};
use crate::trace::{WaitKind, WaitResult};

/// Ranges and migrations that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.judges_waits(WaitKind::RangeFault) {
        return None;
    }
    let totals = scene.model.wait_totals();
    let all = totals.of_kind(WaitKind::RangeFault);
    let retries = totals.of(WaitKind::RangeFault, WaitResult::Retry);
    let part = share(retries.waits, all);
    if all < scene.at.migrations || part < scene.at.retry_share {
        return None;
    }
    let cost_ns = retries.total_ns;
    Some(Finding {
        kind: Kind::RetryStorm,
        severity: scene.severity(scene.share_beside(cost_ns)),
        what: format!(
            "{} of the calls in which a device asked where memory is were in vain: something had changed there meanwhile.",
            percent(part.min(1.0))
        ),
        evidence: evidence(scene, all, retries.waits),
        cost: format!("the calls in vain: {}", scene.beside(cost_ns)),
        try_this: [
            "Keep threads and the device out of one range at the same time: each change of it makes the device ask again.",
            "Ask about smaller ranges: whatever changes anywhere in one makes all of it in vain.",
            "In a driver: wait for what changes the range (mmu_interval_read_begin does) before asking again, and give up after a few tries.",
        ]
        .map(str::to_owned)
        .to_vec(),
        cost_ns: Some(cost_ns),
    })
}

fn evidence(scene: &Scene<'_>, all: u64, retries: u64) -> Vec<String> {
    let whole = format!(
        "range_fault: {} of {} had to be tried again",
        count(retries),
        counted(all, "call", "calls")
    );
    let range = |of: &Range| {
        format!(
            "{} from {:#x}: {} of {} in vain, up to {} in a row, {}",
            process(scene.model, of.pid),
            of.address,
            count(of.sums.retries),
            counted(of.sums.waits, "call", "calls"),
            count(of.longest),
            duration(of.sums.retries_ns)
        )
    };
    let ranges = scene.model.waits().ranges();
    let ranges = ranges.into_iter().take(NAMED).map(range);
    let joined = scene.model.waits().joined(Why::Retry);
    let causes = joined.blockers.iter().take(NAMED).map(|of| {
        let waits = counted(of.waits, "of them", "of them");
        format!(
            "in the middle of {waits}, pages of the range were migrated: {}",
            mover(scene, of)
        )
    });
    let all = std::iter::once(whole).chain(ranges).chain(causes);
    all.chain(changes(scene)).collect()
}

/// What else has changed memory, wherever.
fn changes(scene: &Scene<'_>) -> Option<String> {
    let counts = scene.model.wait_totals().counts();
    let changes = counts.iter().filter(|of| of.kind == WaitKind::Invalidation);
    let changes: Vec<_> = changes
        .map(|of| format!("{} {}", of.result.name(), count(of.waits)))
        .collect();
    (!changes.is_empty()).then(|| {
        format!(
            "memory of processes that are mirrored was invalidated without a migration, wherever: {}",
            changes.join(", ")
        )
    })
}
