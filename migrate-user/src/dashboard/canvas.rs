//! What a tab draws on, and what can be clicked there.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Scrollbar, ScrollbarOrientation, ScrollbarState, StatefulWidget};

use super::action::Action;
use super::app::App;
use super::cell::{Context, shorten};
use super::drawn::{Drawn, Spot};
use super::nothing;
use super::sorting::Table;
use super::theme::Theme;
use crate::figures;
use crate::model::Model;
use crate::text::wrapped;

/// Lines that a part of a tab takes, and what draws it there.
pub(super) type Section<'s> = (usize, &'s dyn Fn(&mut Canvas<'_>, Rect));

/// A frame while it is drawn.
pub(super) struct Canvas<'a> {
    pub(super) app: &'a App,
    pub(super) model: &'a Model,
    pub(super) theme: Theme,
    pub(super) buffer: &'a mut Buffer,
    pub(super) drawn: &'a mut Drawn,
}

impl Canvas<'_> {
    /// Makes a place clickable.
    pub(super) fn spot(&mut self, area: Rect, action: Action) {
        self.drawn.spots.push(Spot { area, action });
    }

    /// Notes that a table can be sorted by these columns.
    pub(super) fn sortable(&mut self, table: Table, columns: Vec<usize>) {
        self.drawn.tables.push((table, columns));
    }

    /// How the head looks that a table is sorted by.
    pub(super) fn head_style(&self, table: Table) -> Style {
        if self.app.view.table() == Some(table) {
            self.theme.key()
        } else {
            self.theme.quiet()
        }
    }

    /// The part of an area in which something can be as long as it likes: without the column of the
    /// scroll bar, unless there is one beside it.
    pub(super) fn page(&self, area: Rect) -> Rect {
        let inside = u16::from(area.right() >= self.buffer.area.right());
        Rect {
            width: area.width.saturating_sub(inside),
            ..area
        }
    }

    /// Draws parts of a tab on its [`Canvas::page`], each below the one before with a line between
    /// them, without what is scrolled away.
    pub(super) fn sections(&mut self, page: Rect, sections: &[Section<'_>]) {
        let lines: usize = sections.iter().map(|(lines, _)| lines + 1).sum();
        let above = self.app.view.above();
        self.scrolled(page, lines - 1, above, |canvas, mut area| {
            for (lines, draw) in sections {
                let lines = u16::try_from(*lines).unwrap_or(u16::MAX);
                draw(canvas, top(area, lines));
                area = below(area, lines.saturating_add(1));
            }
        });
    }

    /// Draws what takes `lines` lines of a [`Canvas::page`], without those `above` that are
    /// scrolled away.
    pub(super) fn scrolled(
        &mut self,
        page: Rect,
        lines: usize,
        above: usize,
        draw: impl FnOnce(&mut Canvas<'_>, Rect),
    ) {
        let height = usize::from(page.height);
        let hidden = lines.saturating_sub(height);
        self.drawn.hidden = hidden;
        if hidden == 0 || page.is_empty() {
            return draw(self, page);
        }
        let most = usize::from(u16::MAX) - height;
        let above = above.min(hidden).min(most);
        // What is below the screen need not be drawn.
        let whole = Rect {
            y: 0,
            height: (above + height) as u16,
            ..page
        };
        let mut buffer = Buffer::empty(whole);
        let spots = std::mem::take(&mut self.drawn.spots);
        draw(
            &mut Canvas {
                buffer: &mut buffer,
                drawn: &mut *self.drawn,
                ..*self
            },
            whole,
        );
        let drawn = std::mem::replace(&mut self.drawn.spots, spots);
        let above = above as u16;
        for place in page.positions() {
            let from = Position::new(place.x, place.y - page.y + above);
            if let (Some(to), Some(from)) = (self.buffer.cell_mut(place), buffer.cell(from)) {
                *to = from.clone();
            }
        }
        let seen = Rect { y: above, ..page };
        for spot in drawn {
            let area = spot.area.intersection(seen);
            let y = area.y.saturating_sub(above) + page.y;
            if !area.is_empty() {
                self.spot(Rect { y, ..area }, spot.action);
            }
        }
        self.scroll_bar(page, hidden, usize::from(above));
    }

    fn scroll_bar(&mut self, page: Rect, hidden: usize, above: usize) {
        let column = Rect {
            x: page.right(),
            width: 1,
            ..page
        };
        let mut state = ScrollbarState::new(hidden + 1)
            .position(above)
            .viewport_content_length(usize::from(page.height));
        Scrollbar::new(ScrollbarOrientation::VerticalRight)
            .begin_symbol(None)
            .end_symbol(None)
            .track_symbol(Some("│"))
            .track_style(self.theme.quiet())
            .thumb_style(self.theme.quiet())
            .render(
                column.intersection(self.buffer.area),
                self.buffer,
                &mut state,
            );
    }

    /// Puts a text at the begin of an area, as far as it fits. The column after it.
    pub(super) fn put(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        if area.is_empty() {
            return area.x;
        }
        let room = usize::from(area.width);
        self.buffer.set_stringn(area.x, area.y, text, room, style).0
    }

    /// Puts lines below each other, as far as they fit.
    pub(super) fn put_lines(&mut self, area: Rect, lines: &[Line<'_>]) {
        for (line, y) in lines.iter().zip(area.y..area.bottom()) {
            self.buffer.set_line(area.x, y, line, area.width);
        }
    }

    /// Puts remarks below each other, each on as many lines as it takes, as far as they fit.
    pub(super) fn put_texts(&mut self, area: Rect, texts: &[impl AsRef<str>]) {
        let lines = texts
            .iter()
            .flat_map(|text| wrapped(text.as_ref(), area.width.into()));
        let lines: Vec<_> = lines
            .map(|line| Line::styled(line, self.theme.quiet()))
            .collect();
        self.put_lines(area, &lines);
    }

    /// Puts a text at the end of an area's first line, as far as it fits.
    pub(super) fn put_right(&mut self, area: Rect, text: &str, style: Style) {
        let width = Line::raw(text).width() as u16;
        let x = area.right().saturating_sub(width).max(area.x);
        self.put(with_x(area, x), text, style);
    }

    /// Draws a title with what it is about. What is below it.
    pub(super) fn title(&mut self, area: Rect, title: &str, about: &str) -> Rect {
        let x = self.put(area, title, self.theme.title());
        let rest = with_x(area, x + 2);
        let about = shorten(about, usize::from(rest.width));
        self.put(rest, &about, self.theme.quiet());
        below(area, 1)
    }

    /// What cells of tables know.
    pub(super) fn context(&self) -> Context {
        Context::of(&self.app.look())
    }

    /// So many pages in the unit that was chosen.
    pub(super) fn amount(&self, pages: u64) -> String {
        self.app
            .view
            .unit
            .amount(pages, self.model.facts().page_size)
    }

    /// What is said of figures from records, where those are not all.
    pub(super) fn of_recorded(&self) -> String {
        if figures::lack_records(self.model) {
            " · of the recorded".to_owned()
        } else {
            String::new()
        }
    }

    /// Says why there is nothing to see, and what to do about it.
    pub(super) fn nothing(&mut self, area: Rect) {
        let lines = nothing::lines(self.app, self.model);
        for (line, y) in lines.iter().zip(area.y..area.bottom()) {
            self.put(Rect { y, ..area }, line, self.theme.quiet());
        }
    }
}

/// The part of an area from a column on.
pub(super) fn with_x(area: Rect, x: u16) -> Rect {
    let x = x.clamp(area.x, area.right());
    Rect {
        x,
        width: area.right() - x,
        ..area
    }
}

/// The part of an area below its first lines.
pub(super) fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

/// The first lines of an area.
pub(super) fn top(area: Rect, lines: u16) -> Rect {
    Rect {
        height: lines.min(area.height),
        ..area
    }
}

/// The first columns of an area.
pub(super) fn left(area: Rect, width: u16) -> Rect {
    Rect {
        width: width.min(area.width),
        ..area
    }
}
