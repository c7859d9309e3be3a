//! What stands in a cell of a table.

use ratatui::style::Style;

use super::sorting::Key;
use super::state::Look;
use super::theme::Theme;
use crate::figures::{NONE, units::Unit};
use crate::model::{Hidden, Model, Sums};
use crate::trace::Direction;

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
    /// What they know where nothing depends on how it is looked at.
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

    /// What they know now.
    pub(super) fn of(look: &Look<'_>) -> Self {
        Self {
            began_ns: look.began_ns,
            unit: look.view.unit,
            ..Self::new(look.model, look.theme)
        }
    }

    /// The pages that arrived in a direction; unknown where a filter leaves that out.
    pub(super) fn arrived(self, sums: &Sums, direction: Direction) -> (String, Style) {
        if self.hidden.direction(direction) {
            return (NONE.to_owned(), self.theme.quiet());
        }
        self.amount(sums.arrived(Some(direction)))
    }

    /// A number of pages in the unit of the table. Nothing is a dot, so that what is there stands
    /// out.
    pub(super) fn amount(self, pages: u64) -> (String, Style) {
        if pages == 0 {
            ("·".to_owned(), self.theme.quiet())
        } else {
            (self.unit.amount(pages, self.page_size), Style::new())
        }
    }
}

/// What a row says in a column.
pub(super) type Cell<R> = fn(&R, Context) -> (String, Style);

/// What a row is sorted by in a column.
pub(super) type KeyOf<R> = fn(&R, Context) -> Key;

/// A number that may be unknown, in a cell.
pub(super) fn number(number: Option<u32>) -> String {
    number.map_or_else(|| NONE.to_owned(), |number| number.to_string())
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
