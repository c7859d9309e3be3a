//! Who migrates.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::Canvas;
use super::super::cell::{self, Context};
use super::super::sorting::{Key, Table};
use super::super::state::{Chosen, Look};
use super::super::table;
use super::super::table::sorted;
use super::super::table::{Column, draw_list};
use super::super::widgets::bar::sparkline;
use super::Tab;
use crate::figures::NONE;
use crate::model::{Process, Sparkline, Sums};
use crate::text::{NOBODY, count, counted, duration, printable};
use crate::trace::{Cause, Direction, Filter, ledger};

type Of = Column<Process>;

/// Columns, with room for a sparkline.
pub(super) const COLUMNS: [Of; 13] = [
    Of::left("process", 16, 0, |row, _| {
        (
            printable(row.comm.as_deref().unwrap_or(NOBODY)),
            Style::new(),
        )
    })
    .by(|row, _| Key::name(row.comm.as_deref())),
    Of::right("pid", 8, 1, |row, _| (cell::number(row.pid), Style::new()))
        .by(|row, _| Key::least(row.pid.map(u64::from))),
    Of::right("calls", 11, 4, |row, _| {
        (count(row.sums.migrations), Style::new())
    })
    .by(|row, _| Key::most(row.sums.migrations)),
    Of::right("to_device", 11, 3, |row, context| {
        context.arrived(&row.sums, Direction::ToDevice)
    })
    .by(|row, _| Key::most(row.sums.arrived(Some(Direction::ToDevice)))),
    Of::right("to_system", 11, 3, |row, context| {
        context.arrived(&row.sums, Direction::ToSystem)
    })
    .by(|row, _| Key::most(row.sums.arrived(Some(Direction::ToSystem)))),
    Of::right("skipped", 11, 6, |row, context| {
        context.amount(row.sums.ledger.skipped)
    })
    .by(|row, _| Key::most(row.sums.ledger.skipped)),
    Of::right("declined", 11, 7, |row, context| {
        context.amount(row.sums.ledger.declined)
    })
    .by(|row, _| Key::most(row.sums.ledger.declined)),
    Of::right("wasted", 11, 5, |row, context| {
        context.amount(ledger::wasted(&row.sums.ledger))
    })
    .by(|row, _| Key::most(ledger::wasted(&row.sums.ledger))),
    Of::right("in vain", 8, 8, |row, _| {
        (duration(row.sums.wasted_ns), Style::new())
    })
    .by(|row, _| Key::most(row.sums.wasted_ns)),
    Of::right("time", 8, 2, |row, _| {
        (duration(row.sums.time_ns), Style::new())
    })
    .by(|row, _| Key::most(row.sums.time_ns)),
    Of::right("per page", 8, 9, |row, _| per_page(&row.sums))
        .by(|row, _| Key::most_of(row.sums.ns_per_page())),
    Of::bars("pages/s, last 20 s", 20, 4, |row, context| {
        recent(&row.recent, context)
    })
    .by(|row, context| Key::most(pages(&row.recent, context))),
    Of::left("cgroup", 24, 11, |row, _| {
        let cgroup = row.cgroup.as_deref().unwrap_or(NONE);
        (printable(cgroup), Style::new())
    })
    .by(|row, _| Key::name(row.cgroup.as_deref())),
];

/// The time that each page took that arrived.
pub(super) fn per_page(sums: &Sums) -> (String, Style) {
    let ns = sums.ns_per_page();
    let text = ns.map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64));
    (text, Style::new())
}

/// Seconds of a sparkline.
const SECONDS: usize = 20;

/// The pages of the last seconds, one after the other.
fn seconds(pages: &Sparkline, now_ns: u64) -> [u64; SECONDS] {
    let all = pages.seconds(now_ns);
    std::array::from_fn(|at| all[all.len() - SECONDS + at])
}

/// The last seconds, a column for each.
pub(super) fn recent(pages: &Sparkline, context: Context) -> (String, Style) {
    let last = seconds(pages, context.now_ns);
    (sparkline(last.into_iter()), context.theme.bar())
}

/// The pages of the last seconds together.
pub(super) fn pages(pages: &Sparkline, context: Context) -> u64 {
    let last = seconds(pages, context.now_ns);
    last.into_iter().fold(0, u64::saturating_add)
}

fn rows<'a>(look: &Look<'a>) -> Vec<&'a Process> {
    let rows = look.model.processes().iter().collect();
    let sort = look.view.sort(Table::Processes);
    sorted(&COLUMNS, rows, sort, Context::of(look))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let rows = rows(&app.look());
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
    let sort = app.view.sort(Table::Processes);
    let by = table::sorted_by(&COLUMNS, sort, area.width);
    let of_recorded = canvas.of_recorded();
    let about = format!("{number}{of_recorded} · amounts in {unit}{by}{others}");
    let area = canvas.title(area, "Processes", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    if app.tab() == Tab::Processes {
        return draw_list(&COLUMNS, &rows, Table::Processes, canvas, area);
    }
    // On the overview there is nothing to choose.
    let context = canvas.context();
    table::draw(&COLUMNS, rows.into_iter(), context, area, canvas.buffer);
}

/// Everything of the chosen process.
pub(super) fn open(look: &Look<'_>) -> Option<Chosen> {
    let rows = rows(look);
    let row = *rows.get(look.view.chosen())?;
    let mut filter = Filter::default();
    match row.pid {
        Some(pid) => filter.pid.push(pid),
        // Whose memory nobody knows: nearly all of it is evicted.
        None => filter.cause.push(Cause::Eviction),
    }
    Some(Chosen::Row(filter.into()))
}
