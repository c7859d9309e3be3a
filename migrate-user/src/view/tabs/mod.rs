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
use super::table::Column;
use crate::model::{Migration, Model};

/// More lines than the help has.
pub(super) const HELP_LINES: usize = 100;

/// What was opened.
pub(super) enum Opened {
    Migration(Box<Migration>),
    /// The words of a filter for one row.
    Filter(String),
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

/// The columns that a tab's table can be sorted by, from left to right.
pub(super) fn sortable(tab: Tab) -> Vec<usize> {
    match tab {
        Tab::Processes => ordered(&processes::COLUMNS),
        Tab::Drivers => ordered(&drivers::COLUMNS),
        _ => Vec::new(),
    }
}

fn ordered<R>(columns: &[Column<R>]) -> Vec<usize> {
    let places = columns.iter().enumerate();
    let ordered = places.filter(|(_, column)| column.order.is_some());
    ordered.map(|(at, _)| at).collect()
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
