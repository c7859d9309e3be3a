//! How long each step takes.

use std::cmp::Reverse;

use migrate_ebpf::wire::Figure;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::super::sorting::{Key, Table};
use super::super::table::sorted;
use super::super::table::{self, Column, draw_list, draw_sorted};
use super::super::widgets::bar::bar;
use super::super::widgets::heat;
use super::super::widgets::histogram::Histogram;
use crate::figures;
use crate::figures::NONE;
use crate::model::{Distribution, Model};
use crate::text::{count, duration, percent};
use crate::trace::{Cause, Direction, Step};

/// The steps, and the whole migration.
pub(super) const ROWS: usize = Step::COUNT + 1;

/// Durations of a step, or of whole migrations.
pub(super) struct Row {
    step: Option<Step>,
    durations: Distribution,
    /// Of the time of all, 0 to 1.
    share: Option<f64>,
    off_cpu: Option<f64>,
}

/// The name of a step, or of all of them.
fn name(step: Option<Step>) -> &'static str {
    step.map_or("whole migration", Step::name)
}

const BAR: u16 = 20;

fn quantile(durations: &Distribution, quantile: f64) -> (String, Style) {
    let ns = durations.quantile(quantile);
    (ns.map_or_else(|| NONE.to_owned(), duration), Style::new())
}

fn share(share: Option<f64>) -> (String, Style) {
    (share.map_or_else(|| NONE.to_owned(), percent), Style::new())
}

type OfRow = Column<Row>;

/// The last is for those who asked for it.
pub(super) const COLUMNS: [OfRow; 11] = [
    OfRow::left("step", 16, 0, |row, _| {
        (name(row.step).to_owned(), Style::new())
    })
    .by(|row, _| Key::least(row.step.map_or(Step::COUNT, |step| step as usize) as u64)),
    OfRow::right("count", 11, 5, |row, _| {
        (count(row.durations.count()), Style::new())
    })
    .by(|row, _| Key::most(row.durations.count())),
    OfRow::right("p50", 8, 1, |row, _| quantile(&row.durations, 0.50))
        .by(|row, _| Key::most(row.durations.quantile(0.50))),
    OfRow::right("p90", 8, 4, |row, _| quantile(&row.durations, 0.90))
        .by(|row, _| Key::most(row.durations.quantile(0.90))),
    OfRow::right("p99", 8, 2, |row, _| quantile(&row.durations, 0.99))
        .by(|row, _| Key::most(row.durations.quantile(0.99))),
    OfRow::right("p99.9", 8, 6, |row, _| quantile(&row.durations, 0.999))
        .by(|row, _| Key::most(row.durations.quantile(0.999))),
    OfRow::right("max", 8, 3, |row, _| quantile(&row.durations, 1.0))
        .by(|row, _| Key::most(row.durations.quantile(1.0))),
    OfRow::right("sum", 8, 7, |row, _| {
        (duration(row.durations.sum()), Style::new())
    })
    .by(|row, _| Key::most(row.durations.sum())),
    OfRow::right("share", 6, 3, |row, _| share(row.share)).by(|row, _| Key::most_of(row.share)),
    OfRow::bars("of the time", BAR, 8, |row, context| {
        let style = row
            .step
            .map_or(context.theme.quiet(), |step| context.theme.step(step));
        (bar(row.share.unwrap_or(0.0), BAR), style)
    }),
    OfRow::right("off CPU", 8, 4, |row, _| share(row.off_cpu))
        .by(|row, _| Key::most_of(row.off_cpu)),
];

/// The chosen step in one direction, for one reason.
pub(super) struct Kind {
    direction: Direction,
    cause: Cause,
    durations: Distribution,
}

type OfKind = Column<Kind>;

pub(super) const KINDS: [OfKind; 6] = [
    OfKind::left("direction", 16, 0, |kind, context| {
        (
            kind.direction.name().to_owned(),
            context.theme.direction(kind.direction),
        )
    })
    .by(|kind, _| Key::name(kind.direction.name())),
    OfKind::left("cause", 13, 0, |kind, _| {
        (kind.cause.name().to_owned(), Style::new())
    })
    .by(|kind, _| Key::name(kind.cause.name())),
    OfKind::right("count", 11, 2, |kind, _| {
        (count(kind.durations.count()), Style::new())
    })
    .by(|kind, _| Key::most(kind.durations.count())),
    OfKind::right("p50", 8, 1, |kind, _| quantile(&kind.durations, 0.50))
        .by(|kind, _| Key::most(kind.durations.quantile(0.50))),
    OfKind::right("p99", 8, 1, |kind, _| quantile(&kind.durations, 0.99))
        .by(|kind, _| Key::most(kind.durations.quantile(0.99))),
    OfKind::right("max", 8, 3, |kind, _| quantile(&kind.durations, 1.0))
        .by(|kind, _| Key::most(kind.durations.quantile(1.0))),
];

/// The lines of the kinds: their head and the most that there are besides odd ones.
const KIND_LINES: u16 = 5;

