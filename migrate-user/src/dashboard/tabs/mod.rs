//! The tabs, one file each. Each draws itself into the place that it is given, of any size.

mod batching;
mod drivers;
mod findings;
mod memory;
mod migration;
mod migrations;
mod overview;
mod pages;
mod processes;
mod steps;
mod waits;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::sorting::{Sort, Table};
use super::state::{Chosen, Lists, Look, View};
use super::tab::Tab;
use crate::model::Model;

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
        Tab::Waits => waits::draw(canvas, area),
        Tab::Memory => memory::draw(canvas, area),
    }
}

/// The lists that can be chosen from and sorted.
pub(super) struct Tabs;

impl Lists for Tabs {
    fn rows(&self, view: &View, model: &Model) -> usize {
        match view.tab {
            Tab::Overview | Tab::Batching | Tab::Pages | Tab::Findings | Tab::Waits => 0,
            Tab::Steps => steps::ROWS,
            Tab::Processes => model.processes().len(),
            Tab::Drivers => model.drivers().sorted().len(),
            Tab::Memory => model.mappings().len(),
            Tab::Migrations if view.slowest => model.slowest().len(),
            Tab::Migrations => model.recent().len(),
        }
    }

    fn open(&self, look: &Look<'_>) -> Option<Chosen> {
        match look.view.tab {
            Tab::Processes => processes::open(look),
            Tab::Drivers => drivers::open(look),
            Tab::Memory => memory::open(look),
            Tab::Migrations => migrations::open(look),
            _ => None,
        }
    }

    fn first_sort(&self, table: Table) -> Sort {
        let head = match table {
            Table::Steps => steps::COLUMNS
                .iter()
                .position(|column| column.head == "step"),
            Table::Kinds => steps::KINDS
                .iter()
                .position(|column| column.head == "count"),
            Table::Sizes => batching::SIZES
                .iter()
                .position(|column| column.head == "pages/call"),
            Table::Bounces => pages::BOUNCES
                .iter()
                .position(|column| column.head == "came back ≥"),
            Table::Soonest => pages::BOUNCES
                .iter()
                .position(|column| column.head == "soonest"),
            Table::Processes => processes::COLUMNS
                .iter()
                .position(|column| column.head == "time"),
            Table::Drivers => drivers::COLUMNS
                .iter()
                .position(|column| column.head == "time"),
            Table::Waiters => waits::WAITERS
                .iter()
                .position(|column| column.head == "time"),
            Table::Worst => waits::WORST.iter().position(|column| column.head == "time"),
            // By group and step, by driver and process, the newest or the slowest, by kind and
            // result, by process: the rows know.
            Table::Costs | Table::Parts | Table::Migrations | Table::Waits | Table::Mappings => {
                None
            }
        };
        Sort {
            by: head,
            reversed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::super::tests::pictures::picture_of;
    use super::*;
    use crate::dashboard::{Settings, start};
    use migscope_testkit::{Synthetic, facts};

    #[test]
    fn a_table_is_sorted_by_what_can_be_seen() {
        let mut app = start("live", facts(), Settings::default(), false);
        app.batch(Synthetic::new(1).batch(50));
        app.act(Action::Show(Tab::Processes));
        let mut by = |width, places: isize| {
            picture_of(&mut app, (width, 24));
            app.act(Action::Across(places));
            let sort = app.view.sort(Table::Processes);
            processes::COLUMNS[sort.by.unwrap()].head
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

    /// Every column of every table, by keys alone.
    #[test]
    fn every_table_is_sorted_by_each_of_its_columns() {
        let mut facts = facts();
        facts.details = crate::trace::Details::ALL;
        let mut app = start("live", facts, Settings::default(), false);
        let mut synthetic = Synthetic::new(3).with_details().with_waits();
        (0..20).for_each(|_| app.batch(synthetic.batch(100)));
        for tab in Tab::ALL {
            app.act(Action::Show(tab));
            for table in tab.tables() {
                picture_of(&mut app, (400, 100));
                assert_eq!(app.view.table(), Some(*table));
                let columns = |table: Table| match table {
                    Table::Steps => steps::COLUMNS.len(),
                    Table::Kinds => steps::KINDS.len(),
                    Table::Sizes => batching::SIZES.len() - 1,
                    Table::Costs => batching::COSTS.len(),
                    Table::Bounces | Table::Soonest => pages::BOUNCES.len(),
                    Table::Parts => pages::PARTS.len(),
                    Table::Processes => processes::COLUMNS.len(),
                    Table::Drivers => drivers::COLUMNS.len(),
                    Table::Migrations => migrations::COLUMNS.len(),
                    Table::Waits => waits::KINDS.len(),
                    Table::Waiters => waits::WAITERS.len(),
                    Table::Worst => waits::WORST.len(),
                    Table::Mappings => memory::COLUMNS.len(),
                };
                let mut seen = std::collections::BTreeSet::new();
                for _ in 0..columns(*table) {
                    app.act(Action::SortNext);
                    let sort = app.view.sort(*table);
                    seen.insert(sort.by);
                    let down = picture_of(&mut app, (400, 100));
                    assert!(down.contains('▼'), "{down}");
                    app.act(Action::Reverse);
                    assert!(picture_of(&mut app, (400, 100)).contains('▲'));
                    app.act(Action::Reverse);
                }
                // The bars say the same as the column beside them.
                let bars = usize::from(matches!(table, Table::Steps));
                assert_eq!(seen.len(), columns(*table) - bars, "{table:?}");
                app.act(Action::Table);
            }
        }
    }
}
