//! Who migrates.

use std::cmp::Reverse;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::app::App;
use super::super::canvas::Canvas;
use super::super::figures::NONE;
use super::super::table::{self, Column, Context, draw_list, sorted};
use super::super::widgets::bar::sparkline;
use super::{Opened, Tab};
use crate::model::{Cause, Direction, Process, Sparkline, Sums, ledger};
use crate::text::{NOBODY, count, counted, duration, printable};
use crate::trace::Filter;

type Of = Column<Process>;

/// Columns, with room for a sparkline.
pub(super) const COLUMNS: [Of; 13] = [
    Of::left("process", 16, 0, |row, _| {
        (
            printable(row.comm.as_deref().unwrap_or(NOBODY)),
            Style::new(),
        )
    })
    .by(|a, b| a.comm.cmp(&b.comm)),
    Of::right("pid", 8, 1, |row, _| (table::number(row.pid), Style::new()))
        .by(|a, b| a.pid.cmp(&b.pid)),
    Of::right("calls", 11, 4, |row, _| {
        (count(row.sums.migrations), Style::new())
    })
    .by(|a, b| Reverse(a.sums.migrations).cmp(&Reverse(b.sums.migrations))),
    Of::right("to_device", 11, 3, |row, context| {
        context.arrived(&row.sums, Direction::ToDevice)
    })
    .by(|a, b| by_arrived(&a.sums, &b.sums, Direction::ToDevice)),
    Of::right("to_system", 11, 3, |row, context| {
        context.arrived(&row.sums, Direction::ToSystem)
    })
    .by(|a, b| by_arrived(&a.sums, &b.sums, Direction::ToSystem)),
    Of::right("skipped", 11, 6, |row, context| {
        context.amount(row.sums.ledger.skipped)
    })
    .by(|a, b| Reverse(a.sums.ledger.skipped).cmp(&Reverse(b.sums.ledger.skipped))),
    Of::right("declined", 11, 7, |row, context| {
        context.amount(row.sums.ledger.declined)
    })
    .by(|a, b| Reverse(a.sums.ledger.declined).cmp(&Reverse(b.sums.ledger.declined))),
    Of::right("wasted", 11, 5, |row, context| {
        context.amount(ledger::wasted(&row.sums.ledger))
    })
    .by(|a, b| by_wasted(&a.sums, &b.sums)),
    Of::right("in vain", 8, 8, |row, _| {
        (duration(row.sums.wasted_ns), Style::new())
    })
    .by(|a, b| Reverse(a.sums.wasted_ns).cmp(&Reverse(b.sums.wasted_ns))),
    Of::right("time", 8, 2, |row, _| {
        (duration(row.sums.time_ns), Style::new())
    })
    .by(|a, b| Reverse(a.sums.time_ns).cmp(&Reverse(b.sums.time_ns))),
    Of::right("per page", 8, 9, |row, _| per_page(&row.sums))
        .by(|a, b| by_per_page(&a.sums, &b.sums)),
    Of::bars("pages/s, last 20 s", 20, 4, |row, context| {
        recent(&row.recent, context)
    }),
    Of::left("cgroup", 24, 11, |row, _| {
        let cgroup = row.cgroup.as_deref().unwrap_or(NONE);
        (printable(cgroup), Style::new())
    })
    .by(|a, b| a.cgroup.cmp(&b.cgroup)),
];

/// Most first.
pub(super) fn by_arrived(a: &Sums, b: &Sums, direction: Direction) -> std::cmp::Ordering {
    b.arrived(Some(direction)).cmp(&a.arrived(Some(direction)))
}

/// Most first.
pub(super) fn by_wasted(a: &Sums, b: &Sums) -> std::cmp::Ordering {
    ledger::wasted(&b.ledger).cmp(&ledger::wasted(&a.ledger))
}

/// Dearest first; those of which nothing arrived last.
pub(super) fn by_per_page(a: &Sums, b: &Sums) -> std::cmp::Ordering {
    let dear = |sums: &Sums| sums.ns_per_page().unwrap_or(-1.0);
    dear(b).total_cmp(&dear(a))
}

/// The time that each page took that arrived.
pub(super) fn per_page(sums: &Sums) -> (String, Style) {
    let ns = sums.ns_per_page();
    let text = ns.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64));
    (text, Style::new())
}

/// Seconds of a sparkline.
const SECONDS: usize = 20;

/// The last seconds, a column for each.
pub(super) fn recent(pages: &Sparkline, context: Context) -> (String, Style) {
    let seconds = pages.seconds(context.now_ns);
    let last = seconds[seconds.len() - SECONDS..].iter().copied();
    (sparkline(last), context.theme.bar())
}

fn rows(app: &App) -> Vec<&Process> {
    let rows = app.shown().processes().iter().collect();
    sorted(&COLUMNS, rows, app.view.list(Tab::Processes))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let rows = rows(app);
    let others = app
        .shown()
        .processes()
        .others()
        .map_or_else(String::new, |others| {
            let number = counted(others.sums.migrations, "migration", "migrations");
            format!(" · {number} of others that gave way to these")
        });
    let number = counted(rows.len() as u64, "process", "processes");
    let unit = app.view.unit.name();
    let list = app.view.list(Tab::Processes);
    let by = table::sorted_by(&COLUMNS, list, area.width);
    let about = format!("{number} · amounts in {unit}{by}{others}");
    let area = canvas.title(area, "Processes", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    if app.tab() == Tab::Processes {
        return draw_list(&COLUMNS, &rows, list, canvas, area);
    }
    // On the overview there is nothing to choose.
    let context = canvas.context();
    table::draw(&COLUMNS, rows.into_iter(), context, area, canvas.buffer);
}

/// Everything of the chosen process.
pub(super) fn open(app: &App) -> Option<Opened> {
    let rows = rows(app);
    let row = *rows.get(app.view.list(Tab::Processes).chosen)?;
    let mut filter = Filter::default();
    match row.pid {
        Some(pid) => filter.pid.push(pid),
        // Whose memory nobody knows: nearly all of it is evicted.
        None => filter.cause.push(Cause::Eviction),
    }
    Some(Opened::Filter(filter.into()))
}
