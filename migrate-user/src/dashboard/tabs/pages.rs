//! Where pages went, and which of them soon came back.

use std::cmp::Reverse;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, Section, below, left, top, with_x};
use super::super::sorting::{Key, Table};
use super::super::table::sorted;
use super::super::table::{self, Column, draw_sorted};
use super::super::widgets::ledger as widget;
use crate::figures::{self, NONE};
use crate::model::{Bounce, Model, Sums};
use crate::text::{self, at_least, bytes, count, counted, duration, printable};
use crate::trace::ledger;

/// The pages of a driver or a process.
pub(super) struct Part {
    name: String,
    sums: Sums,
}

type OfPart = Column<Part>;

pub(super) const PARTS: [OfPart; 9] = [
    OfPart::left("by", 22, 0, |part, _| (printable(&part.name), Style::new()))
        .by(|part, _| Key::name(part.name.as_str())),
    OfPart::right("moved", 11, 1, |part, context| {
        context.amount(part.sums.ledger.moved)
    })
    .by(|part, _| Key::most(part.sums.ledger.moved)),
    OfPart::right("populated", 10, 4, |part, context| {
        context.amount(part.sums.ledger.populated)
    })
    .by(|part, _| Key::most(part.sums.ledger.populated)),
    OfPart::right("skipped", 10, 2, |part, context| {
        context.amount(part.sums.ledger.skipped)
    })
    .by(|part, _| Key::most(part.sums.ledger.skipped)),
    OfPart::right("unmap_failed", 12, 6, |part, context| {
        context.amount(part.sums.reasons.unmap_failed)
    })
    .by(|part, _| Key::most(part.sums.reasons.unmap_failed)),
    OfPart::right("declined", 10, 3, |part, context| {
        context.amount(part.sums.ledger.declined)
    })
    .by(|part, _| Key::most(part.sums.ledger.declined)),
    OfPart::right("wasted", 10, 1, |part, context| {
        context.amount(ledger::wasted(&part.sums.ledger))
    })
    .by(|part, _| Key::most(ledger::wasted(&part.sums.ledger))),
    OfPart::right("in vain", 8, 5, |part, _| {
        (duration(part.sums.wasted_ns), Style::new())
    })
    .by(|part, _| Key::most(part.sums.wasted_ns)),
    OfPart::right("rolled_back", 11, 7, |part, context| {
        context.amount(part.sums.ledger.rolled_back)
    })
    .by(|part, _| Key::most(part.sums.ledger.rolled_back)),
];

type OfBounce = Column<Bounce>;

pub(super) const BOUNCES: [OfBounce; 7] = [
    OfBounce::right("pid", 8, 1, |bounce, _| {
        (bounce.pid.to_string(), Style::new())
    })
    .by(|bounce, _| Key::least(u64::from(bounce.pid))),
    OfBounce::left("addresses", 30, 0, |bounce, _| {
        (
            format!("{:#x}–{:#x}", bounce.start, bounce.end),
            Style::new(),
        )
    })
    .by(|bounce, _| Key::least(bounce.start)),
    OfBounce::right("trips", 9, 2, |bounce, _| {
        (count(bounce.trips), Style::new())
    })
    .by(|bounce, _| Key::most(bounce.trips)),
    OfBounce::right("came back ≥", 11, 0, |bounce, context| {
        context.amount(bounce.pages)
    })
    .by(|bounce, _| Key::most(bounce.pages)),
    OfBounce::right("≤", 10, 5, |bounce, context| {
        context.amount(bounce.most_pages)
    })
    .by(|bounce, _| Key::most(bounce.most_pages)),
    OfBounce::right("soonest", 8, 3, |bounce, _| {
        (stay(bounce.soonest_ns), Style::new())
    })
    .by(|bounce, _| Key::least(bounce.soonest_ns)),
    OfBounce::right("on average", 10, 4, |bounce, _| {
        (stay(bounce.mean_ns()), Style::new())
    })
    .by(|bounce, _| Key::least(bounce.mean_ns())),
];

/// How long pages stayed, where it is known of some.
fn stay(ns: Option<u64>) -> String {
    ns.map_or_else(|| NONE.to_owned(), duration)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let page = canvas.page(area);
    let model = canvas.model;
    let parts = parts(model);
    let legend = usize::from(widget::legend_lines(model, page.width));
    let sections: [Section<'_>; 4] = [
        (2 + legend, &draw_ledger),
        (1, &|canvas, area| {
            let text = wasted(canvas);
            canvas.put(area, &text, Style::new());
        }),
        (parts.len().max(1) + 2, &|canvas, area| {
            draw_parts(canvas, &parts, area)
        }),
        (bounce_lines(model), &draw_bounces),
    ];
    // Without a migration, the first says so.
    let known = if model.totals().migrations() == 0 {
        1
    } else {
        sections.len()
    };
    let sections = &sections[..known];
    canvas.sections(page, sections);
}

