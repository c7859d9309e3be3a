//! How long the five steps take.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::cell::{Context, shorten};
use super::super::table;
use super::super::table::Column;
use super::super::theme::Theme;
use super::bar::bar;
use super::kinds;
use crate::figures;
use crate::figures::{NONE, StepFigure};
use crate::model::Model;
use crate::text::{duration, percent};
use crate::trace::Step;

/// What [`StepFigure::cells`] has at this place.
fn cell<const AT: usize>(figure: &StepFigure, _: Context) -> (String, Style) {
    (figure.cells()[AT].clone(), Style::new())
}

/// The share of a step as a bar.
const BAR: u16 = 20;

/// The last is for those who asked for it.
pub(in crate::dashboard) const COLUMNS: [Column<StepFigure>; 10] = [
    Column::left("", 16, 0, |figure, _| {
        (figure.step.name().to_owned(), Style::new())
    }),
    Column::right("count", 11, 4, cell::<0>),
    Column::right("p50", 8, 1, cell::<1>),
    Column::right("p90", 8, 4, cell::<2>),
    Column::right("p99", 8, 2, cell::<3>),
    Column::right("p99.9", 8, 6, |figure, _| {
        let text = figure.p999_ns.map_or_else(|| NONE.to_owned(), duration);
        (text, Style::new())
    }),
    Column::right("max", 8, 5, cell::<4>),
    Column::right("share", 6, 3, cell::<5>),
    Column::bars("of the time", BAR, 7, |figure, context| {
        let style = context.theme.step(figure.step);
        (bar(figure.share.unwrap_or(0.0), BAR), style)
    }),
    Column::right("off CPU", 8, 3, cell::<6>),
];

/// How many lines the table takes beside its head and the steps: one where parts were asked for.
pub(in crate::dashboard) fn extra_lines(model: &Model) -> u16 {
    u16::from(model.parts().migrations > 0)
}

/// Draws the table, and beside it the kinds of migrations if there is room.
pub(in crate::dashboard) fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
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
    let x = area.x + table::width(columns) + GAP;
    if x + kinds::WIDTH <= area.right() {
        let place = Rect {
            x,
            width: kinds::WIDTH,
            ..area
        };
        kinds::draw(model, theme, place, buffer);
    }
}

/// Between tables that stand beside each other.
const GAP: u16 = 4;

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
