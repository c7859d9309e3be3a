//! The last migrations, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::figures::NONE;
use super::super::table::{self, Column, Context, Side};
use super::super::theme::Theme;
use crate::model::{Migration, Model, Step, ledger};
use crate::text::{count, duration, printable};

type Cell = (String, Style);
type Get = fn(&Migration, Context) -> Cell;

const fn left(head: &'static str, width: u16, rank: u8, cell: Get) -> Column<Migration> {
    Column {
        head,
        width,
        side: Side::Left,
        rank,
        cell,
    }
}

const fn right(head: &'static str, width: u16, rank: u8, cell: Get) -> Column<Migration> {
    Column {
        head,
        width,
        side: Side::Right,
        rank,
        cell,
    }
}

/// In the order on screen. Ranks say which are left out first when it is narrow.
const COLUMNS: [Column<Migration>; 19] = [
    right("Recent", 12, 3, |m, context| {
        (since(m.time_ns, context.began_ns), context.theme.quiet())
    }),
    left("process", 15, 4, |m, _| (printable(&m.comm), Style::new())),
    right("pid", 8, 7, |m, _| (m.pid.to_string(), Style::new())),
    left("direction", 9, 0, |m, context| {
        (
            m.direction.name().to_owned(),
            context.theme.direction(m.direction),
        )
    }),
    left("trigger", 8, 6, |m, _| {
        (m.trigger.name().to_owned(), Style::new())
    }),
    left("outcome", 11, 5, |m, context| {
        (
            m.outcome.name().to_owned(),
            context.theme.outcome(m.outcome),
        )
    }),
    right("requested", 9, 8, |m, context| {
        pages(m.ledger.requested, context)
    }),
    right("arrived", 8, 1, |m, context| {
        pages(ledger::arrived(&m.ledger), context)
    }),
    right("skipped", 8, 9, |m, context| {
        pages(m.ledger.skipped, context)
    }),
    right("declined", 8, 10, |m, context| {
        pages(m.ledger.declined, context)
    }),
    right("wasted", 8, 9, |m, context| pages(wasted(m), context)),
    right("undone", 8, 11, |m, context| pages(undone(m), context)),
    right("total", 8, 2, |m, _| (duration(m.total_ns()), Style::new())),
    right("setup", 8, 12, |m, _| step(m, Step::Setup)),
    right("copy", 8, 12, |m, _| step(m, Step::AllocAndCopy)),
    right("pages", 8, 12, |m, _| step(m, Step::Pages)),
    right("map", 8, 12, |m, _| step(m, Step::FinalizeAndMap)),
    right("finalize", 8, 12, |m, _| step(m, Step::Finalize)),
    left("driver", 16, 13, |m, _| {
        (printable(m.driver.as_deref().unwrap_or(NONE)), Style::new())
    }),
];

/// Nothing is a dot, so that what is there stands out.
fn pages(pages: u64, context: Context) -> Cell {
    if pages == 0 {
        ("·".to_owned(), context.theme.quiet())
    } else {
        (count(pages), Style::new())
    }
}

fn wasted(migration: &Migration) -> u64 {
    migration
        .ledger
        .wasted_copy
        .saturating_add(migration.ledger.wasted_fill)
}

/// Rolled back, or rejected with everything else.
fn undone(migration: &Migration) -> u64 {
    migration
        .ledger
        .rolled_back
        .saturating_add(migration.ledger.rejected)
}

fn step(migration: &Migration, step: Step) -> Cell {
    (
        migration.steps[step as usize].map_or_else(|| NONE.to_owned(), duration),
        Style::new(),
    )
}

/// Seconds since the counts began, to a thousandth.
fn since(time_ns: u64, began_ns: u64) -> String {
    let ms = time_ns.saturating_sub(began_ns) / 1_000_000;
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

/// Draws the table, from `scroll` lines below the newest.
pub(in crate::view) fn draw(
    model: &Model,
    scroll: usize,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.is_empty() {
        return;
    }
    let context = Context::new(model, theme);
    let rows = model.recent().iter().skip(scroll);
    table::draw(&COLUMNS, rows, context, area, buffer);
    let title = if scroll == 0 {
        "Recent".to_owned()
    } else {
        format!("Recent −{}", count(scroll as u64))
    };
    buffer.set_stringn(area.x, area.y, format!("{title:<12}"), 12, theme.title());
    if model.facts().record_every == 0 && area.height > 1 {
        let text = "Records are off: only the sums above are known.";
        let room = usize::from(area.width);
        buffer.set_stringn(area.x, area.y + 1, text, room, theme.quiet());
    }
}