fn draw_ledger(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    widget::head(model, theme, top(area, 1), canvas.buffer);
    widget::bar(model, theme, top(below(area, 1), 1), canvas.buffer);
    widget::legend(canvas, below(area, 2));
}

/// What was done in vain: in bytes, and in time as far as records tell.
fn wasted(canvas: &Canvas<'_>) -> String {
    let wasted = ledger::wasted(&canvas.model.totals().ledger(None));
    let size = wasted as f64 * canvas.model.facts().page_size as f64;
    let sum = |sum: u64, ns: u64| sum.saturating_add(ns);
    let drivers = canvas.model.drivers().sorted();
    let of_drivers = |of: fn(&Sums) -> u64| drivers.iter().map(move |driver| of(&driver.sums));
    let time = duration(of_drivers(|sums| sums.wasted_ns).fold(0, sum));
    let recorded = of_drivers(|sums| ledger::wasted(&sums.ledger)).fold(0, sum);
    let all = format!("Wasted: {} copied or made in vain", bytes(size));
    match recorded {
        // Whatever is known of the time is that of other pages.
        _ if recorded == wasted => format!("{all}, about {time} of the steps' time"),
        0 => all,
        _ => format!(
            "{all}; of {}, about {time} of the steps' time",
            counted(recorded, "recorded page", "recorded pages")
        ),
    }
}

/// Drivers, those that took most time first; then processes, those that wasted most first.
fn parts(model: &Model) -> Vec<Part> {
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
    processes.sort_by_key(|part| {
        let wasted = ledger::wasted(&part.sums.ledger);
        Reverse((wasted, part.sums.arrived(None)))
    });
    drivers.chain(processes).collect()
}

fn draw_parts(canvas: &mut Canvas<'_>, parts: &[Part], area: Rect) {
    let unit = canvas.app.view.unit.name();
    let of_recorded = canvas.of_recorded();
    let about = format!("by driver, then by process{of_recorded} · amounts in {unit}");
    let area = canvas.title(area, "Who", &about);
    if parts.is_empty() {
        return canvas.nothing(area);
    }
    let (sort, context) = (canvas.app.view.sort(Table::Parts), canvas.context());
    let rows = sorted(&PARTS, parts.iter().collect(), sort, context);
    draw_sorted(&PARTS, &rows, Table::Parts, canvas, area);
}

/// Lines of what came back, with its title and the head of its table.
fn bounce_lines(model: &Model) -> usize {
    if model.hidden().ways_back {
        return 2;
    }
    if figures::has_no_records(model) {
        return 3;
    }
    match model.ping_pong().sorted().len() {
        0 => 2,
        rows => rows + 2,
    }
}

/// Pages that come back in a call over several blocks need not be in any trip: so it is a bound.
fn trips(number: u64) -> String {
    match number {
        0 => String::new(),
        _ => format!("in at least {}, ", counted(number, "trip", "trips")),
    }
}

fn draw_bounces(canvas: &mut Canvas<'_>, area: Rect) {
    if canvas.model.hidden().ways_back {
        let area = canvas.title(area, "Ping-pong", "unknown under this filter");
        let text = "Unknown: the filter leaves out some migrations of a page.";
        canvas.put(area, text, canvas.theme.quiet());
        return;
    }
    if figures::has_no_records(canvas.model) {
        let area = canvas.title(area, "Ping-pong", "unknown without records");
        return canvas.nothing(area);
    }
    let ping_pong = canvas.model.ping_pong();
    let of_recorded = if figures::lack_records(canvas.model) {
        "of the recorded, "
    } else {
        ""
    };
    let about = format!(
        "{of_recorded}{} came back within a second, {}which took {}",
        at_least(ping_pong.total_pages(), ping_pong.most_pages()),
        trips(ping_pong.total_trips()),
        duration(ping_pong.total_ns()),
    );
    let area = canvas.title(area, "Ping-pong", &about);
    let most = ping_pong.sorted();
    if most.is_empty() {
        let text = if of_recorded.is_empty() {
            "Nothing came back soon: no page moved one way and back within a second."
        } else {
            "As far as recorded, no page moved one way and back within a second."
        };
        canvas.put(area, text, canvas.theme.quiet());
        return;
    }
    let width = table::width(&BOUNCES);
    if area.width < 2 * width + 4 {
        return draw_ranges(canvas, most, Table::Bounces, area);
    }
    // Where both fit: those where most came back, and those that came back soonest.
    let beside = with_x(area, area.x + width + 4);
    draw_ranges(canvas, most, Table::Bounces, left(area, width));
    draw_ranges(canvas, ping_pong.soonest(), Table::Soonest, beside);
}

fn draw_ranges(canvas: &mut Canvas<'_>, rows: Vec<&Bounce>, table: Table, area: Rect) {
    let (sort, context) = (canvas.app.view.sort(table), canvas.context());
    let rows = sorted(&BOUNCES, rows, sort, context);
    draw_sorted(&BOUNCES, &rows, table, canvas, area);
}
