//! What threads waited for besides the steps of their own migrations.

use super::Report;
use super::page::Page;
use crate::figures::NONE;
use crate::figures::waits::{self, coverage, of_run, rows, who, who_of};
use crate::model::waits::{Waiter, Why};
use crate::text::{count, counted, duration, percent};

/// Rows of a table, at most.
const ROWS: usize = 10;

/// Waits by kind and result; nothing where there are none, or where they were not followed.
pub(super) fn waits(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    if !model.follows_waits() || model.wait_totals().waits() == 0 {
        return;
    }
    let heads = [
        "count",
        "time",
        "of the run",
        "p50",
        "p99",
        "max",
        "before setup",
    ];
    page.head(row("Waits", &heads.map(str::to_owned)));
    for of in rows(model).iter().filter(|of| of.waits > 0) {
        let indent = if of.result.is_some() { "    " } else { "  " };
        let name = of.result.map_or(of.kind.name(), |result| result.name());
        page.line(row(&format!("{indent}{name}"), &of.cells()));
    }
    page.line(
        "  Of the run: more than 100% where several threads wait at once. Kinds may overlap.",
    );
    if let Some(text) = coverage(model) {
        page.paragraph("  ", &format!("Some are missing: {text}."));
    }
    let joined = model.waits().joined(Why::Page);
    if joined.waits > 0 {
        page.line(format!(
            "  For migrations of other threads: {} ({}); {} for unknown ones.",
            counted(joined.waits, "wait", "waits"),
            duration(joined.total_ns),
            count(joined.unknown)
        ));
    }
}

fn row(name: &str, cells: &[String; 7]) -> String {
    let [number, time, of_run, p50, p99, max, before] = cells;
    format!("{name:<18}{number:>13}{time:>9}{of_run:>12}{p50:>9}{p99:>9}{max:>9}{before:>14}")
}

/// Who waited longest, and the longest waits, of the records that came.
pub(super) fn waiters(report: &Report<'_>, page: &mut Page) {
    let waits = report.model.waits();
    let threads = waits.threads();
    if !report.model.follows_waits() || threads.is_empty() {
        return;
    }
    page.head(format!(
        "{:<42}{:<13}{:>11}{:>9}{:>12}{:>10}",
        "Recorded waits of", "for", "count", "time", "of the run", "longest"
    ));
    let shares = |waiter: &Waiter| of_run(report.model, waiter.sums.total_ns);
    for waiter in waits.processes().into_iter().chain(threads).take(ROWS) {
        page.line(format!(
            "  {:<40}{:<13}{:>11}{:>9}{:>12}{:>10}",
            who(waiter),
            waiter.kind.name(),
            count(waiter.sums.waits),
            duration(waiter.sums.total_ns),
            shares(waiter).map_or_else(|| NONE.to_owned(), percent),
            duration(waiter.sums.longest_ns)
        ));
    }
    let Some(worst) = waits.worst().into_iter().next() else {
        return;
    };
    let parts = waits::parts(&worst).into_iter();
    let parts: Vec<_> = parts.map(|(name, is)| format!("{name} {is}")).collect();
    let wait = &worst.wait;
    let text = format!(
        "{}, {}, {}, {}: {}.",
        duration(wait.total_ns),
        wait.kind.name(),
        wait.result.name(),
        who_of(wait),
        parts.join("; ")
    );
    page.paragraph("  The longest: ", &text);
}
