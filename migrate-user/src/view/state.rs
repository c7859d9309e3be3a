//! What is shown, and how: everything that keys change.

use super::keys::Action;
use super::tab::Tab;
use super::table::List;
use super::tabs;
use super::units::Unit;
use crate::model::{Migration, Model};

/// How a model is looked at.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) tab: Tab,
    pub(super) unit: Unit,
    /// How wide the screen is, columns.
    pub(super) width: u16,
    lists: [List; Tab::ALL.len()],
    /// The cursor of the histogram, columns from where it would be by itself.
    pub(super) cursor: isize,
    /// Are the slowest migrations listed, instead of the newest?
    pub(super) slowest: bool,
    /// A migration that is looked at by itself.
    pub(super) opened: Option<Box<Migration>>,
    /// Is the help open, and how many lines of it are above the screen?
    pub(super) help: Option<usize>,
}

impl View {
    pub(super) fn new(tab: Tab) -> Self {
        let lists = Tab::ALL.map(|tab| List {
            sort: tabs::first_sort(tab),
            ..List::default()
        });
        Self {
            tab,
            unit: Unit::default(),
            width: u16::MAX,
            lists,
            cursor: 0,
            slowest: false,
            opened: None,
            help: None,
        }
    }

    /// What is chosen on a tab.
    pub(super) fn list(&self, tab: Tab) -> List {
        self.lists[tab as usize]
    }

    fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.tab as usize]
    }

    /// Does what an action asks for, as far as it is only about what is shown.
    pub(super) fn act(&mut self, action: Action, model: &Model) {
        match action {
            Action::Help => self.help = if self.help.is_some() { None } else { Some(0) },
            Action::Show(tab) => self.show(tab),
            Action::Beside(places) => self.show(self.tab.beside(places)),
            Action::Move(lines) => self.step(lines),
            Action::Choose(row) => self.list_mut().chosen = row,
            Action::Across(places) => self.across(places),
            Action::Sort(column) => self.sort(column),
            Action::Reverse => {
                let list = self.list_mut();
                list.reversed = !list.reversed;
            }
            Action::Units => self.unit = self.unit.next(),
            Action::Order if self.tab == Tab::Migrations => {
                self.slowest = !self.slowest;
                self.list_mut().chosen = 0;
            }
            _ => {}
        }
        self.bound(model);
    }

    fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.opened = None;
        self.help = None;
    }

    fn step(&mut self, lines: isize) {
        if let Some(above) = &mut self.help {
            *above = above.saturating_add_signed(lines).min(tabs::HELP_LINES);
        } else if self.opened.is_none() {
            let list = self.list_mut();
            list.chosen = list.chosen.saturating_add_signed(lines);
        }
    }

    fn across(&mut self, places: isize) {
        match tabs::sortable(self.tab, self.width) {
            _ if self.tab == Tab::Steps => self.cursor = self.cursor.saturating_add(places),
            columns if columns.is_empty() => self.show(self.tab.beside(places)),
            columns => {
                let list = self.list_mut();
                let before = columns.iter().filter(|column| **column < list.sort).count();
                // From a column that is not there, the next one is already one to the right.
                let there = isize::from(columns.contains(&list.sort) || places < 0);
                let next = before.saturating_add_signed(places + there - 1);
                list.sort = columns[next.min(columns.len() - 1)];
            }
        }
    }

    fn sort(&mut self, column: usize) {
        let list = self.list_mut();
        list.reversed = list.sort == column && !list.reversed;
        list.sort = column;
    }

    /// Keeps what is chosen among what there is.
    pub(super) fn bound(&mut self, model: &Model) {
        let rows = tabs::rows(self, model);
        let list = self.list_mut();
        list.chosen = list.chosen.min(rows.saturating_sub(1));
    }

    /// So many migrations came: who looks at older ones goes on looking at the same.
    pub(super) fn came(&mut self, migrations: usize) {
        let list = &mut self.lists[Tab::Migrations as usize];
        if list.chosen > 0 && !self.slowest {
            list.chosen += migrations;
        }
    }

    /// Begins at the top of every list.
    pub(super) fn restart(&mut self) {
        for list in &mut self.lists {
            list.chosen = 0;
        }
    }
}
