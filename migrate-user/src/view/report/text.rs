//! A page of plain text.

use std::fmt::Write;

use super::super::figures::{self, NONE};
use crate::model::ledger::{Row, wasted};
use crate::model::{Model, Origin};
use crate::text::{clock, count, counted, duration, percent, printable, utc};

/// The page. `name` is what the recording is called.
pub fn text(model: &Model, name: &str) -> String {
    let parts = [
        heading(model, name),
        kinds(model),
        rates(model),
        ledger(model),
        steps(model),
        parts(model),
        drivers(model),
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
    line!(page, "Covers      {}", covers(model));
    line!(page, "Lost        {}", losses(model));
    line!(
        page,
        "Unbalanced  {}",
        counted(model.totals().unbalanced(), "ledger", "ledgers")
    );
    page
}

/// Which migrations the figures are about, and where those come from.
fn covers(model: &Model) -> String {
    let coverage = model.coverage();
    let which = coverage.filter.map_or_else(
        || "every migration".to_owned(),
        |filter| format!("only {}", printable(filter)),
    );
    let recorded = match coverage.record_every {
        0 => ", records off".to_owned(),
        1 => String::new(),
        every => format!(", 1 of {} recorded", count(every.into())),
    };
    let lost = model.losses().is_some_and(|losses| losses.lost() > 0);
    let from = match coverage.from {
        Origin::Records if lost => "from the records, without those that were lost",
        Origin::Records => "from the records",
        Origin::Kernel => "from the kernel's totals",
    };
    format!("{which}{recorded}; figures {from}")
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
    if let Some(left_out) = model.left_out().filter(|number| *number > 0) {
        text += &format!("; {} not to be recorded", count(left_out));
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
    let asked = model.off_cpu().migrations > 0;
    let row = |name: &str, cells: [&str; 7]| {
        let [count, p50, p90, p99, max, share, off_cpu] = cells;
        let off_cpu = if asked { off_cpu } else { "" };
        let row = format!(
            "{name:<18}{count:>13}{p50:>10}{p90:>10}{p99:>10}{max:>10}{share:>8}{off_cpu:>9}"
        );
        row.trim_end().to_owned()
    };
    let heads = ["count", "p50", "p90", "p99", "max", "share", "off CPU"];
    line!(page, "{}", row("Steps", heads));
    for figure in figures::steps(model, None) {
        let (name, cells) = (figure.step.name(), figure.cells());
        let cells = cells.each_ref().map(|cell| &**cell);
        line!(page, "{}", row(&format!("  {name}"), cells));
    }
    if asked {
        let measured = counted(model.off_cpu().migrations, "migration", "migrations");
        line!(page, "  Off CPU is of {measured} in which it was measured.");
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

/// What the kernel did in the steps, where that was asked for.
fn parts(model: &Model) -> String {
    let mut page = String::new();
    let parts = figures::parts(model);
    if parts.is_empty() {
        return page;
    }
    line!(page, "{:<18}{:>13}{:>18}", "Parts", "time", "of all steps");
    for part in parts {
        let (time, share) = (duration(part.sum_ns), percent(part.share));
        line!(page, "  {:<16}{time:>13}{share:>18}", part.name);
    }
    let measured = counted(model.parts().migrations, "migration", "migrations");
    line!(page, "  Measured in {measured}.");
    page
}

/// The drivers of the records that came; nothing where none is known.
fn drivers(model: &Model) -> String {
    let mut page = String::new();
    let drivers = model.drivers().sorted();
    if drivers.iter().all(|driver| driver.name.is_none()) {
        return page;
    }
    line!(
        page,
        "{:<18}{:>13}{:>18}{:>18}",
        "Recorded drivers",
        "migrations",
        "moved",
        "wasted"
    );
    for driver in drivers {
        let name = printable(driver.name.as_deref().unwrap_or("unknown"));
        let migrations = count(driver.sums.migrations);
        let (moved, wasted) = (
            count(driver.sums.ledger.moved),
            count(wasted(&driver.sums.ledger)),
        );
        line!(page, "  {name:<16}{migrations:>13}{moved:>18}{wasted:>18}");
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
