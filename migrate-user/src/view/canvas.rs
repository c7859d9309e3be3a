//! What a tab draws on, and what can be clicked there.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::app::App;
use super::keys::Action;
use super::table::{Context, shorten};
use super::theme::Theme;
use crate::model::Model;

/// A place on the screen that does something when it is clicked.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    area: Rect,
    action: Action,
}

/// What a click asks for: of what lies over each other, the uppermost.
pub(super) fn clicked(spots: &[Spot], column: u16, line: u16) -> Option<Action> {
    let at = Position::new(column, line);
    let spot = spots.iter().rev().find(|spot| spot.area.contains(at));
    spot.map(|spot| spot.action)
}

/// A frame while it is drawn.
pub(super) struct Canvas<'a> {
    pub(super) app: &'a App,
    pub(super) model: &'a Model,
    pub(super) theme: Theme,
    pub(super) buffer: &'a mut Buffer,
    pub(super) spots: &'a mut Vec<Spot>,
}

impl Canvas<'_> {
    /// Makes a place clickable.
    pub(super) fn spot(&mut self, area: Rect, action: Action) {
        self.spots.push(Spot { area, action });
    }

    /// Puts a text at the begin of an area, as far as it fits. The column after it.
    pub(super) fn put(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        if area.is_empty() {
            return area.x;
        }
        let room = usize::from(area.width);
        self.buffer.set_stringn(area.x, area.y, text, room, style).0
    }

    /// Puts a text at the end of an area's first line, as far as it fits.
    pub(super) fn put_right(&mut self, area: Rect, text: &str, style: Style) {
        let width = ratatui::text::Line::raw(text).width() as u16;
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
        let mut context = Context::new(self.model, self.theme).in_unit(self.app.view.unit);
        context.began_ns = self.app.began_ns();
        context
    }

    /// So many pages in the unit that was chosen.
    pub(super) fn amount(&self, pages: u64) -> String {
        self.app
            .view
            .unit
            .amount(pages, self.model.facts().page_size)
    }

    /// Says why there is nothing to see, and what to do about it.
    pub(super) fn nothing(&mut self, area: Rect) {
        let lines = nothing(self.app, self.model);
        for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
            self.put(Rect { y, ..area }, line, self.theme.quiet());
        }
    }
}

/// Why there is nothing to see.
fn nothing(app: &App, model: &Model) -> Vec<&'static str> {
    if app.of_ns().is_some() && app.filter_words().is_some() {
        vec!["Lately, no migration matched the filter. w shows more time, Esc removes the filter."]
    } else if app.of_ns().is_some() && model.totals().migrations() == 0 {
        vec!["No migration lately. w shows more time."]
    } else if app.filter_words().is_some() {
        vec!["No migration matches the filter. Esc removes it, / changes it."]
    } else if app.is_replaying() {
        vec![
            "Nothing had been recorded by this moment. Space plays on, . is one migration further.",
        ]
    } else if model.losses().is_none() {
        vec!["Waiting for the tracer's first word."]
    } else if model.facts().record_every == 0 && model.totals().migrations() > 0 {
        vec![
            "Records are off (--totals-only): this is known from records alone.",
            "Overview, Steps and the ledger under Pages are the kernel's own totals.",
        ]
    } else {
        vec![
            "No migration yet. Is a driver loaded that migrates to device memory,",
            "and a program running that uses it? `migscope doctor` tells which drivers are there.",
        ]
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
