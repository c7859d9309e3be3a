//! In which phases of programs memory migrated, and threads waited.

use maud::{Markup, html};

use super::super::Report;
use super::tables::bar;
use crate::figures::phases::{of_migrations, of_waits};
use crate::text::{count, counted, duration, percent, printable};
use crate::trace::{Direction, ledger::wasted};

/// Rows of a table, at most.
const ROWS: usize = 20;

/// Both tables; nothing where phases were not followed.
pub(super) fn phases(report: &Report<'_>) -> Markup {
    html! {
        (migrations(report))
        (waits(report))
    }
}

fn migrations(report: &Report<'_>) -> Markup {
    let phases = of_migrations(report.model);
    let all_ns = report.model.drivers().sum().time_ns.max(1);
    html! {
        @if let Some(phases) = phases {
            h2 { "Phases of programs" }
            div.scroll { table {
                thead { tr {
                    th {} th { "migrations" } th { "to device" } th { "to system" } th { "wasted" } th { "time" } th { "share" } th {}
                } }
                tbody {
                    @for (name, sums) in phases.iter().take(ROWS).map(|(name, of)| (name, &of.sums)) {
                        @let share = sums.time_ns as f64 / all_ns as f64;
                        tr {
                            td { (printable(name)) }
                            td { (count(sums.migrations)) }
                            td { (count(sums.arrived(Some(Direction::ToDevice)))) }
                            td { (count(sums.arrived(Some(Direction::ToSystem)))) }
                            td { (count(wasted(&sums.ledger))) }
                            td { (duration(sums.time_ns)) }
                            td { (percent(share)) }
                            td.bar { (bar("out", share)) }
                        }
                    }
                }
            } }
            (more(phases.len()))
        }
    }
}

fn waits(report: &Report<'_>) -> Markup {
    let waits = of_waits(report.model).unwrap_or_default();
    html! {
        @if !waits.is_empty() {
            h2 { "Waits by phase" }
            div.scroll { table {
                thead { tr { th {} th {} th { "count" } th { "time" } th { "longest" } } }
                tbody {
                    @for of in waits.iter().take(ROWS) {
                        tr {
                            td { (printable(of.phase)) }
                            td { (of.kind.name()) }
                            td { (count(of.sums.waits)) }
                            td { (duration(of.sums.total_ns)) }
                            td { (duration(of.sums.longest_ns)) }
                        }
                    }
                }
            } }
            (more(waits.len()))
        }
    }
}

fn more(rows: usize) -> Markup {
    html! {
        @if rows > ROWS {
            p.quiet { "and " (counted((rows - ROWS) as u64, "other", "others")) }
        }
    }
}
