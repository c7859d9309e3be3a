//! A page of plain text.

use std::fmt::Write;

use super::super::figures::{self, NONE};
use crate::model::Model;
use crate::model::ledger::Row;
use crate::text::{clock, count, counted, percent, printable, utc};

/// The page. `name` is what the recording is called.
pub fn text(model: &Model, name: &str) -> String {
    let parts = [
        heading(model, name),
        kinds(model),
        rates(model),
        ledger(model),
        steps(model),
        remarks(model),
    ];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n")
}

/// Collects lines. Writing to a string cannot fail.
macro_rules! line {
    ($page:expr, $($arg:tt)*) => {{
        let _ = writeln!($page, $($arg)*);
    }};
}

fn heading(model: &Model, name: &str) -> String {
    let facts = model.facts();
    let mut page = String::new();
    let began = facts
        .started_unix_ns
        .map_or_else(|| "unknown".to_owned(), utc);
    let source = facts.clocksource.as_deref().unwrap_or("unknown");
    line!(page, "migscope report of {}", printable(name));
    line!(page, "");
    line!(
        page,
        "Machine     {}, Linux {}",
        printable(&facts.host),
        printable(&facts.kernel)
    );
    line!(
        page,
        "Recorded    {began}, for {}, by migscope {}",
        clock(model.elapsed_ns()),
        printable(&facts.tracer)
    );
    line!(
        page,
        "Clock       {}, driven by {}",
        printable(&facts.clock),
        printable(source)
    );
    line!(page, "Page size   {} bytes", count(facts.page_size));
    line!(page, "Lost        {}", losses(model));
    line!(
        page,
        "Unbalanced  {}",
        counted(model.totals().unbalanced(), "ledger", "ledgers")
    );
    page
}

/// What was lost, and what else went wrong.
fn losses(model: &Model) -> String {
    let (Some(losses), Some(ended)) = (model.losses(), model.ended()) else {
        return "unknown: the recording has no word of the tracer".to_owned();
    };
    let mut text = format!(
        "{} of {}",
        count(losses.lost()),
        counted(ended, "migration", "migrations")
    );
    let named: Vec<String> = losses
        .nonzero()
        .map(|(name, number)| format!("{name} {}", count(number)))
        .collect();
    if !named.is_empty() {
        text += &format!(" ({})", named.join(", "));
    }
    text
}

fn kinds(model: &Model) -> String {
    let mut page = String::new();
    line!(
        page,
        "{:<43}{:>13}",
        "Migrations",
        count(model.totals().migrations())
    );
    for kind in model.totals().kinds() {
        let (direction, trigger) = (kind.direction.name(), kind.trigger.name());
        let outcome = kind.outcome.name();
        line!(
            page,
            "  {direction:<16}{trigger:<10}{outcome:<15}{:>13}",
            count(kind.migrations)
        );
    }
    page
}

fn rates(model: &Model) -> String {
    let mut page = String::new();
    line!(
        page,
        "{:<18}{:>10}{:>14}{:>14}",
        "Average rates",
        "pages/s",
        "bytes/s",
        "calls/s"
    );
    let directions = figures::directions(model)
        .into_iter()
        .map(Some)
        .chain([None]);
    for direction in directions {
        let name = direction.map_or("both", |direction| direction.name());
        let [pages, bytes, calls] = figures::rate(model, model.average(direction));
        line!(page, "  {name:<16}{pages:>10}{bytes:>14}{calls:>14}");
    }
    page
}

fn ledger(model: &Model) -> String {
    let mut page = String::new();
    let requested = model.totals().ledger(None).requested;
    line!(page, "{:<18}{:>20}{:>18}", "Pages", "pages", "share");
    line!(page, "  {:<16}{:>20}", "requested", count(requested));
    for figure in figures::ledger(model) {
        let share = if requested > 0 {
            percent(figure.share)
        } else {
            NONE.to_owned()
        };
        line!(
            page,
            "  {:<16}{:>20}{share:>18}",
            figure.row.name(),
            count(figure.pages)
        );
        if figure.row == Row::Skipped {
            page += &reasons(model, requested);
        }
    }
    page
}

/// What the skipped pages are made of.
fn reasons(model: &Model, requested: u64) -> String {
    let mut page = String::new();
    for (name, pages) in figures::reasons(model) {
        let share = percent(pages as f64 / requested as f64);
        line!(page, "    {name:<14}{:>20}{share:>18}", count(pages));
    }
    page
}

fn steps(model: &Model) -> String {
    let mut page = String::new();
    let heads = ["count", "p50", "p90", "p99", "max", "share"];
    let row = |name: &str, cells: [&str; 6]| {
        let [count, p50, p90, p99, max, share] = cells;
        format!("{name:<18}{count:>13}{p50:>10}{p90:>10}{p99:>10}{max:>10}{share:>8}")
    };
    line!(page, "{}", row("Steps", heads));
    for figure in figures::steps(model, None) {
        let cells = figure.cells();
        line!(
            page,
            "{}",
            row(
                &format!("  {}", figure.step.name()),
                cells.each_ref().map(|c| &**c)
            )
        );
    }
    if let Some(share) = model.probe_share() {
        line!(
            page,
            "  The tracer's own time, {} of all, is in none of these.",
            percent(share)
        );
    }
    page
}

/// What a reader should know before trusting the figures.
fn remarks(model: &Model) -> String {
    let mut page = String::new();
    if model.totals().migrations() == 0 {
        line!(
            page,
            "No migration was recorded. Is a driver loaded that migrates to device memory, and a program running \
             that uses it?"
        );
    }
    if let Some(unaccounted) = model.unaccounted().filter(|number| *number > 0) {
        line!(
            page,
            "{} ended, and are neither here nor among the lost: the recording was cut before they were written.",
            counted(unaccounted, "migration", "migrations")
        );
    }
    for function in &model.facts().not_hooked {
        let unknown = match function.as_str() {
            "migrate_device_unmap" => "why pages were skipped",
            _ => "migrations that use it, if this kernel has any",
        };
        line!(
            page,
            "{} could not be watched on this kernel; unknown: {unknown}.",
            printable(function)
        );
    }
    if model.facts().coarse_clock() {
        line!(
            page,
            "The kernel's clock ticked too coarsely for the durations above to mean much (see Clock)."
        );
    }
    page
}
