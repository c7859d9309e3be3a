//! How many migrations of each kind there were: direction, trigger, outcome.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::table::{self, Column, Context, Side};
use super::super::theme::Theme;
use crate::model::{Kind, Model};
use crate::text::count;

const COLUMNS: [Column<Kind>; 4] = [
    Column {
        head: "Kinds",
        width: 9,
        side: Side::Left,
        rank: 0,
        cell: |kind, context| {
            (
                kind.direction.name().to_owned(),
                context.theme.direction(kind.direction),
            )
        },
    },
    Column {
        head: "trigger",
        width: 8,
        side: Side::Left,
        rank: 2,
        cell: |kind, _| (kind.trigger.name().to_owned(), Style::new()),
    },
    Column {
        head: "outcome",
        width: 11,
        side: Side::Left,
        rank: 1,
        cell: |kind, context| {
            (
                kind.outcome.name().to_owned(),
                context.theme.outcome(kind.outcome),
            )
        },
    },
    Column {
        head: "count",
        width: 11,
        side: Side::Right,
        rank: 0,
        cell: |kind, _| (count(kind.migrations), Style::new()),
    },
];

/// What the table takes when all columns are there.
pub(super) const WIDTH: u16 = 42;

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
