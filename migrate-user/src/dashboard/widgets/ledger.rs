//! Where the pages went: one bar, and what its parts mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, top, with_x};
use super::super::theme::{Theme, sign};
use crate::figures;
use crate::model::Model;
use crate::text::{count, counted, percent};
use crate::trace::ledger::Row;

/// The width of one entry of the legend.
const ENTRY: u16 = 38;

/// One entry of the legend.
struct Entry {
    row: Row,
    sign: char,
    name: &'static str,
    pages: u64,
    /// Of all pages requested, 0 to 1.
    share: f64,
}

/// What the legend lists: every row that has pages, and after the skipped ones why they were.
fn listed(model: &Model) -> Vec<Entry> {
    let requested = model.totals().ledger(None).requested.max(1) as f64;
    let reasons = figures::reasons(model)
        .into_iter()
        .map(|(name, pages)| Entry {
            row: Row::Skipped,
            sign: '└',
            name,
            pages,
            share: pages as f64 / requested,
        });
    let mut listed: Vec<Entry> = figures::ledger(model)
        .into_iter()
        .filter(|figure| figure.pages > 0)
        .map(|figure| Entry {
            row: figure.row,
            sign: sign(figure.row),
            name: figure.row.name(),
            pages: figure.pages,
            share: figure.share,
        })
        .collect();
    if let Some(at) = listed.iter().position(|entry| entry.row == Row::Skipped) {
        listed.splice(at + 1..at + 1, reasons);
    }
    listed
}

fn per_line(width: u16) -> u16 {
    (width / ENTRY).max(1)
}

/// How many lines the legend takes at this width. Never fewer than there are for a usual ledger, so
/// that the screen does not jump when the first page is skipped.
pub(in crate::dashboard) fn legend_lines(model: &Model, width: u16) -> u16 {
    (listed(model).len() as u16)
        .max(4)
        .div_ceil(per_line(width))
}

/// Draws what the bar is about.
pub(in crate::dashboard) fn head(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let (x, _) = buffer.set_stringn(area.x, area.y, "Pages", width, theme.title());
    let requested = model.totals().ledger(None).requested;
    let calls = counted(model.totals().migrations(), "migration", "migrations");
    let text = match figures::are_unknown(model) {
        true => "  unknown: records are off".to_owned(),
        false => format!("  {} requested by {calls}", count(requested)),
    };
    buffer.set_stringn(
        x,
        area.y,
        text,
        usize::from(area.right() - x),
        theme.quiet(),
    );
}

/// Draws the bar.
pub(in crate::dashboard) fn bar(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let figures = figures::ledger(model);
    let pages = figures.each_ref().map(|figure| figure.pages);
    if pages.iter().all(|pages| *pages == 0) {
        let empty = "·".repeat(usize::from(area.width));
        buffer.set_string(area.x, area.y, empty, theme.quiet());
        return;
    }
    let mut x = area.x;
    for (figure, cells) in figures.iter().zip(divide(area.width, &pages)) {
        let part = sign(figure.row).to_string().repeat(usize::from(cells));
        buffer.set_string(x, area.y, part, theme.row(figure.row));
        x += cells;
    }
}

/// Divides `width` cells in proportion. What is not 0 gets a cell, however small it is, as long as
/// there are enough: waste must not hide in rounding.
fn divide<const N: usize>(width: u16, parts: &[u64; N]) -> [u16; N] {
    let total: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let mut cells = [0u16; N];
    let nonzero = parts.iter().filter(|part| **part > 0).count() as u16;
    let reserved = if nonzero <= width { 1 } else { 0 };
    let free = width - reserved * nonzero;
    let mut rest: Vec<(u128, usize)> = Vec::new();
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| **part > 0) {
        let exact = u128::from(*part) * u128::from(free);
        cells[at] = reserved + (exact / total) as u16;
        rest.push((exact % total, at));
    }
    rest.sort_unstable_by(|a, b| b.cmp(a));
    let missing = width - cells.iter().sum::<u16>();
    for (_, at) in rest.into_iter().take(usize::from(missing)) {
        cells[at] += 1;
    }
    cells
}

/// Draws sign, name, share and pages of each part.
pub(in crate::dashboard) fn legend(canvas: &mut Canvas<'_>, area: Rect) {
    if canvas.model.totals().migrations() == 0 {
        return canvas.nothing(area);
    }
    let per_line = per_line(area.width);
    for (at, listed) in listed(canvas.model).into_iter().enumerate() {
        let (line, column) = (at as u16 / per_line, at as u16 % per_line);
        if line < area.height {
            let place = top(below(with_x(area, area.x + column * ENTRY), line), 1);
            entry(&listed, canvas.theme, place, canvas.buffer);
        }
    }
}

fn entry(entry: &Entry, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    buffer.set_stringn(
        area.x,
        area.y,
        entry.sign.to_string(),
        width,
        theme.row(entry.row),
    );
    let text = format!(
        " {:<13} {:>6}  {:<13}",
        entry.name,
        percent(entry.share),
        count(entry.pages)
    );
    buffer.set_stringn(
        area.x + 1,
        area.y,
        text,
        width.saturating_sub(1),
        Style::new(),
    );
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn every_part_shows_and_the_bar_is_full() {
        assert_eq!(divide(10, &[1_000_000, 1, 0]), [9, 1, 0]);
        assert_eq!(divide(10, &[1, 1, 1]), [3, 3, 4]);
        assert_eq!(divide(2, &[5, 5, 90]), [0, 0, 2]);
        assert_eq!(divide(0, &[1, 2]), [0, 0]);
        for width in 0..200 {
            let cells = divide(width, &[u64::MAX, u64::MAX, 3, 0, 77]);
            assert_eq!(cells.iter().sum::<u16>(), width);
        }
    }
}
