//! What threads waited for.

use maud::{Markup, html};

use super::super::Report;
use super::histograms::histogram;
use crate::figures::NONE;
use crate::figures::waits::{about, by_other, coverage, of_run, rows, who, who_of};
use crate::model::waits::{Waiter, Worst};
use crate::text::{count, duration, percent, printable, since};

/// Rows of a table, at most.
const ROWS: usize = 20;

/// Waits by kind, how they are spread, and the longest; nothing where there are none, or where they
/// were not followed.
pub(super) fn waits(report: &Report<'_>) -> Markup {
    let model = report.model;
    html! {
        @if model.follows_waits() && model.wait_totals().waits() > 0 {
            h2 { "Waits" }
            (kinds(report))
            @if let Some(text) = coverage(model) { p.quiet { "Some are missing: " (text) "." } }
            (histograms(report))
            (waiters(report))
            (worst(report))
        }
    }
}

fn kinds(report: &Report<'_>) -> Markup {
    let rows = rows(report.model);
    html! {
        div.scroll { table {
            thead { tr {
                th {} th { "count" } th { "time" } th { "of the run" } th { "p50" } th { "p99" } th { "max" } th { "before setup" } th {}
            } }
            tbody {
                @for row in rows.iter().filter(|row| row.waits > 0) {
                    tr {
                        td { (row.name()) }
                        @for cell in row.cells() { td { (cell) } }
                        td { @if row.result.is_none() { (about(row.kind)) } }
                    }
                }
            }
        } }
        p.quiet { "Of the run: more than 100% where several threads wait at once. Kinds may overlap." }
    }
}

fn histograms(report: &Report<'_>) -> Markup {
    let totals = report.model.wait_totals();
    let figures = totals.figures().iter().map(|of| of.figure);
    let all = figures.map(|figure| (figure.name(), totals.durations(figure)));
    html! {
        div.plots {
            @for (name, times) in all.filter(|(_, times)| times.count() > 0) {
                figure {
                    (histogram(name, "waits", &times))
                    figcaption { (name) ": waits by duration; dashed: median and p99" }
                }
            }
        }
    }
}

fn waiters(report: &Report<'_>) -> Markup {
    let waits = report.model.waits();
    let processes = waits.processes().into_iter().take(ROWS / 2);
    let all = processes.chain(waits.threads().into_iter().take(ROWS / 2));
    let share = |waiter: &Waiter| {
        let share = of_run(report.model, waiter.sums.total_ns);
        share.map_or_else(|| NONE.to_owned(), percent)
    };
    html! {
        div.scroll { table {
            thead { tr { th { "who waits" } th { "for" } th { "count" } th { "time" } th { "of the run" } th { "longest" } } }
            tbody {
                @for waiter in all {
                    tr {
                        td { (who(waiter)) }
                        td { (waiter.kind.name()) }
                        td { (count(waiter.sums.waits)) }
                        td { (duration(waiter.sums.total_ns)) }
                        td { (share(waiter)) }
                        td { (duration(waiter.sums.longest_ns)) }
                    }
                }
            }
        } }
    }
}

/// The longest waits.
fn worst(report: &Report<'_>) -> Markup {
    let began_ns = report.model.began_ns().unwrap_or(0);
    let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
    let by = |worst: &Worst| {
        let moved = worst.moved.as_ref();
        moved.map_or_else(|| NONE.to_owned(), by_other)
    };
    let lock = |worst: &Worst| {
        let contended = worst.wait.contended.as_ref();
        contended.map_or_else(|| NONE.to_owned(), |of| printable(&of.lock))
    };
    html! {
        h2 { "Longest waits" }
        div.scroll { table {
            thead { tr {
                th { "who" } th { "after" } th { "for" } th { "result" } th { "time" } th { "before setup" } th { "in migration" }
                th { "for migration" } th { "lock" }
            } }
            tbody {
                @for worst in report.model.waits().worst().iter().take(ROWS) {
                    tr {
                        td { (who_of(&worst.wait)) }
                        td { (since(worst.wait.time_ns, began_ns)) }
                        td { (worst.wait.kind.name()) }
                        td { (worst.wait.result.name()) }
                        td { (duration(worst.wait.total_ns)) }
                        td { (time(worst.wait.before_setup_ns)) }
                        td { (time(worst.wait.in_migration_ns)) }
                        td { (by(worst)) }
                        td { (lock(worst)) }
                    }
                }
            }
        } }
    }
}
