//! Single migrations: the newest or the slowest.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::app::App;
use super::super::canvas::Canvas;
use super::super::cell::{self, Context};
use super::super::sorting::{Key, Table};
use super::super::state::{Chosen, Look, Opened};
use super::super::table::sorted;
use super::super::table::{Column, draw_list};
use super::migration;
use crate::figures::{self, NONE};
use crate::text::{count, counted, duration, printable, since};
use crate::trace::{Migration, Side, Step, ledger};

type Of = Column<Migration>;

/// In the order on screen. Ranks say which are left out first when it is narrow.
pub(super) const COLUMNS: [Of; 22] = [
    Of::right("began", 15, 3, |m, context| {
        (since(m.time_ns, context.began_ns), context.theme.quiet())
    })
    .by(|m, _| Key::most(m.time_ns)),
    Of::left("process", 15, 4, |m, _| {
        (printable(m.comm.as_deref().unwrap_or(NONE)), Style::new())
    })
    .by(|m, _| Key::name(m.comm.as_deref())),
    Of::right("pid", 8, 7, |m, _| (cell::number(m.pid), Style::new()))
        .by(|m, _| Key::least(m.pid.map(u64::from))),
    Of::left("worker", 15, 14, |m, _| {
        (printable(worker(m).unwrap_or(NONE)), Style::new())
    })
    .by(|m, _| Key::name(worker(m))),
    Of::left("direction", 16, 0, |m, context| {
        let style = context.theme.direction(m.direction);
        (m.direction.name().to_owned(), style)
    })
    .by(|m, _| Key::name(m.direction.name())),
    Of::left("cause", 13, 6, |m, _| {
        (m.cause.name().to_owned(), Style::new())
    })
    .by(|m, _| Key::name(m.cause.name())),
    Of::left("outcome", 11, 5, |m, context| {
        let style = context.theme.outcome(m.outcome);
        (m.outcome.name().to_owned(), style)
    })
    .by(|m, _| Key::name(m.outcome.name())),
    Of::right("requested", 9, 8, |m, context| {
        context.amount(m.ledger.requested)
    })
    .by(|m, _| Key::most(m.ledger.requested)),
    Of::right("arrived", 9, 1, |m, context| {
        context.amount(ledger::arrived(&m.ledger))
    })
    .by(|m, _| Key::most(ledger::arrived(&m.ledger))),
    Of::right("skipped", 9, 9, |m, context| {
        context.amount(m.ledger.skipped)
    })
    .by(|m, _| Key::most(m.ledger.skipped)),
    Of::right("declined", 9, 10, |m, context| {
        context.amount(m.ledger.declined)
    })
    .by(|m, _| Key::most(m.ledger.declined)),
    Of::right("wasted", 9, 9, |m, context| {
        context.amount(ledger::wasted(&m.ledger))
    })
    .by(|m, _| Key::most(ledger::wasted(&m.ledger))),
    Of::right("undone", 9, 11, |m, context| context.amount(undone(m)))
        .by(|m, _| Key::most(undone(m))),
    Of::right("total", 8, 2, |m, _| (duration(m.total_ns()), Style::new()))
        .by(|m, _| Key::most(m.total_ns())),
    Of::right("setup", 8, 12, |m, context| step(m, Step::Setup, context))
        .by(|m, _| Key::most(ns(m, Step::Setup))),
    Of::right("copy", 8, 12, |m, context| {
        step(m, Step::AllocAndCopy, context)
    })
    .by(|m, _| Key::most(ns(m, Step::AllocAndCopy))),
    Of::right("pages", 8, 12, |m, context| step(m, Step::Pages, context))
        .by(|m, _| Key::most(ns(m, Step::Pages))),
    Of::right("map", 8, 12, |m, context| {
        step(m, Step::FinalizeAndMap, context)
    })
    .by(|m, _| Key::most(ns(m, Step::FinalizeAndMap))),
    Of::right("finalize", 8, 12, |m, context| {
        step(m, Step::Finalize, context)
    })
    .by(|m, _| Key::most(ns(m, Step::Finalize))),
    Of::left("from", 18, 15, |m, _| (place(&m.from), Style::new())).by(|m, _| side(&m.from)),
    Of::left("to", 18, 15, |m, _| (place(&m.to), Style::new())).by(|m, _| side(&m.to)),
    Of::left("driver", 16, 13, |m, _| {
        (printable(m.driver.as_deref().unwrap_or(NONE)), Style::new())
    })
    .by(|m, _| Key::name(m.driver.as_deref())),
];

/// The thread that worked for another process.
fn worker(migration: &Migration) -> Option<&str> {
    migration.worker.as_ref().map(|worker| &*worker.comm)
}

/// What one side is sorted by: what is shown of it.
fn side(side: &Side) -> Key {
    Key::name(side.place.as_deref().or(side.kind()))
}

/// Where the pages of one side are: the node or device where that is known, else the kind of
/// memory.
pub(super) fn place(side: &Side) -> String {
    let kind = side.kind().unwrap_or(NONE);
    printable(side.place.as_deref().unwrap_or(kind))
}

/// Rolled back, or rejected with everything else.
fn undone(migration: &Migration) -> u64 {
    let ledger = &migration.ledger;
    ledger.rolled_back.saturating_add(ledger.rejected)
}

fn ns(migration: &Migration, step: Step) -> Option<u64> {
    migration.steps[step as usize]
}

fn step(migration: &Migration, step: Step, context: Context) -> (String, Style) {
    match ns(migration, step) {
        Some(ns) => (duration(ns), Style::new()),
        None => (NONE.to_owned(), context.theme.quiet()),
    }
}

fn rows<'a>(look: &Look<'a>) -> Vec<&'a Migration> {
    let rows = if look.view.slowest {
        look.model.slowest().sorted()
    } else {
        look.model.recent().iter().collect()
    };
    sorted(
        &COLUMNS,
        rows,
        look.view.sort(Table::Migrations),
        Context::of(look),
    )
}

/// Which come first.
fn order(app: &App, which: &str) -> String {
    let sort = app.view.sort(Table::Migrations);
    match sort.by {
        Some(by) => format!("by {}{}", sort.sign(), COLUMNS[by].head),
        None => format!("{which} first"),
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    if let Some(opened) = &app.view.opened {
        return migration::draw(canvas, opened, area);
    }
    let rows = rows(&app.look());
    let which = if app.view.slowest {
        "slowest"
    } else {
        "newest"
    };
    let number = rows.len() as u64;
    let number = if figures::lack_records(canvas.model) {
        format!("{} recorded", count(number))
    } else {
        counted(number, "migration", "migrations")
    };
    let unit = app.view.unit.name();
    let order = order(app, which);
    let about = format!("the {which} {number}, {order} · amounts in {unit}");
    let area = canvas.title(area, "Migrations", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    draw_list(&COLUMNS, &rows, Table::Migrations, canvas, area);
}

/// The chosen migration.
pub(super) fn open(look: &Look<'_>) -> Option<Chosen> {
    let opened = Opened::new(&rows(look), look.view.chosen())?;
    Some(Chosen::Migration(opened))
}
