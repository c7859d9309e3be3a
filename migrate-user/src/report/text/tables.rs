//! Who migrates, and what comes back.

use super::Report;
use super::page::Page;
use crate::figures::{self, NONE};
use crate::model::Sums;
use crate::text::{self, count, counted, duration, percent, printable};
use crate::trace::ledger::wasted;

/// Rows of a table, at most.
const ROWS: usize = 10;

/// The drivers of the records that came; nothing where none is known.
pub(super) fn drivers(report: &Report<'_>, page: &mut Page) {
    let drivers = report.model.drivers();
    let sorted = drivers.sorted();
    if sorted.iter().all(|driver| driver.name.is_none()) {
        return;
    }
    let all_ns = drivers.sum().time_ns;
    head(page, "Recorded drivers");
    for driver in sorted.into_iter().take(ROWS) {
        let name = printable(driver.name.as_deref().unwrap_or("unknown"));
        row(page, &name, &driver.sums, all_ns);
    }
}

/// The processes of the records that came, those that took most time.
pub(super) fn processes(report: &Report<'_>, page: &mut Page) {
    let processes = report.model.processes();
    if processes.is_empty() {
        return;
    }
    let all_ns = report.model.drivers().sum().time_ns;
    head(page, "Recorded processes");
    for process in processes.sorted().into_iter().take(ROWS) {
        let name = text::process(process.comm.as_deref(), process.pid);
        row(page, &name, &process.sums, all_ns);
    }
    if processes.len() > ROWS {
        let more = (processes.len() - ROWS) as u64;
        page.line(format!("  and {}", counted(more, "other", "others")));
    }
    if let Some(others) = processes.others() {
        let what = format!("smaller ones ({})", count(others.processes));
        row(page, &what, &others.sums, all_ns);
    }
}

fn head(page: &mut Page, title: &str) {
    let [calls, arrived, wasted] = ["migrations", "arrived", "wasted"];
    let [skipped, time, share] = ["skipped", "time", "share"];
    page.head(format!(
        "{title:<26}{calls:>13}{arrived:>13}{wasted:>11}{skipped:>11}{time:>10}{share:>8}"
    ));
}

fn row(page: &mut Page, name: &str, sums: &Sums, all_ns: u64) {
    let part = sums.time_ns as f64 / all_ns.max(1) as f64;
    let (calls, arrived) = (count(sums.migrations), count(sums.arrived(None)));
    let (wasted, skipped) = (count(wasted(&sums.ledger)), count(sums.ledger.skipped));
    let (time, share) = (duration(sums.time_ns), percent(part));
    let line = format!(
        "  {name:<24}{calls:>13}{arrived:>13}{wasted:>11}{skipped:>11}{time:>10}{share:>8}"
    );
    page.bar(&line, part);
}

/// Ranges that soon come back.
pub(super) fn ping_pong(report: &Report<'_>, page: &mut Page) {
    if report.model.hidden().ways_back {
        page.head("Pages back within a second");
        page.line("  Unknown: the filter leaves out some migrations of a page.");
        return;
    }
    let ping_pong = report.model.ping_pong();
    let bounces = ping_pong.sorted();
    if bounces.is_empty() {
        return;
    }
    let [least, most] = ["at least", "at most"];
    let [trips, soonest, mean] = ["trips ≥", "soonest", "mean stay"];
    page.head(format!(
        "{:<40}{least:>12}{most:>12}{trips:>8}{soonest:>10}{mean:>10}",
        "Pages back within a second"
    ));
    let stay = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), duration);
    for bounce in bounces.iter().take(ROWS) {
        let range = format!("{:#x}..{:#x} of {}", bounce.start, bounce.end, bounce.pid);
        let (least, most) = (count(bounce.pages), count(bounce.most_pages));
        let trips = count(bounce.trips);
        let (soonest, mean) = (stay(bounce.soonest_ns), stay(bounce.mean_ns()));
        page.line(format!(
            "  {range:<38}{least:>12}{most:>12}{trips:>8}{soonest:>10}{mean:>10}"
        ));
    }
    let (least, most) = (ping_pong.total_pages(), ping_pong.most_pages());
    let trips = count(ping_pong.total_trips());
    page.line(format!(
        "  {:<38}{:>12}{:>12}{trips:>8}{NONE:>10}{NONE:>10}",
        "all together",
        count(least),
        count(most)
    ));
    if figures::lack_records(report.model) {
        page.line(format!("  Pages and trips {}.", figures::OF_RECORDED));
        page.line("  Mean stays are at most so long: a page may have moved between two records.");
    }
    if least < most {
        page.line("  Of migrations that moved a part of their pages nobody knows which: so there are bounds.");
    }
}