/// A histogram needs a reading, a scale, and something to see.
const HISTOGRAM_LINES: u16 = 6;

/// Lines of the steps, with their head.
const STEP_LINES: u16 = ROWS as u16 + 1;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let page = canvas.page(area);
    let asked = canvas.model.off_cpu().migrations > 0;
    let columns = &COLUMNS[..COLUMNS.len() - usize::from(!asked)];
    let wide = page.width >= table::width(columns) + 4 + table::width(&KINDS);
    let roomy = page.height >= STEP_LINES + 1 + KIND_LINES + 2 * HISTOGRAM_LINES;
    // What there is no room for is below the screen.
    let least = STEP_LINES + HISTOGRAM_LINES;
    let first = page.height.max(least);
    let lines = if wide || roomy {
        first
    } else {
        first + 1 + KIND_LINES
    };
    let rows = rows(canvas.model);
    let above = canvas.app.view.above();
    canvas.scrolled(page, usize::from(lines), above, |canvas, area| {
        let chosen = draw_steps(canvas, columns, &rows, area);
        let beside = with_x(area, area.x + table::width(columns) + 4);
        let gap = u16::from(first > 24);
        let mut rest = below(area, STEP_LINES + gap);
        let mut room = first.saturating_sub(STEP_LINES + gap);
        if wide {
            draw_kinds(canvas, chosen.step, top(beside, STEP_LINES));
        } else if roomy {
            draw_kinds(canvas, chosen.step, top(rest, KIND_LINES));
            rest = below(rest, KIND_LINES + 1);
            room -= KIND_LINES + 1;
        } else {
            draw_kinds(canvas, chosen.step, below(rest, room + 1));
        }
        draw_times(canvas, chosen, rest, room);
    });
}

/// Draws the steps. The one that is chosen.
fn draw_steps<'r>(
    canvas: &mut Canvas<'_>,
    columns: &[Column<Row>],
    rows: &'r [Row],
    area: Rect,
) -> &'r Row {
    let (sort, context) = (canvas.app.view.sort(Table::Steps), canvas.context());
    let all = sorted(columns, rows.iter().collect(), sort, context);
    let place = left(top(area, STEP_LINES), table::width(columns));
    draw_list(columns, &all, Table::Steps, canvas, place);
    let chosen = canvas.app.view.chosen().min(ROWS - 1);
    all[chosen]
}

/// Draws how the chosen step's times are spread, and below it when, in so many lines of an area.
fn draw_times(canvas: &mut Canvas<'_>, row: &Row, area: Rect, lines: u16) {
    let half = if lines >= 2 * HISTOGRAM_LINES {
        lines / 2
    } else {
        lines
    };
    draw_histogram(canvas, row, top(area, half));
    heat::draw(canvas, row.step, top(below(area, half), lines - half));
}

fn rows(model: &Model) -> Vec<Row> {
    let off_cpu = figures::off_cpu(model);
    let steps = Step::ALL.map(|step| Row {
        step: Some(step),
        durations: model.steps().of(step, None),
        share: model.steps().share(step, None),
        off_cpu: off_cpu[step as usize],
    });
    let whole = model.steps().of(Figure::Total, None);
    let whole = Row {
        step: None,
        share: (whole.count() > 0).then_some(1.0),
        durations: whole,
        off_cpu: None,
    };
    steps.into_iter().chain([whole]).collect()
}

fn draw_kinds(canvas: &mut Canvas<'_>, step: Option<Step>, area: Rect) {
    let mut kinds: Vec<(Direction, Cause)> = Vec::new();
    for kind in canvas.model.totals().kinds() {
        if !kinds.contains(&(kind.direction, kind.cause)) {
            kinds.push((kind.direction, kind.cause));
        }
    }
    let figure = step.map_or(Figure::Total, Figure::from);
    let steps = canvas.model.steps();
    let kind = |(direction, cause)| Kind {
        direction,
        cause,
        durations: steps.of_kind(figure, direction, cause),
    };
    let mut kinds: Vec<Kind> = kinds.into_iter().map(kind).collect();
    kinds.sort_by_key(|kind| Reverse(kind.durations.count()));
    let (sort, context) = (canvas.app.view.sort(Table::Kinds), canvas.context());
    let rows = sorted(&KINDS, kinds.iter().collect(), sort, context);
    draw_sorted(&KINDS, &rows, Table::Kinds, canvas, area);
}

fn draw_histogram(canvas: &mut Canvas<'_>, row: &Row, area: Rect) {
    let about = format!("of {} · ←→ move the cursor", name(row.step));
    let area = canvas.title(area, "Histogram", &about);
    let Some(histogram) = Histogram::new(&row.durations) else {
        return canvas.nothing(area);
    };
    let last = histogram.len() - 1;
    let median = histogram.at_quantile(0.5);
    let cursor = median
        .saturating_add_signed(canvas.app.view.cursor)
        .min(last);
    histogram.draw(cursor, canvas, area);
}
