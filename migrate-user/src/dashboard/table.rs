//! Tables of which head and cells cannot disagree, and which leave out columns that do not fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::action::Action;
use super::canvas::Canvas;
use super::cell::{Cell, Context, KeyOf, shorten};
use super::sorting::{Key, Sort, Table};

/// On which side of its column a text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// One column of a table with rows of type `R`.
pub(super) struct Column<R> {
    pub(super) head: &'static str,
    pub(super) width: u16,
    pub(super) side: Side,
    /// Columns with a low number are kept longest when there is little room.
    pub(super) rank: u8,
    pub(super) cell: Cell<R>,
    /// `None` where the table is not sorted by it.
    pub(super) key: Option<KeyOf<R>>,
    /// Are the cells bars? Those look the same in a row that is chosen: the other way round, they
    /// would be gaps.
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
            key: None,
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

    /// The same; the table can be sorted by it.
    pub(super) const fn by(self, key: KeyOf<R>) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }
}

/// The rows in the order that is asked for; where that makes no difference, in their own.
pub(super) fn sorted<'r, R>(
    columns: &[Column<R>],
    rows: Vec<&'r R>,
    sort: Sort,
    context: Context,
) -> Vec<&'r R> {
    let column = sort.by.and_then(|at| columns.get(at));
    let Some(key) = column.and_then(|column| column.key) else {
        return rows;
    };
    let keyed = |row: &'r R| (key(row, context), row);
    let mut keyed: Vec<(Key, &R)> = rows.into_iter().map(keyed).collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, sort.reversed));
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// What a table takes when all columns are there.
pub(super) fn width<R>(columns: &[Column<R>]) -> u16 {
    let gaps = columns.len().saturating_sub(1) as u16;
    columns.iter().map(|column| column.width).sum::<u16>() + gaps
}

/// Draws a table that can be sorted, with its rows as they come here. Heads can be clicked.
pub(super) fn draw_sorted<R>(
    columns: &[Column<R>],
    rows: &[&R],
    table: Table,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let context = canvas.context();
    draw(columns, rows.iter().copied(), context, area, canvas.buffer);
    let sort = canvas.app.view.sort(table);
    let keyed = fitting(columns, area.width).into_iter();
    let keyed: Vec<_> = keyed
        .filter(|(_, column, _)| column.key.is_some())
        .collect();
    for &(at, column, x) in &keyed {
        let place = Rect {
            x: area.x + x,
            width: column.width,
            height: 1,
            ..area
        };
        canvas.spot(place, Action::Sort(table, at));
        if sort.by == Some(at) {
            let style = canvas.head_style(table);
            put_head(column, sort, style, (area, x), canvas.buffer);
        }
    }
    canvas.sortable(table, keyed.iter().map(|(at, ..)| *at).collect());
}

/// The same, with a row that is chosen, which is kept in sight. Rows can be clicked.
pub(super) fn draw_list<R>(
    columns: &[Column<R>],
    rows: &[&R],
    table: Table,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let chosen = canvas.app.view.chosen();
    let room = usize::from(area.height.saturating_sub(1)).max(1);
    let first = chosen.saturating_sub(room - 1).min(rows.len());
    draw_sorted(columns, &rows[first..], table, canvas, area);
    let columns = fitting(columns, area.width);
    for (at, y) in (first..rows.len()).zip(area.y + 1..area.bottom()) {
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        canvas.spot(row, Action::Choose(at));
        if at == chosen {
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

/// By what a table is sorted, if there is no room for that column.
pub(super) fn sorted_by<R>(columns: &[Column<R>], sort: Sort, width: u16) -> String {
    let seen = fitting(columns, width);
    let hidden = |at: &usize| !seen.iter().any(|(seen, ..)| seen == at);
    let column = sort.by.filter(hidden).and_then(|at| columns.get(at));
    column.map_or_else(String::new, |column| {
        format!(" · {}{}", sort.sign(), column.head)
    })
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

/// Puts a text on its side of its column.
fn put<R>(
    column: &Column<R>,
    text: &str,
    style: Style,
    (area, x, y): (Rect, u16, u16),
    buffer: &mut Buffer,
) {
    let place = Rect {
        x: area.x + x,
        y,
        width: column.width,
        height: 1,
    };
    put_in(column.side, text, style, place.intersection(area), buffer);
}

/// Puts the head that a table is sorted by. With its sign, it may need the gap beside its column.
fn put_head<R>(
    column: &Column<R>,
    sort: Sort,
    style: Style,
    (area, x): (Rect, u16),
    buffer: &mut Buffer,
) {
    let head = format!("{}{}", sort.sign(), column.head);
    let more = u16::from(ratatui::text::Line::raw(&*head).width() > usize::from(column.width));
    let before = if column.side == Side::Right {
        more.min(x)
    } else {
        0
    };
    let place = Rect {
        x: area.x + x - before,
        y: area.y,
        width: column.width + more,
        height: 1,
    };
    put_in(column.side, &head, style, place.intersection(area), buffer);
}

/// Puts a text on one side of a line. What is too long ends with a sign that says so.
fn put_in(side: Side, text: &str, style: Style, place: Rect, buffer: &mut Buffer) {
    let text = shorten(text, usize::from(place.width));
    let used = ratatui::text::Line::raw(text.as_str()).width() as u16;
    let pad = if side == Side::Right {
        place.width.saturating_sub(used)
    } else {
        0
    };
    let width = usize::from(place.width);
    buffer.set_stringn(place.x + pad, place.y, &text, width, style);
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
