//! Single migrations: the newest or the slowest.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::app::App;
use super::super::canvas::Canvas;
use super::super::figures::NONE;
use super::super::table::{self, Column, Context, draw_list};
use super::{Opened, Tab, migration};
use crate::model::{Migration, Side, Step, ledger};
use crate::text::{counted, duration, printable};

/// In the order on screen. Ranks say which are left out first when it is narrow.
const COLUMNS: [Column<Migration>; 22] = [
    Column::right("began", 12, 3, |m, context| {
        (since(m.time_ns, context.began_ns), context.theme.quiet())
    }),
    Column::left("process", 15, 4, |m, _| {
        (printable(m.comm.as_deref().unwrap_or(NONE)), Style::new())
    }),
    Column::right("pid", 8, 7, |m, _| (table::number(m.pid), Style::new())),
    Column::left("worker", 15, 14, |m, _| {
        let worker = m.worker.as_ref().map_or(NONE, |worker| &worker.comm);
        (printable(worker), Style::new())
    }),
    Column::left("direction", 16, 0, |m, context| {
        let style = context.theme.direction(m.direction);
        (m.direction.name().to_owned(), style)
    }),
    Column::left("cause", 13, 6, |m, _| {
        (m.cause.name().to_owned(), Style::new())
    }),
    Column::left("outcome", 11, 5, |m, context| {
        let style = context.theme.outcome(m.outcome);
        (m.outcome.name().to_owned(), style)
    }),
    Column::right("requested", 9, 8, |m, context| {
        context.amount(m.ledger.requested)
    }),
    Column::right("arrived", 9, 1, |m, context| {
        context.amount(ledger::arrived(&m.ledger))
    }),
    Column::right("skipped", 9, 9, |m, context| {
        context.amount(m.ledger.skipped)
    }),
    Column::right("declined", 9, 10, |m, context| {
        context.amount(m.ledger.declined)
    }),
    Column::right("wasted", 9, 9, |m, context| {
        context.amount(ledger::wasted(&m.ledger))
    }),
    Column::right("undone", 9, 11, |m, context| context.amount(undone(m))),
    Column::right("total", 8, 2, |m, _| (duration(m.total_ns()), Style::new())),
    Column::right("setup", 8, 12, |m, context| step(m, Step::Setup, context)),
    Column::right("copy", 8, 12, |m, context| {
        step(m, Step::AllocAndCopy, context)
    }),
    Column::right("pages", 8, 12, |m, context| step(m, Step::Pages, context)),
    Column::right("map", 8, 12, |m, context| {
        step(m, Step::FinalizeAndMap, context)
    }),
    Column::right("finalize", 8, 12, |m, context| {
        step(m, Step::Finalize, context)
    }),
    Column::left("from", 18, 15, |m, _| (place(&m.from), Style::new())),
    Column::left("to", 18, 15, |m, _| (place(&m.to), Style::new())),
    Column::left("driver", 16, 13, |m, _| {
        (printable(m.driver.as_deref().unwrap_or(NONE)), Style::new())
    }),
];

/// Where the pages of one side are: the node or device where that is known, else the kind of memory.
pub(super) fn place(side: &Side) -> String {
    let kind = side.kind().unwrap_or(NONE);
    printable(side.place.as_deref().unwrap_or(kind))
}

/// Rolled back, or rejected with everything else.
fn undone(migration: &Migration) -> u64 {
    let ledger = &migration.ledger;
    ledger.rolled_back.saturating_add(ledger.rejected)
}

fn step(migration: &Migration, step: Step, context: Context) -> (String, Style) {
    match migration.steps[step as usize] {
        Some(ns) => (duration(ns), Style::new()),
        None => (NONE.to_owned(), context.theme.quiet()),
    }
}

/// Seconds since the run began, to a thousandth.
pub(super) fn since(time_ns: u64, began_ns: u64) -> String {
    let ms = time_ns.saturating_sub(began_ns) / 1_000_000;
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

fn rows(app: &App) -> Vec<&Migration> {
    if app.view.slowest {
        app.shown().slowest().sorted()
    } else {
        app.shown().recent().iter().collect()
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    if let Some(opened) = &app.view.opened {
        return migration::draw(canvas, opened, area);
    }
    let rows = rows(app);
    let order = if app.view.slowest {
        "slowest"
    } else {
        "newest"
    };
    let number = counted(rows.len() as u64, "migration", "migrations");
    let unit = app.view.unit.name();
    let about = format!("the {order} {number}, {order} first · amounts in {unit}");
    let area = canvas.title(area, "Migrations", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    draw_list(
        &COLUMNS,
        &rows,
        app.view.list(Tab::Migrations),
        canvas,
        area,
    );
}

/// The chosen migration.
pub(super) fn open(app: &App) -> Option<Opened> {
    let rows = rows(app);
    let migration = rows.get(app.view.list(Tab::Migrations).chosen)?;
    Some(Opened::Migration(Box::new((*migration).clone())))
}
