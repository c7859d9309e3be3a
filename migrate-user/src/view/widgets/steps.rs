//! How long the five steps take.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::figures::{self, StepFigure};
use super::super::table::{self, Column, Context, Side};
use super::super::theme::Theme;
use super::kinds;
use crate::model::Model;

/// A column with one of [`StepFigure::cells`].
const fn number(
    head: &'static str,
    width: u16,
    rank: u8,
    cell: fn(&StepFigure, Context) -> (String, Style),
) -> Column<StepFigure> {
    Column {
        head,
        width,
        side: Side::Right,
        rank,
        cell,
    }
}

fn plain<const AT: usize>(figure: &StepFigure, _: Context) -> (String, Style) {
    (figure.cells()[AT].clone(), Style::new())
}

const COLUMNS: [Column<StepFigure>; 7] = [
    Column {
        head: "",
        width: 16,
        side: Side::Left,
        rank: 0,
        cell: |figure, _| (figure.step.name().to_owned(), Style::new()),
    },
    number("count", 11, 4, plain::<0>),
    number("p50", 8, 1, plain::<1>),
    number("p90", 8, 3, plain::<2>),
    number("p99", 8, 2, plain::<3>),
    number("max", 8, 5, plain::<4>),
    number("share", 6, 6, plain::<5>),
];

/// What the steps take when all columns are there.
const WIDTH: u16 = 71;

/// Draws the table, and beside it the kinds of migrations if there is room.
pub(in crate::view) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let steps = figures::steps(model, None);
    table::draw(
        &COLUMNS,
        steps.iter(),
        Context::new(model, theme),
        area,
        buffer,
    );
    buffer.set_stringn(
        area.x,
        area.y,
        "Steps",
        usize::from(area.width),
        theme.title(),
    );
    let beside = WIDTH + 4;
    if area.width >= beside + kinds::WIDTH {
        let place = Rect {
            x: area.x + beside,
            width: area.width - beside,
            ..area
        };
        kinds::draw(model, theme, place, buffer);
    }
}
