//! What threads waited for, in words and numbers, the same in every view.

use migrate_ebpf::wire::Loss;

use crate::model::Model;
use crate::model::waits::{Moved, Waiter, Worst};
use crate::text::{count, counted, duration, percent, printable, process};
use crate::trace::{Contended, Losses, Wait, WaitFigure, WaitKind, WaitResult};

use super::NONE;

/// What is said where waits are unknown, and how they would be known.
pub(crate) fn unknown(model: &Model) -> [&'static str; 2] {
    let details = &model.facts().details;
    if model.hidden().waits && (details.waits || details.device_side) {
        let why =
            "The filter asks what only migrations have: which waits go with those is unknown.";
        [
            why,
            "A filter by process, thread, address or time lets waits through.",
        ]
    } else {
        [NOT_FOLLOWED, TO_FOLLOW]
    }
}

const NOT_FOLLOWED: &str = "Waits were not followed: what threads waited for is unknown.";

const TO_FOLLOW: &str = "`record`, `live` and `serve` follow waits of CPUs unless --no-waits says otherwise, and with \
                                    --device-side those of devices.";

/// The waits of a kind, all of them or those with one result.
pub(crate) struct WaitRow {
    pub(crate) kind: WaitKind,
    /// `None`: all.
    pub(crate) result: Option<WaitResult>,
    pub(crate) waits: u64,
    pub(crate) total_ns: u64,
    /// Their time by that of the run, in which several threads can wait at once; `None` where
    /// no time has passed.
    pub(crate) share: Option<f64>,
    /// Of the whole kind alone.
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    /// Of faults that moved their page: the part of their time before their migration, 0 to 1.
    pub(crate) before_setup: Option<f64>,
}

/// The kinds that were followed, each with its results where there are several.
pub(crate) fn rows(model: &Model) -> Vec<WaitRow> {
    model
        .followed()
        .flat_map(|kind| of_kind(model, kind))
        .collect()
}

fn of_kind(model: &Model, kind: WaitKind) -> Vec<WaitRow> {
    let totals = model.wait_totals();
    let durations = totals.durations(kind.into());
    let before = totals.before_setup();
    let all = WaitRow {
        kind,
        result: None,
        waits: totals.of_kind(kind),
        total_ns: totals.total_ns(kind),
        share: of_run(model, totals.total_ns(kind)),
        p50_ns: durations.quantile(0.5),
        p99_ns: durations.quantile(0.99),
        max_ns: durations.max(),
        before_setup: None,
    };
    let results = totals.counts().iter().filter(|count| count.kind == kind);
    let results = results.map(|count| WaitRow {
        kind,
        result: Some(count.result),
        waits: count.waits,
        total_ns: count.total_ns,
        share: of_run(model, count.total_ns),
        p50_ns: None,
        p99_ns: None,
        max_ns: None,
        before_setup: ((kind, count.result) == (WaitKind::Fault, WaitResult::Moved)
            && before.made_ns > 0)
            .then(|| before.before_setup_ns as f64 / before.made_ns as f64),
    });
    let results: Vec<_> = results.collect();
    let is_one = results.len() == 1 && results[0].result == Some(WaitResult::Done);
    let results = results.into_iter().filter(|_| !is_one);
    std::iter::once(all).chain(results).collect()
}

/// A time of waits by that of the run.
pub(crate) fn of_run(model: &Model, ns: u64) -> Option<f64> {
    let span_ns = model.waits_span_ns()?;
    (span_ns > 0).then(|| ns as f64 / span_ns as f64)
}

impl WaitRow {
    /// `fault`, or `└ moved`.
    pub(crate) fn name(&self) -> String {
        self.result.map_or_else(
            || self.kind.name().to_owned(),
            |result| format!("└ {}", result.name()),
        )
    }

    /// As text: count, time, of the run, p50, p99, max, before setup.
    pub(crate) fn cells(&self) -> [String; 7] {
        let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
        let share = |share: Option<f64>| share.map_or_else(|| NONE.to_owned(), percent);
        [
            count(self.waits),
            duration(self.total_ns),
            share(self.share),
            time(self.p50_ns),
            time(self.p99_ns),
            time(self.max_ns),
            share(self.before_setup),
        ]
    }
}

/// What a kind of wait is.
pub(crate) const fn about(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Fault => "a CPU touches a page on a device",
        WaitKind::Migrating => "somebody migrates the page",
        WaitKind::RangeFault => "a device asks where memory is (hmm_range_fault)",
        WaitKind::Notifier => "an invalidation is under way (mmu_interval_read_begin)",
        WaitKind::Exclusive => "a device wants a page alone (make_device_exclusive)",
        WaitKind::Invalidation => "mirrored memory changes (invalidate_range_start)",
    }
}

