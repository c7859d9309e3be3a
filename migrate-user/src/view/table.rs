//! Tables of which head and cells cannot disagree, and which leave out columns that do not fit.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::Theme;
use crate::model::Model;

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
    /// When the counts began, nanoseconds: times are told from there.
    pub(super) began_ns: u64,
}

impl Context {
    pub(super) fn new(model: &Model, theme: Theme) -> Self {
        Self {
            theme,
            began_ns: model.began_ns().unwrap_or(0),
        }
    }
}

/// One column of a table with rows of type `R`.
pub(super) struct Column<R> {
    pub(super) head: &'static str,
    pub(super) width: u16,
    pub(super) side: Side,
    /// Columns with a low number are kept longest when there is little room.
    pub(super) rank: u8,
    pub(super) cell: fn(&R, Context) -> (String, Style),
}

/// The columns that fit, in their order, and where each begins.
fn fitting<R>(columns: &[Column<R>], width: u16) -> Vec<(&Column<R>, u16)> {
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
        (&columns[at], begin)
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
    for (column, x) in &columns {
        put(
            column,
            column.head,
            context.theme.quiet(),
            (area, *x, area.y),
            buffer,
        );
    }
    for (row, y) in rows.zip(area.y + 1..area.bottom()) {
        for (column, x) in &columns {
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
        let column = |head, rank| Column::<u8> {
            head,
            width: 5,
            side: Side::Left,
            rank,
            cell: |row, _| (row.to_string(), Style::new()),
        };
        let columns = [column("a", 1), column("b", 3), column("c", 2)];
        let heads = |width| {
            fitting(&columns, width)
                .iter()
                .map(|(c, x)| (c.head, *x))
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
