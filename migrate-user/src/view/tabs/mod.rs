//! The tabs, one file each. Each draws itself into the place that it is given, of any size.

mod batching;
mod drivers;
mod findings;
mod migration;
mod migrations;
mod overview;
mod pages;
mod processes;
mod steps;

use ratatui::layout::Rect;

use super::app::App;
use super::canvas::Canvas;
use super::state::View;
use super::tab::Tab;
use super::{screen, table};
use crate::model::{Migration, Model};
use crate::trace::Filter;

/// More lines than the help has.
pub(super) const HELP_LINES: usize = 100;

/// What was opened.
pub(super) enum Opened {
    Migration(Box<Migration>),
    /// What lets one row through.
    Filter(Box<Filter>),
}

/// Draws the tab that is shown.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    match canvas.app.tab() {
        Tab::Overview => overview::draw(canvas, area),
        Tab::Steps => steps::draw(canvas, area),
        Tab::Batching => batching::draw(canvas, area),
        Tab::Pages => pages::draw(canvas, area),
        Tab::Processes => processes::draw(canvas, area),
        Tab::Drivers => drivers::draw(canvas, area),
        Tab::Migrations => migrations::draw(canvas, area),
        Tab::Findings => findings::draw(canvas, area),
    }
}

/// How many rows of a tab can be chosen.
pub(super) fn rows(view: &View, model: &Model) -> usize {
    match view.tab {
        Tab::Overview | Tab::Pages => 0,
        Tab::Steps => steps::ROWS,
        Tab::Batching => model.batching().sizes(None).count(),
        Tab::Processes => model.processes().len(),
        Tab::Drivers => model.drivers().sorted().len(),
        Tab::Migrations if view.slowest => model.slowest().len(),
        Tab::Migrations => model.recent().len(),
        Tab::Findings => findings::MOST,
    }
}

/// What is opened when the chosen row is.
pub(super) fn open(app: &App) -> Option<Opened> {
    match app.tab() {
        Tab::Processes => processes::open(app),
        Tab::Drivers => drivers::open(app),
        Tab::Migrations => migrations::open(app),
        _ => None,
    }
}

/// The columns that a tab's table can be sorted by, from left to right, on a screen so many columns wide.
pub(super) fn sortable(tab: Tab, screen: u16) -> Vec<usize> {
    let width = screen::inner(Rect::new(0, 0, screen, 1)).width;
    match tab {
        Tab::Processes => table::sortable(&processes::COLUMNS, width),
        Tab::Drivers => table::sortable(&drivers::COLUMNS, width),
        _ => Vec::new(),
    }
}

/// The column that a tab's table is sorted by before the user says otherwise.
pub(super) fn first_sort(tab: Tab) -> usize {
    let time = |heads: &[&str]| heads.iter().position(|head| *head == "time").unwrap_or(0);
    match tab {
        Tab::Processes => time(&processes::COLUMNS.each_ref().map(|column| column.head)),
        Tab::Drivers => time(&drivers::COLUMNS.each_ref().map(|column| column.head)),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::*;
    use crate::config::Config;
    use crate::support::facts;

    #[test]
    fn a_table_is_sorted_by_what_can_be_seen() {
        let mut app = App::new("live", facts(), Config::default(), false);
        app.act(Action::Show(Tab::Processes));
        let mut by = |width, places: isize| {
            app.resize(width);
            app.act(Action::Across(places));
            let sort = app.view.list(Tab::Processes).sort;
            processes::COLUMNS[sort].head
        };
        // There is no room for what was wasted.
        assert_eq!(by(80, -1), "to_system");
        assert_eq!(by(80, 1), "time");
        assert_eq!(by(200, -1), "in vain");
        // What it is sorted by has gone.
        assert_eq!(by(80, 1), "time");
        assert_eq!((by(200, -1), by(80, -1)), ("in vain", "to_system"));
        assert_eq!(by(20, 9), "process");
    }
}
