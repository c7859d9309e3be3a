//! How long each step takes.

use std::cmp::Reverse;

use migrate_ebpf::wire::Figure;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top, with_x};
use super::super::figures::{self, NONE};
use super::super::table::{self, Column, Context, draw_list};
use super::super::widgets::bar::bar;
use super::super::widgets::heat;
use super::super::widgets::histogram::Histogram;
use super::Tab;
use crate::model::{Cause, Direction, Distribution, Model, Step};
use crate::text::{count, duration, percent};

/// The steps, and the whole migration.
pub(super) const ROWS: usize = Step::COUNT + 1;

/// Durations of a step, or of whole migrations.
struct Row {
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

/// The last is for those who asked for it.
const COLUMNS: [Column<Row>; 11] = [
    Column::left("step", 16, 0, |row, _| {
        (name(row.step).to_owned(), Style::new())
    }),
    Column::right("count", 11, 5, |row, _| {
        (count(row.durations.count()), Style::new())
    }),
    Column::right("p50", 8, 1, |row, _| quantile(&row.durations, 0.50)),
    Column::right("p90", 8, 4, |row, _| quantile(&row.durations, 0.90)),
    Column::right("p99", 8, 2, |row, _| quantile(&row.durations, 0.99)),
    Column::right("p99.9", 8, 6, |row, _| quantile(&row.durations, 0.999)),
    Column::right("max", 8, 3, |row, _| quantile(&row.durations, 1.0)),
    Column::right("sum", 8, 7, |row, _| {
        (duration(row.durations.sum()), Style::new())
    }),
    Column::right("share", 6, 3, |row, _| share(row.share)),
    Column::bars("of the time", BAR, 8, |row, context| {
        let style = row
            .step
            .map_or(context.theme.quiet(), |step| context.theme.step(step));
        (bar(row.share.unwrap_or(0.0), BAR), style)
    }),
    Column::right("off CPU", 8, 4, |row, _| share(row.off_cpu)),
];

/// The chosen step in one direction, for one reason.
struct Kind {
    direction: Direction,
    cause: Cause,
    durations: Distribution,
}

const KINDS: [Column<Kind>; 6] = [
    Column::left("direction", 16, 0, |kind, context| {
        (
            kind.direction.name().to_owned(),
            context.theme.direction(kind.direction),
        )
    }),
    Column::left("cause", 13, 0, |kind, _| {
        (kind.cause.name().to_owned(), Style::new())
    }),
    Column::right("count", 11, 2, |kind, _| {
        (count(kind.durations.count()), Style::new())
    }),
    Column::right("p50", 8, 1, |kind, _| quantile(&kind.durations, 0.50)),
    Column::right("p99", 8, 1, |kind, _| quantile(&kind.durations, 0.99)),
    Column::right("max", 8, 3, |kind, _| quantile(&kind.durations, 1.0)),
];

/// The lines of the kinds: their head and the most that there are besides odd ones.
const KIND_LINES: u16 = 5;

/// A histogram needs a reading, a scale, and something to see.
const HISTOGRAM_LINES: u16 = 6;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = rows(canvas.model);
    let chosen = canvas.app.view.list(Tab::Steps).chosen.min(ROWS - 1);
    let asked = canvas.model.off_cpu().migrations > 0;
    let columns = &COLUMNS[..COLUMNS.len() - usize::from(!asked)];
    let lines = (ROWS as u16 + 1).min(area.height);
    let all: Vec<&Row> = rows.iter().collect();
    let list = canvas.app.view.list(Tab::Steps);
    let width = table::width(columns);
    let beside = width + 4;
    let wide = area.width >= beside + table::width(&KINDS);
    draw_list(
        columns,
        &all,
        list,
        canvas,
        Rect {
            width: width.min(area.width),
            ..top(area, lines)
        },
    );
    let row = &rows[chosen];
    if wide {
        draw_kinds(canvas, row.step, top(with_x(area, area.x + beside), lines));
    }
    let mut rest = below(area, lines + u16::from(area.height > 24));
    if !wide && rest.height >= KIND_LINES + 2 * HISTOGRAM_LINES {
        draw_kinds(canvas, row.step, top(rest, KIND_LINES));
        rest = below(rest, KIND_LINES + 1);
    }
    let half = if rest.height >= 2 * HISTOGRAM_LINES {
        rest.height / 2
    } else {
        rest.height
    };
    draw_histogram(canvas, row, top(rest, half));
    heat::draw(canvas, row.step, below(rest, half));
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
    let context: Context = canvas.context();
    table::draw(&KINDS, kinds.iter(), context, area, canvas.buffer);
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