/// Who waited: `trainer (1200)`, `trainer (1200), thread 1201`, or with a thread of the kernel's.
pub(crate) fn who(waiter: &Waiter) -> String {
    let owner = process(waiter.comm.as_deref(), waiter.pid);
    match (waiter.tid, &waiter.worker) {
        (Some(tid), Some(name)) => format!("{} {tid} for {owner}", printable(name)),
        (Some(tid), None) => format!("{owner}, thread {tid}"),
        (None, _) => owner,
    }
}

/// Who waited this time.
pub(crate) fn who_of(wait: &Wait) -> String {
    let owner = process(wait.comm.as_deref(), wait.pid);
    match (&wait.worker, wait.tid) {
        (Some(worker), _) => format!("{} {} for {owner}", printable(&worker.comm), worker.tid),
        (None, Some(tid)) => format!("{owner}, thread {tid}"),
        (None, None) => owner,
    }
}

/// A migration that somebody else made: `number 17 by thread 1203, to_device, device_fault`.
pub(crate) fn by_other(moved: &Moved) -> String {
    let by = moved
        .thread
        .map_or_else(String::new, |tid| format!(" by thread {tid}"));
    format!(
        "number {}{by}, {}, {}",
        count(moved.sequence),
        moved.direction.name(),
        moved.cause.name()
    )
}

/// The lock that a thread slept for, how long, and who held it.
pub(crate) fn lock(contended: &Contended) -> String {
    let holder = contended.holder.as_ref().map_or_else(
        || "whoever held it is not known".to_owned(),
        |holder| format!("held by {} {}", printable(&holder.comm), holder.tid),
    );
    format!(
        "{} for {}, {holder}",
        duration(contended.ns),
        printable(&contended.lock)
    )
}

/// All that is known of how one wait went: names and what they are.
pub(crate) fn parts(worst: &Worst) -> Vec<(&'static str, String)> {
    let wait = &worst.wait;
    let time = |ns: Option<u64>| ns.map(duration);
    let pages = wait.pages.map(|pages| counted(pages, "page", "pages"));
    let at = wait.address.map(|address| {
        let pages = pages.map_or_else(String::new, |pages| format!(", {pages}"));
        format!("{address:#x}{pages}")
    });
    let of_own = wait.migration.map(|own| format!("number {}", count(own)));
    let locked_ns = (wait.page_lock_ns > 0).then_some(wait.page_lock_ns);
    let named = [
        ("before setup", time(wait.before_setup_ns)),
        ("in migration", time(wait.in_migration_ns)),
        ("after", time(wait.after_ns())),
        ("for the page", time(locked_ns)),
        ("its migration", of_own),
        ("for migration", worst.moved.as_ref().map(by_other)),
        ("lock", wait.contended.as_ref().map(lock)),
        ("errno", wait.errno.map(|errno| errno.to_string())),
        ("where", at),
        ("cgroup", wait.cgroup.as_deref().map(printable)),
    ];
    let known = named.into_iter();
    known.filter_map(|(name, is)| Some((name, is?))).collect()
}

/// What waits are from, where that is not simply all of them: a sentence.
pub(crate) fn coverage(model: &Model) -> Option<String> {
    let (lost, missed) = (model.waits_lost(), model.waits_missed().unwrap_or(0));
    let lost = (lost > 0).then(|| format!("of {} no record came", counted(lost, "wait", "waits")));
    let missed = (missed > 0).then(|| {
        let waits = counted(missed, "wait", "waits");
        format!("{waits} could not be followed, and are in no figure")
    });
    let both: Vec<_> = [lost, missed].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join("; "))
}

/// Waits that the tracer lost or did not follow, if any: `12 waits lost, 3 not followed`.
pub(crate) fn lost(losses: &Losses) -> Option<String> {
    let waits = |number: u64| counted(number, "wait", "waits");
    match (losses.of(Loss::WaitLost), losses.of(Loss::WaitMissed)) {
        (0, 0) => None,
        (lost, 0) => Some(format!("{} lost", waits(lost))),
        (0, missed) => Some(format!("{} not followed", waits(missed))),
        (lost, missed) => {
            let missed = count(missed);
            Some(format!("{} lost, {missed} not followed", waits(lost)))
        }
    }
}

/// The figure of the kind that took most time, if there was any.
pub(crate) fn longest(model: &Model) -> Option<(&'static str, WaitFigure)> {
    let totals = model.wait_totals();
    let followed = model.followed().filter(|kind| totals.of_kind(*kind) > 0);
    let kind = followed.max_by_key(|kind| totals.total_ns(*kind))?;
    Some((kind.name(), kind.into()))
}
