//! How long the five steps take.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::figures::{self, StepFigure};
use super::super::table::{self, Column, Context, Side, shorten};
use super::super::theme::Theme;
use super::{drivers, kinds};
use crate::model::{Model, Step};
use crate::text::percent;

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

/// The last is for those who asked for it.
const COLUMNS: [Column<StepFigure>; 8] = [
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
    number("off CPU", 8, 3, plain::<6>),
];

/// What a table takes when all columns are there.
fn width<R>(columns: &[Column<R>]) -> u16 {
    let gaps = columns.len().saturating_sub(1) as u16;
    columns.iter().map(|column| column.width).sum::<u16>() + gaps
}

/// How many lines the table takes beside its head and the steps: one where parts were asked for.
pub(in crate::view) fn extra_lines(model: &Model) -> u16 {
    u16::from(model.parts().migrations > 0)
}

/// Draws the table, and beside it the kinds of migrations and the drivers if there is room.
pub(in crate::view) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let steps = figures::steps(model, None);
    let asked = model.off_cpu().migrations > 0;
    let columns = &COLUMNS[..COLUMNS.len() - usize::from(!asked)];
    let context = Context::new(model, theme);
    table::draw(columns, steps.iter(), context, area, buffer);
    let room = usize::from(area.width);
    buffer.set_stringn(area.x, area.y, "Steps", room, theme.title());
    parts(model, theme, area, buffer);
    let mut x = area.x + width(columns) + GAP;
    let tables: [(u16, Draw); 2] = [(kinds::WIDTH, kinds::draw), (drivers::WIDTH, drivers::draw)];
    for (needs, draw) in tables {
        if x + needs <= area.right() {
            let place = Rect {
                x,
                width: needs,
                ..area
            };
            draw(model, theme, place, buffer);
        }
        x += needs + GAP;
    }
}

/// Between tables that stand beside each other.
const GAP: u16 = 4;

/// Draws a table.
type Draw = fn(&Model, Theme, Rect, &mut Buffer);

/// Draws, below the steps, what the kernel did in them.
fn parts(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let y = area.y + 1 + Step::COUNT as u16;
    let parts = figures::parts(model);
    if parts.is_empty() || y >= area.bottom() {
        return;
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {}", part.name, percent(part.share)))
        .collect();
    let text = format!("of all steps: {}", parts.join(" · "));
    let text = shorten(&text, usize::from(area.width));
    buffer.set_string(area.x, y, text, theme.quiet());
}
