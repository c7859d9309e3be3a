//! Which memory migrates, and where it is.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top};
use super::super::cell::{self, Context};
use super::super::sorting::{Key, Table};
use super::super::state::{Chosen, Look};
use super::super::table::{self, Column, draw_list, sorted};
use super::super::widgets::heat::shade;
use crate::figures::NONE;
use crate::figures::mappings::{NOT_TOLD, name, range};
use crate::model::{MappingUse, Model, Resident};
use crate::text::{NOBODY, counted, printable};
use crate::trace::Filter;

/// A mapping, and what of it is on devices.
pub(super) struct Row {
    of: MappingUse,
    resident: Option<Resident>,
}

type Of = Column<Row>;

pub(super) const COLUMNS: [Of; 11] = [
    Of::left("mapping", 26, 0, |row, _| (name(&row.of), Style::new()))
        .by(|row, _| Key::name(row.of.name.as_deref())),
    Of::left("process", 16, 4, |row, _| {
        let comm = row.of.comm.as_deref().unwrap_or(NOBODY);
        (printable(comm), Style::new())
    })
    .by(|row, _| Key::name(row.of.comm.as_deref())),
    Of::right("pid", 8, 5, |row, _| {
        (cell::number(row.of.pid), Style::new())
    })
    .by(|row, _| Key::least(row.of.pid.map(u64::from))),
    Of::right("requested", 11, 6, |row, context| {
        context.amount(row.of.sums.ledger.requested)
    })
    .by(|row, _| Key::most(row.of.sums.ledger.requested)),
    Of::right("arrived", 11, 2, |row, context| {
        context.amount(row.of.arrived)
    })
    .by(|row, _| Key::most(row.of.arrived)),
    Of::right("left", 11, 2, |row, context| context.amount(row.of.left))
        .by(|row, _| Key::most(row.of.left)),
    Of::right("on devices ≥", 12, 1, |row, context| {
        resident(row.resident.map(|pages| pages.least), context)
    })
    .by(|row, _| Key::most(row.resident.map(|pages| pages.least))),
    Of::right("≤", 11, 7, |row, context| {
        resident(row.resident.map(|pages| pages.most), context)
    })
    .by(|row, _| Key::most(row.resident.map(|pages| pages.most))),
    Of::right("came back ≥", 11, 1, |row, context| {
        context.amount(row.of.bounced)
    })
    .by(|row, _| Key::most(row.of.bounced)),
    Of::right("refused", 11, 3, |row, context| {
        context.amount(row.of.refused())
    })
    .by(|row, _| Key::most(row.of.refused())),
    Of::left("addresses", 32, 8, |row, _| (range(&row.of), Style::new()))
        .by(|row, _| Key::least(row.of.start)),
];

fn resident(pages: Option<u64>, context: Context) -> (String, Style) {
    match pages {
        Some(pages) => context.amount(pages),
        None => (NONE.to_owned(), context.theme.quiet()),
    }
}

/// Those of each process together.
fn all(model: &Model) -> Vec<Row> {
    let row = |of: &MappingUse| Row {
        of: of.clone(),
        resident: model.resident(of),
    };
    model.mappings().sorted().into_iter().map(row).collect()
}

fn in_order<'r>(rows: &'r [Row], look: &Look<'_>) -> Vec<&'r Row> {
    let sort = look.view.sort(Table::Mappings);
    sorted(&COLUMNS, rows.iter().collect(), sort, Context::of(look))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let model = canvas.model;
    if !model.facts().details.mappings {
        let area = canvas.title(area, "Memory", "unknown");
        return canvas.put_texts(area, &[NOT_TOLD]);
    }
    let all = all(model);
    let rows = in_order(&all, &app.look());
    let sort = app.view.sort(Table::Mappings);
    let by = table::sorted_by(&COLUMNS, sort, area.width);
    let number = counted(rows.len() as u64, "mapping", "mappings");
    let of_recorded = canvas.of_recorded();
    let unit = app.view.unit.name();
    let unknown = canvas.amount(model.mappings().unknown().ledger.requested);
    let about =
        format!("{number}{of_recorded} · amounts in {unit}{by} · in none that is known: {unknown}");
    let area = canvas.title(area, "Memory", &about);
    if rows.is_empty() {
        return canvas.nothing(area);
    }
    let chosen = rows.get(app.view.chosen()).map(|row| &row.of);
    let strip = if area.height >= ROOM { STRIP } else { 0 };
    let list = top(area, area.height - strip);
    draw_list(&COLUMNS, &rows, Table::Mappings, canvas, list);
    if let Some(of) = chosen.filter(|_| strip > 0) {
        draw_strip(canvas, of, below(area, area.height - strip));
    }
}

/// Lines of the strip, with one that is empty and its title.
const STRIP: u16 = 3;

/// With fewer lines there are rows alone.
const ROOM: u16 = 10;

/// Where along its addresses pages of the chosen mapping arrived.
fn draw_strip(canvas: &mut Canvas<'_>, of: &MappingUse, area: Rect) {
    let about = format!(
        "{} · {} · pages that arrived, either way",
        name(of),
        range(of)
    );
    let area = canvas.title(below(area, 1), "Where", &about);
    let columns = of.strip.columns(of.start, of.end, area.width.into());
    let most = columns.iter().copied().max().unwrap_or(0);
    let text: String = columns
        .into_iter()
        .map(|count| shade(count, most))
        .collect();
    canvas.put(area, &text, canvas.theme.bar());
}

/// Everything in the chosen mapping, and in those of its process that are called so. What has no
/// name cannot be asked for.
pub(super) fn open(look: &Look<'_>) -> Option<Chosen> {
    let all = all(look.model);
    let of = &in_order(&all, look).get(look.view.chosen())?.of;
    let filter = Filter {
        pid: of.pid.into_iter().collect(),
        mapping: vec![of.name.as_deref()?.parse().ok()?],
        ..Filter::default()
    };
    Some(Chosen::Row(filter.into()))
}
