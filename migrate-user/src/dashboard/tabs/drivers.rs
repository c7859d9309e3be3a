//! Which drivers migrate.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::Canvas;
use super::super::cell::Context;
use super::super::sorting::{Key, Table};
use super::super::state::{Chosen, Look};
use super::super::table::sorted;
use super::super::table::{self, Column, draw_list};
use super::Tab;
use super::processes::{pages, per_page, recent};
use crate::figures::NONE;
use crate::model::Driver;
use crate::text::{count, counted, duration, printable};
use crate::trace::{Direction, Filter, ledger};

type Of = Column<Driver>;

/// Columns, with room for a sparkline.
pub(super) const COLUMNS: [Of; 11] = [
    Of::left("driver", 20, 0, |row, _| {
        let name = row.name.as_deref().unwrap_or(NONE);
        (printable(name), Style::new())
    })
    .by(|row, _| Key::name(row.name.as_deref())),
    Of::right("calls", 11, 3, |row, _| {
        (count(row.sums.migrations), Style::new())
    })
    .by(|row, _| Key::most(row.sums.migrations)),
    Of::right("to_device", 11, 2, |row, context| {
        context.arrived(&row.sums, Direction::ToDevice)
    })
    .by(|row, _| Key::most(row.sums.arrived(Some(Direction::ToDevice)))),
    Of::right("to_system", 11, 2, |row, context| {
        context.arrived(&row.sums, Direction::ToSystem)
    })
    .by(|row, _| Key::most(row.sums.arrived(Some(Direction::ToSystem)))),
    Of::right("skipped", 11, 5, |row, context| {
        context.amount(row.sums.ledger.skipped)
    })
    .by(|row, _| Key::most(row.sums.ledger.skipped)),
    Of::right("declined", 11, 6, |row, context| {
        context.amount(row.sums.ledger.declined)
    })
    .by(|row, _| Key::most(row.sums.ledger.declined)),
    Of::right("wasted", 11, 4, |row, context| {
        context.amount(ledger::wasted(&row.sums.ledger))
    })
    .by(|row, _| Key::most(ledger::wasted(&row.sums.ledger))),
    Of::right("in vain", 8, 7, |row, _| {
        (duration(row.sums.wasted_ns), Style::new())
    })
    .by(|row, _| Key::most(row.sums.wasted_ns)),
    Of::right("time", 8, 1, |row, _| {
        (duration(row.sums.time_ns), Style::new())
    })
    .by(|row, _| Key::most(row.sums.time_ns)),
    Of::right("per page", 8, 8, |row, _| per_page(&row.sums))
        .by(|row, _| Key::most_of(row.sums.ns_per_page())),
    Of::bars("pages/s, last 20 s", 20, 4, |row, context| {
        recent(&row.recent, context)
    })
    .by(|row, context| Key::most(pages(&row.recent, context))),
];

fn rows<'a>(look: &Look<'a>) -> Vec<&'a Driver> {
    let rows = look.model.drivers().sorted();
    sorted(
        &COLUMNS,
        rows,
        look.view.sort(Table::Drivers),
        Context::of(look),
    )
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let rows = rows(&app.look());
    let number = counted(rows.len() as u64, "driver", "drivers");
    let sort = app.view.sort(Table::Drivers);
    let by = table::sorted_by(&COLUMNS, sort, area.width);
    let of_recorded = canvas.of_recorded();
    let unit = app.view.unit.name();
    let about = format!("{number}{of_recorded} · amounts in {unit}{by}");
    let area = canvas.title(area, "Drivers", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    if app.tab() == Tab::Drivers {
        return draw_list(&COLUMNS, &rows, Table::Drivers, canvas, area);
    }
    // On the overview there is nothing to choose.
    let context = canvas.context();
    table::draw(&COLUMNS, rows.into_iter(), context, area, canvas.buffer);
}

/// Everything of the chosen driver. What has no name cannot be asked for.
pub(super) fn open(look: &Look<'_>) -> Option<Chosen> {
    let rows = rows(look);
    let name = rows.get(look.view.chosen())?.name.as_deref()?;
    let filter = Filter {
        driver: vec![name.parse().ok()?],
        ..Filter::default()
    };
    Some(Chosen::Row(filter.into()))
}
