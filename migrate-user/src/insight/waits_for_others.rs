//! Threads wait for pages that others migrate.

use super::scene::Scene;
use super::whom::process;
use super::{Finding, Kind};
use crate::model::waits::{Blocker, Why};
use crate::text::{self, count, counted, duration, percent};
use crate::trace::{WaitKind, WaitResult};

/// Migrations that are named, by who made them and why.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.judges_waits(WaitKind::Migrating) {
        return None;
    }
    let totals = scene.model.wait_totals();
    let (moved, migrating) = (
        totals.of(WaitKind::Fault, WaitResult::MovedByOther),
        WaitKind::Migrating,
    );
    // A thread is in one of them at a time.
    let waits = totals.of_kind(migrating).saturating_add(moved.waits);
    let cost_ns = totals.total_ns(migrating).saturating_add(moved.total_ns);
    let part = scene.share_beside(cost_ns);
    if waits < scene.at.migrations || part < scene.at.others_share {
        return None;
    }
    Some(Finding {
        kind: Kind::WaitsForOthers,
        severity: scene.severity(part),
        what: format!(
            "Threads waited {} for pages that others were migrating, {} in sum.",
            counted(waits, "time", "times"),
            duration(cost_ns)
        ),
        evidence: evidence(scene),
        cost: scene.beside(cost_ns),
        try_this: [
            "Let one thread work on a page at a time: see which threads share the ranges that are named.",
            "Migrate before threads need the pages, or in smaller pieces: a waiter waits for the whole call.",
            "Where evictions are what they wait for, make room on the device: see `oversubscribed`.",
        ]
        .map(str::to_owned)
        .to_vec(),
        cost_ns: Some(cost_ns),
    })
}

fn evidence(scene: &Scene<'_>) -> Vec<String> {
    let totals = scene.model.wait_totals();
    let line = |name: &str, waits: u64, ns: u64| {
        let waits = counted(waits, "wait", "waits");
        (ns > 0).then(|| format!("{name}: {waits}, {}", duration(ns)))
    };
    let moved = totals.of(WaitKind::Fault, WaitResult::MovedByOther);
    let migrating = WaitKind::Migrating;
    let kinds = [
        line(
            "migrating",
            totals.of_kind(migrating),
            totals.total_ns(migrating),
        ),
        line("fault, moved_by_other", moved.waits, moved.total_ns),
    ];
    kinds
        .into_iter()
        .flatten()
        .chain(most_waiting(scene))
        .chain(for_whom(scene))
        .collect()
}

/// Who waited most in `migrating`, of the records.
fn most_waiting(scene: &Scene<'_>) -> Option<String> {
    let processes = scene.model.waits().processes();
    let most = processes
        .into_iter()
        .find(|of| of.kind == WaitKind::Migrating)?;
    Some(format!(
        "most by {}: {}, {}, the longest {}",
        text::process(most.comm.as_deref(), most.pid),
        counted(most.sums.waits, "wait", "waits"),
        duration(most.sums.total_ns),
        duration(most.sums.longest_ns)
    ))
}

/// Whose migrations they waited for.
fn for_whom(scene: &Scene<'_>) -> Vec<String> {
    let joined = scene.model.waits().joined(Why::Page);
    let blocker = |of: &Blocker| {
        format!(
            "for migrations of {}: {}, {}; the longest, {}, for number {}",
            mover(scene, of),
            counted(of.waits, "wait", "waits"),
            duration(of.total_ns),
            duration(of.longest_ns),
            count(of.sequence)
        )
    };
    let mut lines: Vec<_> = joined.blockers.iter().take(NAMED).map(blocker).collect();
    if joined.unknown > 0 {
        let known = joined.waits as f64 / (joined.waits + joined.unknown) as f64;
        lines.push(format!(
            "for which migration is known of {} of the recorded waits: where address and time tell exactly one",
            percent(known)
        ));
    }
    lines
}

/// Who migrated what: `process trainer (1200) by thread 1203, to_system, cpu_fault`.
pub(super) fn mover(scene: &Scene<'_>, of: &Blocker) -> String {
    let by = of
        .thread
        .map_or_else(String::new, |tid| format!(" by thread {tid}"));
    format!(
        "{}{by}, {}, {}",
        process(scene.model, of.pid),
        of.direction.name(),
        of.cause.name()
    )
}
