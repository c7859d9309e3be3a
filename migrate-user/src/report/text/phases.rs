//! In which phases of programs memory migrated.

use super::Report;
use super::page::Page;
use crate::figures;
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
    if !model.facts().details.phases {
        return;
    }
    let sorted = model.phases().sorted();
    let all_ns = model.drivers().sum().time_ns;
    let [calls, out, home] = ["migrations", "to device", "to system"];
    let [wasted, time, share] = ["wasted", "time", "share"];
    page.head(format!(
        "{:<40}{calls:>13}{out:>13}{home:>13}{wasted:>11}{time:>10}{share:>8}",
        "Recorded phases"
    ));
    for phase in sorted.iter().take(ROWS) {
        row(page, figures::phase(phase.path.as_deref()), phase, all_ns);
    }
    if sorted.len() > ROWS {
        let more = (sorted.len() - ROWS) as u64;
        page.line(format!("  and {}", counted(more, "other", "others")));
    }
    if let Some(others) = model.phases().others() {
        row(page, "later ones, together", others, all_ns);
    }
}

fn row(page: &mut Page, name: &str, phase: &Phase, all_ns: u64) {
    let sums = &phase.sums;
    let part = sums.time_ns as f64 / all_ns.max(1) as f64;
    let arrived = |direction| count(sums.arrived(Some(direction)));
    let (out, home) = (arrived(Direction::ToDevice), arrived(Direction::ToSystem));
    let (calls, wasted) = (count(sums.migrations), count(wasted(&sums.ledger)));
    let (time, share) = (duration(sums.time_ns), percent(part));
    let name = innermost(&printable(name));
    let line =
        format!("  {name:<PATH$}{calls:>13}{out:>13}{home:>13}{wasted:>11}{time:>10}{share:>8}");
    page.bar(&line, part);
}

/// The end of a path that is too long, which tells most.
fn innermost(path: &str) -> String {
    let letters = path.chars().count();
    if letters <= PATH {
        return path.to_owned();
    }
    let end = path.chars().skip(letters - PATH + 1);
    std::iter::once('…').chain(end).collect()
}
