//! What only the picture knows, for the next key and the next click.

use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::sorting::Table;

/// A place on the screen that does something when it is clicked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) area: Rect,
    pub(super) action: Action,
}

/// What only the picture knows: what can be clicked on it, and what keys can move.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    pub(super) spots: Vec<Spot>,
    /// Lines of what scrolls for which there is no room.
    pub(super) hidden: usize,
    /// The tables that can be sorted, and the columns by which, as far as they can be seen.
    pub(super) tables: Vec<(Table, Vec<usize>)>,
}

impl Drawn {
    /// What a click asks for: of what lies over each other, the uppermost.
    pub(super) fn clicked(&self, column: u16, line: u16) -> Option<Action> {
        let at = Position::new(column, line);
        let spot = self.spots.iter().rev().find(|spot| spot.area.contains(at));
        spot.map(|spot| spot.action)
    }
}
