//! In which phases of programs memory migrated, and threads waited.

use super::Report;
use super::page::Page;
use crate::figures::phases::{of_migrations, of_waits};
use crate::model::Phase;
use crate::text::{count, counted, duration, percent, printable};
use crate::trace::{Direction, ledger::wasted};

/// Rows of the table, at most.
const ROWS: usize = 20;

/// Columns of a path that is shown whole.
const PATH: usize = 38;

/// The phases of the records that came, where they were followed: those that took most time.
pub(super) fn phases(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let Some(phases) = of_migrations(model) else {
        return;
    };
    let all_ns = model.drivers().sum().time_ns;
    let [calls, out, home] = ["migrations", "to device", "to system"];
    let [wasted, time, share] = ["wasted", "time", "share"];
    page.head(format!(
        "{:<40}{calls:>13}{out:>13}{home:>13}{wasted:>11}{time:>10}{share:>8}",
        "Recorded phases"
    ));
    for (name, phase) in phases.iter().take(ROWS) {
        row(page, name, phase, all_ns);
    }
    more(page, phases.len());
}

/// What their threads waited for.
pub(super) fn waits(report: &Report<'_>, page: &mut Page) {
    let waits = of_waits(report.model).unwrap_or_default();
    if waits.is_empty() {
        return;
    }
    let [kind, number, time, longest] = ["", "count", "time", "longest"];
    page.head(format!(
        "{:<40}{kind:<14}{number:>12}{time:>13}{longest:>13}",
        "Recorded waits by phase"
    ));
    for of in waits.iter().take(ROWS) {
        let (name, kind) = (innermost(&printable(of.phase), PATH), of.kind.name());
        let number = count(of.sums.waits);
        let [time, longest] = [of.sums.total_ns, of.sums.longest_ns].map(duration);
        page.line(format!(
            "  {name:<PATH$}{kind:<14}{number:>12}{time:>13}{longest:>13}"
        ));
    }
    more(page, waits.len());
}

fn more(page: &mut Page, rows: usize) {
    if rows > ROWS {
        let more = (rows - ROWS) as u64;
        page.line(format!("  and {}", counted(more, "other", "others")));
    }
}

fn row(page: &mut Page, name: &str, phase: &Phase, all_ns: u64) {
    let sums = &phase.sums;
    let part = sums.time_ns as f64 / all_ns.max(1) as f64;
    let arrived = |direction| count(sums.arrived(Some(direction)));
    let (out, home) = (arrived(Direction::ToDevice), arrived(Direction::ToSystem));
    let (calls, wasted) = (count(sums.migrations), count(wasted(&sums.ledger)));
    let (time, share) = (duration(sums.time_ns), percent(part));
    let name = innermost(&printable(name), PATH);
    let line =
        format!("  {name:<PATH$}{calls:>13}{out:>13}{home:>13}{wasted:>11}{time:>10}{share:>8}");
    page.bar(&line, part);
}

/// The end of a path that is longer than so many letters, which tells most.
pub(in super::super) fn innermost(path: &str, most: usize) -> String {
    let letters = path.chars().count();
    if letters <= most {
        return path.to_owned();
    }
    let end = path.chars().skip(letters - most + 1);
    std::iter::once('…').chain(end).collect()
}
