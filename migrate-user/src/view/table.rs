//! Tables of which head and cells cannot disagree, and which leave out columns that do not fit.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::Canvas;
use super::figures::NONE;
use super::keys::Action;
use super::theme::Theme;
use super::units::Unit;
use crate::model::{Direction, Hidden, Model, Sums};

/// On which side of its column a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// What cells know besides their row.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) theme: Theme,
    /// When the run began, nanoseconds: times are told from there.
    pub(super) began_ns: u64,
    /// The time that has been reached, nanoseconds.
    pub(super) now_ns: u64,
    /// In which amounts of memory are shown.
    unit: Unit,
    page_size: u64,
    hidden: Hidden,
}

impl Context {
    pub(super) fn new(model: &Model, theme: Theme) -> Self {
        Self {
            theme,
            began_ns: model.began_ns().unwrap_or(0),
            now_ns: model.now_ns().unwrap_or(0),
            unit: Unit::Pages,
            page_size: model.facts().page_size,
            hidden: model.hidden(),
        }
    }

    pub(super) fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The pages that arrived in a direction; unknown where a filter leaves that out.
    pub(super) fn arrived(self, sums: &Sums, direction: Direction) -> (String, Style) {
        if self.hidden.direction(direction) {
            return (NONE.to_owned(), self.theme.quiet());
        }
        self.amount(sums.arrived(Some(direction)))
    }

    /// A number of pages in the unit of the table. Nothing is a dot, so that what is there stands out.
    pub(super) fn amount(self, pages: u64) -> (String, Style) {
        if pages == 0 {
            ("·".to_owned(), self.theme.quiet())
        } else {
            (self.unit.amount(pages, self.page_size), Style::new())
        }
    }
}

/// What is chosen in a table, and how it is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// The row.
    pub(super) chosen: usize,
    /// The place of the column.
    pub(super) sort: usize,
    pub(super) reversed: bool,
}

/// What a row says in a column.
pub(super) type Cell<R> = fn(&R, Context) -> (String, Style);

/// Which of two rows comes first.
pub(super) type Order<R> = fn(&R, &R) -> Ordering;

/// A number that may be unknown, in a cell.
pub(super) fn number(number: Option<u32>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
}

/// One column of a table with rows of type `R`.
pub(super) struct Column<R> {
    pub(super) head: &'static str,
    pub(super) width: u16,
    pub(super) side: Side,
    /// Columns with a low number are kept longest when there is little room.
    pub(super) rank: u8,
    pub(super) cell: Cell<R>,
    /// What people look for comes first; `None` where it makes no sense to sort.
    pub(super) order: Option<Order<R>>,
    /// Are the cells bars? Those look the same in a row that is chosen: the other way round, they would be gaps.
    bar: bool,
}

impl<R> Column<R> {
    /// A column with words.
    pub(super) const fn left(head: &'static str, width: u16, rank: u8, cell: Cell<R>) -> Self {
        Self {
            head,
            width,
            side: Side::Left,
            rank,
            cell,
            order: None,
            bar: false,
        }
    }

    /// A column with bars.
    pub(super) const fn bars(head: &'static str, width: u16, rank: u8, cell: Cell<R>) -> Self {
        Self {
            bar: true,
            ..Self::left(head, width, rank, cell)
        }
    }

    /// A column with numbers.
    pub(super) const fn right(head: &'static str, width: u16, rank: u8, cell: Cell<R>) -> Self {
        Self {
            side: Side::Right,
            ..Self::left(head, width, rank, cell)
        }
    }

    /// The same, with an order.
    pub(super) const fn by(self, order: Order<R>) -> Self {
        Self {
            order: Some(order),
            ..self
        }
    }
}

/// What a table takes when all columns are there.
pub(super) fn width<R>(columns: &[Column<R>]) -> u16 {
    let gaps = columns.len().saturating_sub(1) as u16;
    columns.iter().map(|column| column.width).sum::<u16>() + gaps
}

/// The rows as a list wants them sorted.
pub(super) fn sorted<'r, R>(columns: &[Column<R>], mut rows: Vec<&'r R>, list: List) -> Vec<&'r R> {
    if let Some(order) = columns.get(list.sort).and_then(|column| column.order) {
        rows.sort_by(|a, b| order(a, b));
    }
    if list.reversed {
        rows.reverse();
    }
    rows
}

/// Draws a table of which a row is chosen. Rows and heads can be clicked.
pub(super) fn draw_list<R>(
    columns: &[Column<R>],
    rows: &[&R],
    list: List,
    canvas: &mut Canvas<'_>,
    area: ratatui::layout::Rect,
) {
    if area.is_empty() {
        return;
    }
    let context = canvas.context();
    let room = usize::from(area.height.saturating_sub(1)).max(1);
    let first = list.chosen.saturating_sub(room - 1);
    let shown = rows.iter().skip(first).take(room).copied();
    draw(columns, shown, context, area, canvas.buffer);
    let columns = fitting(columns, area.width);
    for &(at, column, x) in &columns {
        let place = Rect {
            x: area.x + x,
            width: column.width,
            height: 1,
            ..area
        };
        if column.order.is_none() {
            continue;
        }
        canvas.spot(place, Action::Sort(at));
        if at == list.sort {
            let sign = if list.reversed { "▲" } else { "▼" };
            let head = format!("{sign}{}", column.head);
            let style = context.theme.key();
            put(column, &head, style, (area, x, area.y), canvas.buffer);
        }
    }
    for (at, y) in (first..rows.len()).zip(area.y + 1..area.bottom()) {
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        canvas.spot(row, Action::Choose(at));
        if at == list.chosen {
            choose(&columns, row, canvas);
        }
    }
}

