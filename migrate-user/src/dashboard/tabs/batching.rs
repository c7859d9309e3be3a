//! What the size of calls costs.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top, with_x};
use super::super::sorting::{Key, Table};
use super::super::table::sorted;
use super::super::table::{self, Column, draw_sorted};
use super::super::widgets::bar::bar;
use crate::figures;
use crate::figures::NONE;
use crate::model::{Fit, Group, Size};
use crate::text::{count, counted, duration, quantity};
use crate::trace::Step;

/// The migrations of one size, and what is known beside them.
pub(super) struct Row {
    size: Size,
    /// What a page takes, of the dearest, 0 to 1.
    part: f64,
    /// What calls of this size instead of smaller ones would have saved, nanoseconds.
    saved_ns: Option<f64>,
}

/// The columns of a bar.
const BAR: u16 = 20;

type OfRow = Column<Row>;

pub(super) const SIZES: [OfRow; 7] = [
    OfRow::right("pages/call", 15, 0, |row, _| {
        (pages(&row.size), Style::new())
    })
    .by(|row, _| Key::least(*row.size.pages.start())),
    OfRow::right("calls", 11, 1, |row, _| {
        (count(row.size.calls), Style::new())
    })
    .by(|row, _| Key::most(row.size.calls)),
    OfRow::right("arrived", 12, 5, |row, _| {
        (count(row.size.arrived), Style::new())
    })
    .by(|row, _| Key::most(row.size.arrived)),
    OfRow::right("time", 8, 4, |row, _| {
        (duration(row.size.time_ns), Style::new())
    })
    .by(|row, _| Key::most(row.size.time_ns)),
    OfRow::right("per page", 8, 1, |row, _| {
        let ns = row.size.ns_per_page();
        (
            ns.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64)),
            Style::new(),
        )
    })
    .by(|row, _| Key::most_of(row.size.ns_per_page())),
    OfRow::bars("", BAR, 3, |row, context| {
        (bar(row.part, BAR), context.theme.bar())
    }),
    OfRow::right("would have saved", 16, 2, |row, _| {
        let saved = row.saved_ns.filter(|ns| *ns > 0.0);
        (
            saved.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64)),
            Style::new(),
        )
    })
    .by(|row, _| Key::most_of(row.saved_ns.filter(|ns| *ns > 0.0))),
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
pub(super) struct Cost {
    name: String,
    fit: Option<Fit>,
}

impl Cost {
    /// What a call costs and its error, nanoseconds.
    fn fixed(&self) -> Option<(f64, f64)> {
        self.fit?.fixed()
    }

    /// What a page costs and its error, nanoseconds.
    fn per_page(&self) -> Option<(f64, f64)> {
        self.fit?.per_page()
    }

    /// Pages that cost as much as the call.
    fn break_even(&self) -> Option<f64> {
        self.fit?.break_even_pages()
    }
}

type OfCost = Column<Cost>;

pub(super) const COSTS: [OfCost; 4] = [
    OfCost::left("step", 38, 0, |cost, _| (cost.name.clone(), Style::new()))
        .by(|cost, _| Key::name(cost.name.trim_start())),
    OfCost::right("per call", 18, 1, |cost, _| {
        (figures::cost(cost.fixed()), Style::new())
    })
    .by(|cost, _| Key::most_of(cost.fixed().map(|(ns, _)| ns))),
    OfCost::right("per page", 18, 1, |cost, _| {
        (figures::cost(cost.per_page()), Style::new())
    })
    .by(|cost, _| Key::most_of(cost.per_page().map(|(ns, _)| ns))),
    OfCost::right("break-even", 14, 2, |cost, _| {
        let text = cost.break_even().map_or_else(
            || NONE.to_owned(),
            |pages| match pages.ceil() {
                1.0 => "1 page".to_owned(),
                pages => format!("{} pages", quantity(pages)),
            },
        );
        (text, Style::new())
    })
    .by(|cost, _| Key::most_of(cost.break_even())),
];

/// A tenth of a call's time may be its fixed cost: then it is large enough.
const ENOUGH: f64 = 0.1;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = rows(canvas);
    if rows.is_empty() {
        let area = title(canvas, &rows, area);
        return nothing(canvas, area);
    }
    let page = canvas.page(area);
    let costs = costs(canvas);
    let (sizes, costs_lines) = (rows.len() as u16 + 1, costs.len() as u16 + 3);
    // Beside each other where both fit.
    let beside = table::width(&SIZES) + 4;
    let wide = page.width >= beside + table::width(&COSTS);
    let lines = match wide {
        true => sizes.max(costs_lines),
        false => sizes + 1 + costs_lines,
    };
    let above = canvas.app.view.above();
    canvas.scrolled(page, usize::from(lines) + 1, above, |canvas, area| {
        let area = title(canvas, &rows, area);
        draw_sizes(canvas, &rows, top(area, sizes));
        let place = match wide {
            true => with_x(area, area.x + beside),
            false => below(area, sizes + 1),
        };
        draw_costs(canvas, &costs, place);
    });
}

/// Why there is no size.
fn nothing(canvas: &mut Canvas<'_>, area: Rect) {
    if canvas.model.drivers().sum().migrations == 0 {
        return canvas.nothing(area);
    }
    let text = if canvas.app.filter_words().is_some() {
        "No completed migration matches the filter. Esc removes it, / changes it."
    } else {
        "No migration completed, and of others nobody knows what a page costs."
    };
    canvas.put(area, text, canvas.theme.quiet());
}

/// What it is about; what is below.
fn title(canvas: &mut Canvas<'_>, rows: &[Row], area: Rect) -> Rect {
    let calls: u64 = rows.iter().map(|row| row.size.calls).sum();
    let calls = if figures::lack_records(canvas.model) {
        counted(
            calls,
            "recorded completed migration",
            "recorded completed migrations",
        )
    } else {
        counted(calls, "completed migration", "completed migrations")
    };
    let about = format!("{calls} · would have saved: if no call had been smaller");
    canvas.title(area, "Batching", &about)
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
    let (sort, context) = (canvas.app.view.sort(Table::Sizes), canvas.context());
    let rows = sorted(&SIZES, rows.iter().collect(), sort, context);
    draw_sorted(&SIZES, &rows, Table::Sizes, canvas, area);
}

/// The steps of what took most time, then the whole of all else.
fn costs(canvas: &Canvas<'_>) -> Vec<Cost> {
    let batching = canvas.model.batching();
    let groups = batching.groups();
    // Sorted, a step may stand anywhere.
    let begin = match canvas.app.view.sort(Table::Costs).by {
        Some(_) => groups
            .first()
            .map_or_else(String::new, |group| group.name() + ": "),
        None => "  ".to_owned(),
    };
    let step = |step: Step, group: Group| Cost {
        name: begin.clone() + step.name(),
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

fn draw_costs(canvas: &mut Canvas<'_>, costs: &[Cost], area: Rect) {
    let (sort, context) = (canvas.app.view.sort(Table::Costs), canvas.context());
    let rows = sorted(&COSTS, costs.iter().collect(), sort, context);
    draw_sorted(&COSTS, &rows, Table::Costs, canvas, area);
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
