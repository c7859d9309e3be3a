//! What the size of calls costs.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top, with_x};
use super::super::figures::NONE;
use super::super::table::{self, Column, draw_list};
use super::super::widgets::bar::bar;
use super::Tab;
use crate::model::{Fit, Size, Step};
use crate::text::{count, counted, duration, quantity};

/// The migrations of one size, and what is known beside them.
struct Row {
    size: Size,
    /// What a page takes, of the dearest, 0 to 1.
    part: f64,
    /// What calls of this size instead of smaller ones would have saved, nanoseconds.
    saved_ns: Option<f64>,
}

/// The columns of a bar.
const BAR: u16 = 20;

const SIZES: [Column<Row>; 7] = [
    Column::right("pages/call", 15, 0, |row, _| {
        (pages(&row.size), Style::new())
    }),
    Column::right("calls", 11, 1, |row, _| {
        (count(row.size.calls), Style::new())
    }),
    Column::right("arrived", 12, 5, |row, _| {
        (count(row.size.arrived), Style::new())
    }),
    Column::right("time", 8, 4, |row, _| {
        (duration(row.size.time_ns), Style::new())
    }),
    Column::right("per page", 8, 1, |row, _| {
        let ns = row.size.ns_per_page();
        (
            ns.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64)),
            Style::new(),
        )
    }),
    Column::bars("", BAR, 3, |row, context| {
        (bar(row.part, BAR), context.theme.bar())
    }),
    Column::right("would have saved", 16, 2, |row, _| {
        let saved = row.saved_ns.filter(|ns| *ns > 0.0);
        (
            saved.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64)),
            Style::new(),
        )
    }),
];

fn pages(size: &Size) -> String {
    let (from, to) = (*size.pages.start(), *size.pages.end());
    if from == to {
        count(from)
    } else {
        format!("{}–{}", count(from), count(to))
    }
}

/// What a step costs, or with `None` a whole migration.
struct Cost {
    step: Option<Step>,
    fit: Option<Fit>,
}

const COSTS: [Column<Cost>; 4] = [
    Column::left("step", 16, 0, |cost, _| {
        (
            cost.step.map_or("whole migration", Step::name).to_owned(),
            Style::new(),
        )
    }),
    Column::right("per call", 22, 1, |cost, _| {
        let fit = cost.fit.map(|fit| (fit.fixed_ns, fit.fixed_error_ns));
        (with_error(fit), Style::new())
    }),
    Column::right("per page", 22, 1, |cost, _| {
        let fit = cost.fit.map(|fit| (fit.per_page_ns, fit.per_page_error_ns));
        (with_error(fit), Style::new())
    }),
    Column::right("break-even", 14, 2, |cost, _| {
        let even = cost.fit.and_then(|fit| fit.break_even_pages());
        let text = even.map_or_else(
            || NONE.to_owned(),
            |pages| format!("{} pages", quantity(pages.ceil())),
        );
        (text, Style::new())
    }),
];

/// A time with its standard error. A cost below nothing means that time does not grow in a straight line.
fn with_error(cost: Option<(f64, f64)>) -> String {
    let Some((ns, error_ns)) = cost else {
        return NONE.to_owned();
    };
    let sign = if ns < 0.0 { "−" } else { "" };
    let time = duration(ns.abs().round() as u64);
    format!("{sign}{time} ± {}", duration(error_ns.round() as u64))
}

/// A tenth of a call's time may be its fixed cost: then it is large enough.
const ENOUGH: f64 = 0.1;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = rows(canvas);
    let calls: u64 = rows.iter().map(|row| row.size.calls).sum();
    let about = format!(
        "{} · would have saved: if no call had been smaller",
        counted(calls, "completed migration", "completed migrations")
    );
    let area = canvas.title(area, "Batching", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    let costs = Step::COUNT as u16 + 4;
    // Beside each other where both fit.
    if area.width >= table::width(&SIZES) + 4 + table::width(&COSTS) {
        draw_sizes(canvas, &rows, area);
        let x = area.x + table::width(&SIZES) + 4;
        return draw_costs(canvas, with_x(area, x));
    }
    let wanted = rows.len() as u16 + 1;
    let sizes = wanted
        .min(area.height.saturating_sub(costs))
        .max(area.height.min(4));
    draw_sizes(canvas, &rows, top(area, sizes));
    let gap = u16::from(area.height > sizes + costs);
    draw_costs(canvas, below(area, sizes + gap));
}

fn rows(canvas: &Canvas<'_>) -> Vec<Row> {
    let batching = canvas.model.batching();
    let per_page = |size: &Size| size.ns_per_page().unwrap_or(0.0);
    let dearest = batching
        .sizes(None)
        .map(|size| per_page(&size))
        .fold(1.0, f64::max);
    let row = |size: Size| Row {
        part: per_page(&size) / dearest,
        saved_ns: batching.saved_ns(*size.pages.start(), None),
        size,
    };
    batching.sizes(None).map(row).collect()
}

fn draw_sizes(canvas: &mut Canvas<'_>, rows: &[Row], area: Rect) {
    let rows: Vec<&Row> = rows.iter().collect();
    draw_list(
        &SIZES,
        &rows,
        canvas.app.view.list(Tab::Batching),
        canvas,
        area,
    );
}

fn draw_costs(canvas: &mut Canvas<'_>, area: Rect) {
    let batching = canvas.model.batching();
    let steps = Step::ALL.into_iter().map(Some).chain([None]);
    let cost = |step| Cost {
        step,
        fit: batching.fit(step, None),
    };
    let costs: Vec<Cost> = steps.map(cost).collect();
    let context = canvas.context();
    table::draw(&COSTS, costs.iter(), context, area, canvas.buffer);
    let place = below(area, costs.len() as u16 + 1);
    let whole = batching.fit(None, None);
    for (line, y) in advice(whole).iter().zip(place.y..place.bottom()) {
        canvas.put(Rect { y, ..place }, line, canvas.theme.quiet());
    }
}

/// What the whole migration's costs mean.
fn advice(whole: Option<Fit>) -> [String; 2] {
    let enough = whole.and_then(|fit| fit.pages_for(ENOUGH));
    match enough {
        Some(pages) => [
            "±: standard error. Break-even: pages that cost as much as the call itself.".to_owned(),
            format!(
                "From {} per call on, less than a tenth of the time is the call's own.",
                counted(pages.ceil() as u64, "page", "pages")
            ),
        ],
        None => [
            "What a call costs by itself does not show: it takes calls of several sizes,"
                .to_owned(),
            "and time that grows with their pages.".to_owned(),
        ],
    }
}
