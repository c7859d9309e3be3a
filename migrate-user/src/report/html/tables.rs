//! The figures as tables, and the ledger as a bar.

use maud::{Markup, html};

use super::super::Report;
use crate::figures;
use crate::figures::NONE;
use crate::model::Sums;
use crate::text::{self, at_least, bytes, count, counted, duration, percent, since};
use crate::trace::{Figure, Migration, Step, ledger::Row, ledger::wasted};

/// Rows of a table, at most.
const ROWS: usize = 20;

/// Pixels of a bar.
const BAR: f64 = 140.0;

/// A bar for a share of 0 to 1.
pub(super) fn bar(class: &str, share: f64) -> Markup {
    let width = format!("{:.1}", share.clamp(0.0, 1.0) * BAR);
    html! {
        svg viewBox=(format!("0 0 {BAR} 10")) aria-hidden="true" {
            rect class=(class) width=(width) height="10" rx="2" {}
        }
    }
}

pub(super) fn ledger(report: &Report<'_>) -> Markup {
    let figures = figures::ledger(report.model);
    let page = report.model.facts().page_size as f64;
    let mut left = 0.0;
    let parts = figures.iter().map(|figure| {
        let from = left;
        left += figure.share;
        (figure.row.name(), from, figure.share)
    });
    let parts: Vec<_> = parts.collect();
    html! {
        h2 { "Pages" }
        svg viewBox="0 0 1000 26" role="img" aria-label="where the pages went, as parts of a bar; the table has the numbers" {
            @for (class, from, share) in &parts {
                rect class=(class) x=(format!("{:.1}", from * 1000.0)) width=(format!("{:.1}", share * 1000.0)) height="26" {
                    title { (class) " " (percent(*share)) }
                }
            }
        }
        div.scroll { table {
            thead { tr { th {} th { "pages" } th { "bytes" } th { "share" } th {} } }
            tbody {
                tr {
                    td { "requested" }
                    td { (count(report.model.totals().ledger(None).requested)) }
                    td { (bytes(report.model.totals().ledger(None).requested as f64 * page)) }
                    td {} td {}
                }
                @for figure in &figures {
                    tr {
                        td { (figure.row.name()) }
                        td { (count(figure.pages)) }
                        td { (bytes(figure.pages as f64 * page)) }
                        td { (percent(figure.share)) }
                        td.bar { (bar(figure.row.name(), figure.share)) }
                    }
                    @if figure.row == Row::Skipped {
                        @for (name, pages) in figures::reasons(report.model) {
                            tr.quiet { td { "– " (name) } td { (count(pages)) } td { (bytes(pages as f64 * page)) } td {} td {} }
                        }
                    }
                }
            }
        } }
    }
}

pub(super) fn steps(report: &Report<'_>) -> Markup {
    let steps = report.model.steps();
    let rows = Step::ALL
        .into_iter()
        .map(|step| (step.name(), steps.of(step, None), steps.share(step, None)));
    let all = ("all together", steps.of(Figure::Total, None), None);
    let time = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
    html! {
        h2 { "Steps" }
        div.scroll { table {
            thead { tr {
                th {} th { "count" } th { "p50" } th { "p90" } th { "p99" } th { "p99.9" } th { "max" } th { "together" } th { "share" } th {}
            } }
            tbody {
                @for (name, times, share) in rows.chain([all]) {
                    tr {
                        td { (name) }
                        td { (count(times.count())) }
                        @for quantile in [0.5, 0.9, 0.99, 0.999] {
                            td { (time(times.quantile(quantile))) }
                        }
                        td { (time(times.max())) }
                        td { (duration(times.sum())) }
                        td { (share.map_or_else(String::new, percent)) }
                        td.bar { @if let Some(share) = share { (bar("out", share)) } }
                    }
                }
            }
        } }
        @if let Some(share) = report.model.probe_share() {
            p.quiet {
                "The tracer's own time, " (duration(report.model.totals().probe_ns()))
                ", is in none of these: " (percent(share)) " of the steps' and its own."
            }
        }
    }
}

/// Drivers and processes of the records that came.
pub(super) fn who(report: &Report<'_>) -> Markup {
    let model = report.model;
    let unknown = || "unknown".to_owned();
    let drivers = model.drivers().sorted().into_iter().map(|driver| {
        let name = driver.name.as_deref().map_or_else(unknown, str::to_owned);
        (name, driver.sums)
    });
    let processes = model.processes().sorted().into_iter().map(|process| {
        let name = text::process(process.comm.as_deref(), process.pid);
        (name, process.sums)
    });
    let all_ns = model.drivers().sum().time_ns;
    html! {
        (sums("Drivers", drivers, all_ns))
        (sums("Processes", processes, all_ns))
        @if model.processes().len() > ROWS {
            p.quiet { "and " (count((model.processes().len() - ROWS) as u64)) " more" }
        }
    }
}

