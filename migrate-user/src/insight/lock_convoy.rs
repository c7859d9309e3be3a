//! Threads that touch pages on a device wait for one another, before any of them migrates.

use super::scene::{Scene, share};
use super::whom::process;
use super::{Finding, Kind};
use crate::model::waits::{Convoy, Lock};
use crate::text::{count, counted, duration, function, percent, printable};
use crate::trace::WaitKind;

/// Processes and locks that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if !scene.judges_waits(WaitKind::Fault) {
        return None;
    }
    let faults = scene.model.wait_totals().before_setup();
    let part = share(faults.before_setup_ns, faults.made_ns);
    if faults.made < scene.at.migrations || part < scene.at.before_setup_share {
        return None;
    }
    let convoys = scene.model.waits().convoys();
    let sum = |of: fn(&Convoy) -> u64| {
        convoys
            .iter()
            .fold(0, |sum: u64, one| sum.saturating_add(of(one)))
    };
    let (before_ns, cost_ns) = (sum(|of| of.sums.before_setup_ns), sum(|of| of.together_ns));
    if share(cost_ns, before_ns) < scene.at.together_share {
        return None;
    }
    let together: Vec<_> = convoys.into_iter().filter(|of| of.together > 0).collect();
    let threads = together.iter().map(|of| of.threads).max()?;
    Some(Finding {
        kind: Kind::LockConvoy,
        severity: scene.severity(scene.share_beside(cost_ns)),
        what: format!(
            "Faults on pages of a device spend {} of their time before their own migration begins, with at least {} threads of one process at once.",
            percent(part.min(1.0)),
            count(threads)
        ),
        evidence: evidence(scene, &together),
        cost: format!("at least {}", scene.beside(cost_ns)),
        try_this: advice(scene),
        cost_ns: Some(cost_ns),
    })
}

fn evidence(scene: &Scene<'_>, together: &[&Convoy]) -> Vec<String> {
    let faults = scene.model.wait_totals().before_setup();
    let whole = format!(
        "before setup: {} of the {} of {} that brought their page",
        duration(faults.before_setup_ns),
        duration(faults.made_ns),
        counted(faults.made, "fault", "faults")
    );
    let convoy = |of: &&Convoy| {
        format!(
            "{}: at least {} threads waited at once; {} of its {} recorded faults waited while another did, {} before setup",
            process(scene.model, of.pid),
            count(of.threads),
            count(of.together),
            count(of.sums.waits),
            duration(of.together_ns)
        )
    };
    let locks = scene.model.waits().locks().iter().take(NAMED).map(lock);
    let convoys = together.iter().take(NAMED).map(convoy);
    std::iter::once(whole).chain(convoys).chain(locks).collect()
}

fn lock(lock: &Lock) -> String {
    let holder = lock.holder.as_ref().map_or_else(
        || "who held it is not known".to_owned(),
        |by| {
            let off_cpu = lock.holder_stack.as_deref();
            let off_cpu = off_cpu.map_or_else(String::new, off_cpu_in);
            format!(
                "held by {} (thread {}) when the longest began of which it is known{off_cpu}",
                printable(&by.comm),
                by.tid
            )
        },
    );
    format!(
        "lock {}: slept for in {}, {} in sum; {holder}",
        printable(&lock.name),
        counted(lock.waits, "wait", "waits"),
        duration(lock.total_ns)
    )
}

/// Where a holder was, which did not run: the functions that called the scheduler's.
fn off_cpu_in(stack: &str) -> String {
    let frames = stack.split(';').rev();
    let frames = frames.skip_while(|frame| frame.contains("schedule"));
    let frames: Vec<_> = frames
        .take(NAMED)
        .map(|of| printable(&function(of)))
        .collect();
    if frames.is_empty() {
        return String::new();
    }
    format!(", off its CPU in {}", frames.join(", called by "))
}

fn advice(scene: &Scene<'_>) -> Vec<String> {
    let is_known = !scene.model.waits().locks().is_empty();
    let unknown = "Record with --sub-steps: then it is known for which lock threads sleep, and mostly who holds it.";
    let known = "Look at what holds the lock that is named: a long wait for one holder is another matter than many short ones.";
    let first = if is_known { known } else { unknown };
    [
        first,
        "Bring pages back before threads touch them (prefetch), or from one thread: threads that fault one by one queue at the driver.",
        "In a driver: take the lock for a range, not for the device, and do not copy under it.",
    ]
    .map(str::to_owned)
    .to_vec()
}
