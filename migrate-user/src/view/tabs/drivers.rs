//! Which drivers migrate.

use std::cmp::Reverse;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::app::App;
use super::super::canvas::Canvas;
use super::super::figures::NONE;
use super::super::table::{self, Column, draw_list, sorted};
use super::processes::{by_arrived, by_per_page, by_wasted, per_page, recent};
use super::{Opened, Tab};
use crate::model::{Direction, Driver, ledger};
use crate::text::{count, counted, duration, printable};
use crate::trace::Filter;

type Of = Column<Driver>;

/// Columns, with room for a sparkline.
pub(super) const COLUMNS: [Of; 11] = [
    Of::left("driver", 20, 0, |row, _| {
        let name = row.name.as_deref().unwrap_or(NONE);
        (printable(name), Style::new())
    })
    .by(|a, b| a.name.cmp(&b.name)),
    Of::right("calls", 11, 3, |row, _| {
        (count(row.sums.migrations), Style::new())
    })
    .by(|a, b| {
        let calls = |row: &Driver| Reverse(row.sums.migrations);
        calls(a).cmp(&calls(b))
    }),
    Of::right("to_device", 11, 2, |row, context| {
        context.arrived(&row.sums, Direction::ToDevice)
    })
    .by(|a, b| by_arrived(&a.sums, &b.sums, Direction::ToDevice)),
    Of::right("to_system", 11, 2, |row, context| {
        context.arrived(&row.sums, Direction::ToSystem)
    })
    .by(|a, b| by_arrived(&a.sums, &b.sums, Direction::ToSystem)),
    Of::right("skipped", 11, 5, |row, context| {
        context.amount(row.sums.ledger.skipped)
    })
    .by(|a, b| {
        let skipped = |row: &Driver| Reverse(row.sums.ledger.skipped);
        skipped(a).cmp(&skipped(b))
    }),
    Of::right("declined", 11, 6, |row, context| {
        context.amount(row.sums.ledger.declined)
    })
    .by(|a, b| {
        let declined = |row: &Driver| Reverse(row.sums.ledger.declined);
        declined(a).cmp(&declined(b))
    }),
    Of::right("wasted", 11, 4, |row, context| {
        context.amount(ledger::wasted(&row.sums.ledger))
    })
    .by(|a, b| by_wasted(&a.sums, &b.sums)),
    Of::right("in vain", 8, 7, |row, _| {
        (duration(row.sums.wasted_ns), Style::new())
    })
    .by(|a, b| {
        let wasted = |row: &Driver| Reverse(row.sums.wasted_ns);
        wasted(a).cmp(&wasted(b))
    }),
    Of::right("time", 8, 1, |row, _| {
        (duration(row.sums.time_ns), Style::new())
    })
    .by(|a, b| {
        let time = |row: &Driver| Reverse(row.sums.time_ns);
        time(a).cmp(&time(b))
    }),
    Of::right("per page", 8, 8, |row, _| per_page(&row.sums))
        .by(|a, b| by_per_page(&a.sums, &b.sums)),
    Of::bars("pages/s, last 20 s", 20, 4, |row, context| {
        recent(&row.recent, context)
    }),
];

fn rows(app: &App) -> Vec<&Driver> {
    let rows = app.shown().drivers().sorted();
    sorted(&COLUMNS, rows, app.view.list(Tab::Drivers))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let rows = rows(app);
    let number = counted(rows.len() as u64, "driver", "drivers");
    let list = app.view.list(Tab::Drivers);
    let by = table::sorted_by(&COLUMNS, list, area.width);
    let about = format!("{number} · amounts in {}{by}", app.view.unit.name());
    let area = canvas.title(area, "Drivers", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    if app.tab() == Tab::Drivers {
        return draw_list(&COLUMNS, &rows, list, canvas, area);
    }
    // On the overview there is nothing to choose.
    let context = canvas.context();
    table::draw(&COLUMNS, rows.into_iter(), context, area, canvas.buffer);
}

/// Everything of the chosen driver. What has no name cannot be asked for.
pub(super) fn open(app: &App) -> Option<Opened> {
    let rows = rows(app);
    let name = rows
        .get(app.view.list(Tab::Drivers).chosen)?
        .name
        .as_deref()?;
    let filter = Filter {
        driver: vec![name.parse().ok()?],
        ..Filter::default()
    };
    Some(Opened::Filter(filter.into()))
}
