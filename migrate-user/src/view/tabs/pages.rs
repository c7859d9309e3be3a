//! Where pages went, and which of them soon came back.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::super::figures::NONE;
use super::super::table::{self, Column};
use super::super::widgets::ledger as widget;
use super::processes::by_wasted;
use crate::model::{Bounce, Sums, ledger};
use crate::text::{self, at_least, bytes, count, counted, duration, printable};

/// The pages of a driver or a process.
struct Part {
    name: String,
    sums: Sums,
}

const PARTS: [Column<Part>; 9] = [
    Column::left("by", 22, 0, |part, _| (printable(&part.name), Style::new())),
    Column::right("moved", 11, 1, |part, context| {
        context.amount(part.sums.ledger.moved)
    }),
    Column::right("populated", 10, 4, |part, context| {
        context.amount(part.sums.ledger.populated)
    }),
    Column::right("skipped", 10, 2, |part, context| {
        context.amount(part.sums.ledger.skipped)
    }),
    Column::right("unmap_failed", 12, 6, |part, context| {
        context.amount(part.sums.reasons.unmap_failed)
    }),
    Column::right("declined", 10, 3, |part, context| {
        context.amount(part.sums.ledger.declined)
    }),
    Column::right("wasted", 10, 1, |part, context| {
        context.amount(ledger::wasted(&part.sums.ledger))
    }),
    Column::right("in vain", 8, 5, |part, _| {
        (duration(part.sums.wasted_ns), Style::new())
    }),
    Column::right("rolled_back", 11, 7, |part, context| {
        context.amount(part.sums.ledger.rolled_back)
    }),
];

const BOUNCES: [Column<Bounce>; 7] = [
    Column::right("pid", 8, 1, |bounce, _| {
        (bounce.pid.to_string(), Style::new())
    }),
    Column::left("addresses", 30, 0, |bounce, _| {
        (
            format!("{:#x}–{:#x}", bounce.start, bounce.end),
            Style::new(),
        )
    }),
    Column::right("trips", 9, 2, |bounce, _| {
        (count(bounce.trips), Style::new())
    }),
    Column::right("came back ≥", 11, 0, |bounce, context| {
        context.amount(bounce.pages)
    }),
    Column::right("≤", 10, 5, |bounce, context| {
        context.amount(bounce.most_pages)
    }),
    Column::right("soonest", 8, 3, |bounce, _| {
        (stay(bounce.soonest_ns), Style::new())
    }),
    Column::right("on average", 10, 4, |bounce, _| {
        (stay(bounce.mean_ns()), Style::new())
    }),
];

/// How long pages stayed, where it is known of some.
fn stay(ns: Option<u64>) -> String {
    ns.map_or_else(|| NONE.to_owned(), duration)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    widget::head(model, theme, top(area, 1), canvas.buffer);
    widget::bar(model, theme, top(below(area, 1), 1), canvas.buffer);
    let legend = widget::legend_lines(model, area.width);
    widget::legend(canvas, top(below(area, 2), legend));
    let gap = u16::from(area.height > 24);
    let mut rest = below(area, 2 + legend + gap);
    if model.totals().migrations() == 0 {
        return;
    }
    canvas.put(top(rest, 1), &wasted(canvas), Style::new());
    rest = below(rest, 1 + gap);
    let half = rest.height / 2;
    draw_parts(canvas, top(rest, half));
    draw_bounces(canvas, below(rest, half + gap));
}

/// What was done in vain: in bytes, and in time as far as records tell.
fn wasted(canvas: &Canvas<'_>) -> String {
    let wasted = ledger::wasted(&canvas.model.totals().ledger(None));
    let size = wasted as f64 * canvas.model.facts().page_size as f64;
    let sum = |sum: u64, ns: u64| sum.saturating_add(ns);
    let drivers = canvas.model.drivers().sorted();
    let time = drivers
        .iter()
        .map(|driver| driver.sums.wasted_ns)
        .fold(0, sum);
    format!(
        "Wasted: {} copied or made in vain, about {} of the steps' time",
        bytes(size),
        duration(time)
    )
}

fn draw_parts(canvas: &mut Canvas<'_>, area: Rect) {
    let unit = canvas.app.view.unit.name();
    let about = format!("by driver, then by process · amounts in {unit}");
    let area = canvas.title(area, "Who", &about);
    let model = canvas.model;
    let drivers = model.drivers().sorted().into_iter().map(|driver| Part {
        name: driver.name.as_deref().unwrap_or(NONE).to_owned(),
        sums: driver.sums,
    });
    let mut processes: Vec<Part> = model
        .processes()
        .iter()
        .map(|process| Part {
            name: text::process(process.comm.as_deref(), process.pid),
            sums: process.sums,
        })
        .collect();
    processes.sort_by(|a, b| {
        let arrived = |part: &Part| part.sums.arrived(None);
        by_wasted(&a.sums, &b.sums).then(arrived(b).cmp(&arrived(a)))
    });
    let parts: Vec<Part> = drivers.take(4).chain(processes).collect();
    if parts.is_empty() {
        return canvas.nothing(area);
    }
    let context = canvas.context();
    table::draw(&PARTS, parts.iter(), context, area, canvas.buffer);
}

fn draw_bounces(canvas: &mut Canvas<'_>, area: Rect) {
    if canvas.model.hidden().ways_back {
        let area = canvas.title(area, "Ping-pong", "unknown under this filter");
        let text = "Unknown: the filter leaves out some migrations of a page.";
        canvas.put(area, text, canvas.theme.quiet());
        return;
    }
    let ping_pong = canvas.model.ping_pong();
    let about = format!(
        "{} came back within a second, in {}, which took {}",
        at_least(ping_pong.total_pages(), ping_pong.most_pages()),
        counted(ping_pong.total_trips(), "trip", "trips"),
        duration(ping_pong.total_ns()),
    );
    let area = canvas.title(area, "Ping-pong", &about);
    let most = ping_pong.sorted();
    if most.is_empty() {
        let text = "Nothing came back soon: no page moved one way and back within a second.";
        canvas.put(area, text, canvas.theme.quiet());
        return;
    }
    let context = canvas.context();
    let width = table::width(&BOUNCES);
    if area.width < 2 * width + 4 {
        return table::draw(&BOUNCES, most.into_iter(), context, area, canvas.buffer);
    }
    // Where both fit: those where most came back, and those that came back soonest.
    let soonest = ping_pong.soonest();
    table::draw(
        &BOUNCES,
        most.into_iter(),
        context,
        left(area, width),
        canvas.buffer,
    );
    let beside = with_x(area, area.x + width + 4);
    table::draw(
        &BOUNCES,
        soonest.into_iter(),
        context,
        beside,
        canvas.buffer,
    );
}
