//! How much each driver migrates, of the records that came.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::figures::NONE;
use super::super::table::{self, Column, Context, Side};
use super::super::theme::Theme;
use crate::model::{Driver, Model, ledger};
use crate::text::{count, printable};

/// A column with a number.
const fn number(
    head: &'static str,
    rank: u8,
    cell: fn(&Driver, Context) -> (String, Style),
) -> Column<Driver> {
    Column {
        head,
        width: 11,
        side: Side::Right,
        rank,
        cell,
    }
}

const COLUMNS: [Column<Driver>; 4] = [
    Column {
        head: "Drivers",
        width: 16,
        side: Side::Left,
        rank: 0,
        cell: |driver, _| {
            let name = driver.name.as_deref().unwrap_or(NONE);
            (printable(name), Style::new())
        },
    },
    number("count", 0, |driver, _| {
        (count(driver.sums.migrations), Style::new())
    }),
    number("moved", 1, |driver, _| {
        (count(driver.sums.ledger.moved), Style::new())
    }),
    number("wasted", 2, |driver, _| {
        (count(ledger::wasted(&driver.sums.ledger)), Style::new())
    }),
];

/// What the table takes when all columns are there.
pub(super) const WIDTH: u16 = 52;

/// Draws those with the most migrations, as many as there is room for.
pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let drivers = model.drivers().sorted();
    let context = Context::new(model, theme);
    table::draw(&COLUMNS, drivers.into_iter(), context, area, buffer);
    let room = usize::from(area.width);
    buffer.set_stringn(area.x, area.y, "Drivers", room, theme.title());
}
