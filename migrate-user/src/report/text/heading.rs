//! Where the figures come from, and how many migrations of which kind there were.

use super::Report;
use super::page::Page;
use crate::figures;
use crate::model::{Model, Origin};
use crate::text::{count, counted, printable};
use crate::trace::Direction;

pub(super) fn heading(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let facts = model.facts();
    let source = facts.clocksource.as_deref().unwrap_or("unknown");
    page.head(format!("migscope report of {}", printable(report.name)));
    page.line("");
    page.line(format!("Time        {}", figures::time(model)));
    let (host, kernel) = (printable(&facts.host), printable(&facts.kernel));
    page.line(format!("Machine     {host}, Linux {kernel}"));
    page.line(format!(
        "Recorded    {}, by migscope {}",
        figures::recorded(model),
        printable(&facts.tracer)
    ));
    page.line(format!(
        "Clock       {}, driven by {}",
        printable(&facts.clock),
        printable(source)
    ));
    page.line(format!("Page size   {} bytes", count(facts.page_size)));
    page.line(format!("Covers      {}", covers(model)));
    page.line(format!("Lost        {}", losses(model)));
    let unbalanced = figures::unbalanced(model);
    page.line(format!("Unbalanced  {unbalanced}"));
    for note in report.notes() {
        page.paragraph("Note        ", &note);
    }
}

/// Which migrations the figures are about, and where those come from.
pub(in super::super) fn covers(model: &Model) -> String {
    let coverage = model.coverage();
    let is_told = model.losses().is_some();
    let which = figures::only(model).unwrap_or_else(|| {
        let which = if is_told {
            "every migration"
        } else {
            "every migration that left a record"
        };
        which.to_owned()
    });
    let recorded = match coverage.record_every {
        0 => ", records off".to_owned(),
        1 => String::new(),
        every => format!(", 1 of {} recorded", count(every.into())),
    };
    let lost = model.losses().is_some_and(|losses| losses.lost() > 0);
    let from = match (coverage.from, figures::of_records(model)) {
        (Origin::Records, Some(of_records)) => of_records,
        (Origin::Records, None) if lost => {
            "from the records, without those that were lost".to_owned()
        }
        (Origin::Records, None) if !is_told => {
            "from the records; how many others there were is unknown".to_owned()
        }
        (Origin::Records, None) => "from the records".to_owned(),
        (Origin::Kernel, _) => "from the kernel's totals".to_owned(),
    };
    format!("{which}{recorded}; figures {from}")
}

/// What was lost, and what else went wrong.
pub(in super::super) fn losses(model: &Model) -> String {
    let (Some(losses), Some(made)) = (model.losses(), model.made()) else {
        return "unknown: the recording has no word of the tracer".to_owned();
    };
    let mut text = format!(
        "{} of {}",
        count(losses.lost()),
        counted(made, "migration", "migrations")
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
    if let Some(waits) = figures::waits::lost(&losses) {
        text += &format!("; {waits}");
    }
    if model.coverage().chosen.is_some() {
        text += ", before the filter";
    }
    text
}

pub(super) fn kinds(report: &Report<'_>, page: &mut Page) {
    let totals = report.model.totals();
    let all = totals.migrations();
    page.head(format!("{:<43}{:>13}", "Migrations", count(all)));
    for kind in totals.kinds() {
        let (direction, cause) = (kind.direction.name(), kind.cause.name());
        let (outcome, number) = (kind.outcome.name(), count(kind.migrations));
        let line = format!("  {direction:<18}{cause:<15}{outcome:<13}{number:>13}");
        page.bar(&line, kind.migrations as f64 / all.max(1) as f64);
    }
}

pub(super) fn rates(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let [pages, bytes, calls] = ["pages/s", "bytes/s", "calls/s"];
    page.head(format!(
        "{:<18}{pages:>10}{bytes:>14}{calls:>14}",
        "Average rates"
    ));
    let directions = figures::directions(model);
    // What is left out of one is left out of both.
    let is_known = |direction: &Direction| !model.hidden().direction(*direction);
    let both = directions.iter().all(is_known).then_some(None);
    for direction in directions.iter().copied().map(Some).chain(both) {
        let name = direction.map_or("both", |direction| direction.name());
        let [pages, bytes, calls] = figures::rate(model, model.average(direction));
        page.line(format!("  {name:<16}{pages:>10}{bytes:>14}{calls:>14}"));
    }
    if figures::are_at_least(model) {
        page.line(format!("  At least: {}.", figures::OF_RECORDED));
    }
}