fn sums(title: &str, rows: impl Iterator<Item = (String, Sums)>, all_ns: u64) -> Markup {
    let share = |sums: &Sums| sums.time_ns as f64 / all_ns.max(1) as f64;
    html! {
        h2 { (title) }
        div.scroll { table {
            thead { tr {
                th {} th { "migrations" } th { "arrived" } th { "wasted" } th { "skipped" } th { "declined" } th { "time" } th { "share" } th {}
            } }
            tbody {
                @for (name, sums) in rows.take(ROWS) {
                    tr {
                        td { (name) }
                        td { (count(sums.migrations)) }
                        td { (count(sums.arrived(None))) }
                        td { (count(wasted(&sums.ledger))) }
                        td { (count(sums.ledger.skipped)) }
                        td { (count(sums.ledger.declined)) }
                        td { (duration(sums.time_ns)) }
                        td { (percent(share(&sums))) }
                        td.bar { (bar("out", share(&sums))) }
                    }
                }
            }
        } }
    }
}

/// Ranges that soon come back; nothing where there is none.
pub(super) fn ping_pong(report: &Report<'_>) -> Markup {
    let ping_pong = report.model.ping_pong();
    let bounces = ping_pong.sorted();
    let stay = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
    html! {
        @if report.model.hidden().ways_back {
            h2 { "Back within a second" }
            p.quiet { "Unknown: the filter leaves out some migrations of a page." }
        } @else if !bounces.is_empty() {
            h2 { "Back within a second" }
            p { (at_least(ping_pong.total_pages(), ping_pong.most_pages())) " in at least " (counted(ping_pong.total_trips(), "trip", "trips")) "." }
            div.scroll { table {
                thead { tr { th { "range" } th { "process" } th { "pages, at least" } th { "at most" } th { "trips, at least" } th { "soonest" } th { "mean stay" } } }
                tbody {
                    @for bounce in bounces.iter().take(ROWS) {
                        tr {
                            td { (format!("{:#x} to {:#x}", bounce.start, bounce.end)) }
                            td { (bounce.pid) }
                            td { (count(bounce.pages)) }
                            td { (count(bounce.most_pages)) }
                            td { (count(bounce.trips)) }
                            td { (stay(bounce.soonest_ns)) }
                            td { (stay(bounce.mean_ns())) }
                        }
                    }
                }
            } }
        }
    }
}

/// The slowest migrations, each with its steps to scale.
pub(super) fn slowest(report: &Report<'_>) -> Markup {
    let slowest = report.model.slowest().sorted();
    let began_ns = report.model.began_ns().unwrap_or(0);
    let longest = slowest
        .first()
        .map_or(1, |migration| migration.total_ns().max(1));
    html! {
        @if !slowest.is_empty() {
            h2 { "Slowest migrations" }
            div.scroll { table {
                thead { tr { th { "process" } th { "after" } th {} th { "pages" } th { "time" } th { "its steps, to scale" } } }
                tbody {
                    @for migration in slowest.iter().take(ROWS) {
                        tr {
                            td { (text::process(migration.comm.as_deref(), migration.pid)) }
                            td { (since(migration.time_ns, began_ns)) }
                            td { (migration.direction.name()) }
                            td { (count(migration.ledger.requested)) }
                            td { (duration(migration.total_ns())) }
                            td.bar { (waterfall(migration, longest)) }
                        }
                    }
                }
            } }
        }
    }
}

fn waterfall(migration: &Migration, longest: u64) -> Markup {
    let classes = ["skipped", "out", "populated", "home", "other"];
    let mut from = 0.0;
    let parts = Step::ALL.into_iter().filter_map(|step| {
        let ns = migration.steps[step as usize]?;
        let (left, width) = (from, ns as f64 / longest as f64 * BAR);
        from += width;
        Some((classes[step as usize], step, left, width, ns))
    });
    html! {
        svg viewBox=(format!("0 0 {BAR} 10")) role="img" aria-label="its steps" {
            @for (class, step, left, width, ns) in parts {
                rect class=(class) x=(format!("{left:.1}")) width=(format!("{width:.1}")) height="10" {
                    title { (step.name()) " " (duration(ns)) }
                }
            }
        }
    }
}
