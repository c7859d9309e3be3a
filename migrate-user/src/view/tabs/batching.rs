//! What the size of calls costs.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top, with_x};
use super::super::figures::{self, NONE};
use super::super::table::{self, Column, draw_list};
use super::super::widgets::bar::bar;
use super::Tab;
use crate::model::{Fit, Group, Size, Step};
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

/// What a step costs, or all of them together.
struct Cost {
    name: String,
    fit: Option<Fit>,
}

const COSTS: [Column<Cost>; 4] = [
    Column::left("step", 30, 0, |cost, _| (cost.name.clone(), Style::new())),
    Column::right("per call", 20, 1, |cost, _| {
        let fixed = cost.fit.and_then(|fit| fit.fixed());
        (figures::cost(fixed), Style::new())
    }),
    Column::right("per page", 20, 1, |cost, _| {
        let per_page = cost.fit.and_then(|fit| fit.per_page());
        (figures::cost(per_page), Style::new())
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
    let costs = costs(canvas).len() as u16 + 3;
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
        saved_ns: batching.saved_in_all_ns(*size.pages.start()),
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

/// The steps of what took most time, then the whole of all else.
fn costs(canvas: &Canvas<'_>) -> Vec<Cost> {
    let batching = canvas.model.batching();
    let groups = batching.groups();
    let step = |step: Step, group: Group| Cost {
        name: format!("  {}", step.name()),
        fit: batching.fit(Some(step), group),
    };
    let whole = |group: Group| Cost {
        name: group.name(),
        fit: batching.fit(None, group),
    };
    let mut costs = Vec::new();
    for (at, group) in groups.into_iter().enumerate().take(GROUPS) {
        costs.push(whole(group));
        if at == 0 {
            costs.extend(Step::ALL.map(|one| step(one, group)));
        }
    }
    costs
}

fn draw_costs(canvas: &mut Canvas<'_>, area: Rect) {
    let costs = costs(canvas);
    let context = canvas.context();
    table::draw(&COSTS, costs.iter(), context, area, canvas.buffer);
    let place = below(area, costs.len() as u16 + 1);
    let lines = if canvas.model.batching().is_by_result() {
        [
            "Unknown: these migrations were chosen by how they went.".to_owned(),
            String::new(),
        ]
    } else {
        advice(costs.first())
    };
    for (line, y) in lines.iter().zip(place.y..place.bottom()) {
        canvas.put(Rect { y, ..place }, line, canvas.theme.quiet());
    }
}

/// What the costs of the first group mean.
fn advice(first: Option<&Cost>) -> [String; 2] {
    let enough = first.and_then(|cost| Some((cost, cost.fit?.pages_for(ENOUGH)?)));
    match enough {
        Some((cost, pages)) => [
            figures::COSTS.to_owned(),
            format!(
                "{}: from {} per call on, less than a tenth of the time is the call's own.",
                cost.name,
                counted(pages.ceil() as u64, "page", "pages")
            ),
        ],
        None => [
            figures::COSTS.to_owned(),
            "It takes calls of several sizes, and time that grows with their pages.".to_owned(),
        ],
    }
}

/// Groups of which costs are shown.
const GROUPS: usize = 4;
