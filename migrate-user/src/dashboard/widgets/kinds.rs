//! How many migrations of each kind there were: direction, cause, outcome.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::cell::Context;
use super::super::table;
use super::super::table::Column;
use super::super::theme::Theme;
use crate::model::Model;
use crate::text::count;
use crate::trace::Kind;

const COLUMNS: [Column<Kind>; 4] = [
    Column::left("Kinds", 9, 0, |kind, context| {
        let name = kind.direction.name().to_owned();
        (name, context.theme.direction(kind.direction))
    }),
    Column::left("cause", 13, 2, |kind, _| {
        (kind.cause.name().to_owned(), Style::new())
    }),
    Column::left("outcome", 11, 1, |kind, context| {
        let name = kind.outcome.name().to_owned();
        (name, context.theme.outcome(kind.outcome))
    }),
    Column::right("count", 11, 0, |kind, _| {
        (count(kind.migrations), Style::new())
    }),
];

/// What the table takes when all columns are there.
pub(in crate::dashboard) const WIDTH: u16 = 42;

/// Draws the most frequent kinds, as many as there is room for.
pub(super) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut kinds: Vec<Kind> = model.totals().kinds().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.migrations));
    table::draw(
        &COLUMNS,
        kinds.iter(),
        Context::new(model, theme),
        area,
        buffer,
    );
    buffer.set_stringn(
        area.x,
        area.y,
        "Kinds",
        usize::from(area.width),
        theme.title(),
    );
}