/// Marks a row as the one that is chosen.
fn choose<R>(columns: &[(usize, &Column<R>, u16)], row: Rect, canvas: &mut Canvas<'_>) {
    let chosen = canvas.theme.chosen();
    canvas.buffer.set_style(row, chosen);
    let as_before = Style::new().remove_modifier(chosen.add_modifier);
    for (_, column, x) in columns.iter().filter(|(_, column, _)| column.bar) {
        let bar = Rect {
            x: row.x + x,
            width: column.width,
            ..row
        };
        canvas.buffer.set_style(bar.intersection(row), as_before);
    }
}

/// The places of the columns that a table can be sorted by, of those that there is room for.
pub(super) fn sortable<R>(columns: &[Column<R>], width: u16) -> Vec<usize> {
    let fitting = fitting(columns, width).into_iter();
    let ordered = fitting.filter(|(_, column, _)| column.order.is_some());
    ordered.map(|(at, ..)| at).collect()
}

/// By what a table is sorted, if there is no room for that column.
pub(super) fn sorted_by<R>(columns: &[Column<R>], list: List, width: u16) -> String {
    let sort = columns
        .get(list.sort)
        .filter(|column| column.order.is_some());
    match sort {
        Some(column) if !sortable(columns, width).contains(&list.sort) => {
            let sign = if list.reversed { "▲" } else { "▼" };
            format!(" · {sign}{}", column.head)
        }
        _ => String::new(),
    }
}

/// The columns that fit, in their order: the place of each, and where it begins.
fn fitting<R>(columns: &[Column<R>], width: u16) -> Vec<(usize, &Column<R>, u16)> {
    let mut by_rank: Vec<usize> = (0..columns.len()).collect();
    by_rank.sort_by_key(|&at| columns[at].rank);
    let mut left = width;
    let mut kept = Vec::new();
    for at in by_rank {
        let needs = columns[at].width + u16::from(!kept.is_empty());
        if needs > left && !kept.is_empty() {
            break;
        }
        left = left.saturating_sub(needs);
        kept.push(at);
    }
    kept.sort_unstable();
    let mut x = 0;
    let place = |at: usize| {
        let begin = x;
        x += columns[at].width + 1;
        (at, &columns[at], begin)
    };
    kept.into_iter().map(place).collect()
}

/// Draws a head and as many rows as there is room for.
pub(super) fn draw<'r, R: 'r>(
    columns: &[Column<R>],
    rows: impl Iterator<Item = &'r R>,
    context: Context,
    area: Rect,
    buffer: &mut Buffer,
) {
    let columns = fitting(columns, area.width);
    if area.is_empty() {
        return;
    }
    for (_, column, x) in &columns {
        put(
            column,
            column.head,
            context.theme.quiet(),
            (area, *x, area.y),
            buffer,
        );
    }
    for (row, y) in rows.zip(area.y + 1..area.bottom()) {
        for (_, column, x) in &columns {
            let (text, style) = (column.cell)(row, context);
            put(column, &text, style, (area, *x, y), buffer);
        }
    }
}

/// Puts a text on its side of its column. What is too long ends with a sign that says so.
fn put<R>(
    column: &Column<R>,
    text: &str,
    style: Style,
    (area, x, y): (Rect, u16, u16),
    buffer: &mut Buffer,
) {
    let width = column.width.min(area.width.saturating_sub(x));
    let text = shorten(text, usize::from(width));
    let used = ratatui::text::Line::raw(text.as_str()).width() as u16;
    let pad = if column.side == Side::Right {
        width.saturating_sub(used)
    } else {
        0
    };
    buffer.set_stringn(area.x + x + pad, y, &text, usize::from(width), style);
}

/// A text of at most `width` columns.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if ratatui::text::Line::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if ratatui::text::Line::raw(short.as_str()).width() >= width {
            short.pop();
            break;
        }
    }
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_matters_least() {
        let cell: Cell<u8> = |row, _| (row.to_string(), Style::new());
        let column = |head, rank| Column::left(head, 5, rank, cell);
        let columns = [column("a", 1), column("b", 3), column("c", 2)];
        let heads = |width| {
            fitting(&columns, width)
                .iter()
                .map(|(_, c, x)| (c.head, *x))
                .collect::<Vec<_>>()
        };
        assert_eq!(heads(17), [("a", 0), ("b", 6), ("c", 12)]);
        assert_eq!(heads(16), [("a", 0), ("c", 6)]);
        assert_eq!(heads(3), [("a", 0)]);
    }

    #[test]
    fn shortens() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "ab…");
        assert_eq!(shorten("日本語", 4), "日…");
        assert_eq!(shorten("a", 0), "");
    }
}
