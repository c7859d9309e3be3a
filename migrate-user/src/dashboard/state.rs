//! What is shown, and how: everything that keys change.

use super::action::{Action, PAGE};
use super::drawn::Drawn;
use super::sorting::{Sort, Table};
use super::tab::Tab;
use super::theme::Theme;
use crate::figures::units::Unit;
use crate::model::Model;
use crate::trace::{Filter, Migration};

/// How a model is looked at.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) tab: Tab,
    pub(super) unit: Unit,
    lists: [List; Tab::ALL.len()],
    sorts: [Sort; Table::ALL.len()],
    /// The cursor of the histogram, columns from where it would be by itself.
    pub(super) cursor: isize,
    /// Are the slowest migrations listed, instead of the newest?
    pub(super) slowest: bool,
    /// A migration that is looked at by itself.
    pub(super) opened: Option<Opened>,
    /// Is the help open, and how many lines of it are above the screen?
    pub(super) help: Option<usize>,
    /// Lines of what scrolls for which there was no room in the last picture.
    hidden: usize,
    /// The tables of the last picture, and the columns that they can be sorted by.
    tables: Vec<(Table, Vec<usize>)>,
}

/// Where a tab is.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    /// The row that is chosen.
    chosen: usize,
    /// Lines above the screen.
    above: usize,
    /// Which of the tab's tables keys sort.
    table: usize,
}

/// A migration, and those of the list that it was opened from, in the order of that moment.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    list: Vec<Migration>,
    at: usize,
    /// Lines above the screen.
    pub(super) above: usize,
}

impl Opened {
    /// One of a list; `None` if there is none at this place.
    pub(super) fn new(list: &[&Migration], at: usize) -> Option<Self> {
        (at < list.len()).then(|| Self {
            list: list.iter().map(|migration| (*migration).clone()).collect(),
            at,
            above: 0,
        })
    }

    pub(super) fn migration(&self) -> &Migration {
        &self.list[self.at]
    }

    /// Its place in the list, from 1 on, and how many there are.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.at + 1, self.list.len())
    }

    /// Goes on in the list, as far as there is one. So many places it went.
    fn go(&mut self, places: isize) -> isize {
        let before = self.at;
        let to = before.saturating_add_signed(places);
        self.at = to.min(self.list.len() - 1);
        self.above = 0;
        self.at as isize - before as isize
    }
}

/// What the state has to know of the tabs' lists, whatever they look like.
pub(super) trait Lists {
    /// How many rows of the tab can be chosen. Where it is none, the tab scrolls as a whole.
    fn rows(&self, view: &View, model: &Model) -> usize;

    /// What is opened when the chosen row is.
    fn open(&self, look: &Look<'_>) -> Option<Chosen>;

    /// How a table is sorted before the user says otherwise.
    fn first_sort(&self, table: Table) -> Sort;
}

/// A model, and how it is looked at.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) view: &'a View,
    pub(super) model: &'a Model,
    pub(super) theme: Theme,
    /// When the run began, nanoseconds: times are told from there.
    pub(super) began_ns: u64,
}

/// What was chosen.
pub(super) enum Chosen {
    Migration(Opened),
    /// What lets one row through.
    Row(Box<Filter>),
}

impl View {
    pub(super) fn new(tab: Tab, lists: &dyn Lists) -> Self {
        Self {
            tab,
            unit: Unit::default(),
            lists: Default::default(),
            sorts: Table::ALL.map(|table| lists.first_sort(table)),
            cursor: 0,
            slowest: false,
            opened: None,
            help: None,
            hidden: 0,
            tables: Vec::new(),
        }
    }

    /// The row that is chosen on the tab.
    pub(super) fn chosen(&self) -> usize {
        self.lists[self.tab as usize].chosen
    }

    /// How many lines of the tab are above the screen.
    pub(super) fn above(&self) -> usize {
        self.lists[self.tab as usize].above
    }

    /// How a table is sorted.
    pub(super) fn sort(&self, table: Table) -> Sort {
        self.sorts[table as usize]
    }

    /// The table that keys sort, of those of the tab.
    pub(super) fn table(&self) -> Option<Table> {
        let tables = self.tab.tables();
        tables.get(self.lists[self.tab as usize].table).copied()
    }

    fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.tab as usize]
    }

    /// Does what an action asks for, as far as it is only about what is shown.
    pub(super) fn act(&mut self, action: Action, model: &Model, lists: &dyn Lists) {
        match action {
            Action::Help => self.help = if self.help.is_some() { None } else { Some(0) },
            Action::Show(tab) => self.show(tab),
            Action::Beside(places) => self.show(self.tab.beside(places)),
            Action::Move(lines) => self.step(lines, model, lists),
            Action::Page(pages) if self.tab == Tab::Steps => self.scroll(pages * PAGE),
            Action::Page(pages) => self.step(pages * PAGE, model, lists),
            Action::Choose(row) => self.list_mut().chosen = row,
            Action::Next(places) => self.go(places),
            Action::Across(places) => self.across(places),
            Action::Sort(table, column) => self.sort_by(table, column),
            Action::SortNext => self.sort_next(),
            Action::Reverse => {
                let table = self.table();
                self.sort_mut(table)
                    .into_iter()
                    .for_each(|sort| sort.reversed = !sort.reversed);
            }
            Action::Table => self.next_table(),
            Action::Units => self.unit = self.unit.next(),
            Action::Order if self.tab == Tab::Migrations => self.order(),
            _ => {}
        }
        self.bound(model, lists);
    }

    fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.opened = None;
        self.help = None;
    }

    /// Moves the choice, or what is seen where there is no choice.
    fn step(&mut self, lines: isize, model: &Model, lists: &dyn Lists) {
        let is_covered = self.help.is_some() || self.opened.is_some();
        if is_covered || lists.rows(self, model) == 0 {
            return self.scroll(lines);
        }
        let list = self.list_mut();
        list.chosen = list.chosen.saturating_add_signed(lines);
        list.above = 0;
    }

    fn scroll(&mut self, lines: isize) {
        let hidden = self.hidden;
        let above = self.above_mut();
        *above = above.saturating_add_signed(lines).min(hidden);
    }

    /// Lines above the screen, of what is uppermost.
    fn above_mut(&mut self) -> &mut usize {
        match (&mut self.help, &mut self.opened) {
            (Some(above), _) => above,
            (None, Some(opened)) => &mut opened.above,
            (None, None) => &mut self.lists[self.tab as usize].above,
        }
    }

    fn across(&mut self, places: isize) {
        if self.opened.is_some() {
            return self.go(places);
        }
        if self.tab == Tab::Steps {
            self.cursor = self.cursor.saturating_add(places);
        } else if let Some(table) = self.table() {
            let columns = self.columns(table);
            self.sorts[table as usize].beside(&columns, places);
        } else {
            self.show(self.tab.beside(places));
        }
    }

    /// The migration before or behind the one that is open.
    fn go(&mut self, places: isize) {
        let went = self.opened.as_mut().map_or(0, |opened| opened.go(places));
        let list = self.list_mut();
        list.chosen = list.chosen.saturating_add_signed(went);
    }

    /// The columns that a table can be sorted by, as far as they can be seen.
    fn columns(&self, table: Table) -> Vec<usize> {
        let drawn = self.tables.iter().find(|(drawn, _)| *drawn == table);
        drawn.map_or_else(Vec::new, |(_, columns)| columns.clone())
    }

    fn sort_mut(&mut self, table: Option<Table>) -> Option<&mut Sort> {
        Some(&mut self.sorts[table? as usize]).filter(|sort| sort.by.is_some())
    }

    fn sort_by(&mut self, table: Table, column: usize) {
        self.sorts[table as usize].choose(column);
        let place = self.tab.tables().iter().position(|of| *of == table);
        self.list_mut().table = place.unwrap_or(0);
    }

    /// By the next column, and after the last one by the first.
    fn sort_next(&mut self) {
        let Some(table) = self.table() else {
            return;
        };
        let columns = self.columns(table);
        let sort = &mut self.sorts[table as usize];
        if sort.by.is_some() && sort.by == columns.last().copied() {
            sort.by = columns.first().copied();
        } else {
            sort.beside(&columns, 1);
        }
    }

    /// Goes to the next table that can be seen.
    fn next_table(&mut self) {
        let tables = self.tab.tables();
        let seen = |at: &usize| self.tables.iter().any(|(seen, _)| *seen == tables[*at]);
        let here = self.lists[self.tab as usize].table;
        let next = (here + 1..tables.len()).chain(0..here).find(seen);
        self.list_mut().table = next.unwrap_or(here);
    }

    fn order(&mut self) {
        self.slowest = !self.slowest;
        self.sorts[Table::Migrations as usize] = Sort::default();
        self.list_mut().chosen = 0;
    }

    /// Keeps what is chosen among what there is.
    pub(super) fn bound(&mut self, model: &Model, lists: &dyn Lists) {
        let rows = lists.rows(self, model);
        let list = self.list_mut();
        list.chosen = list.chosen.min(rows.saturating_sub(1));
    }

    /// Notes what the picture has told.
    pub(super) fn drawn(&mut self, drawn: &Drawn) {
        self.hidden = drawn.hidden;
        self.tables.clone_from(&drawn.tables);
        let hidden = self.hidden;
        let above = self.above_mut();
        *above = (*above).min(hidden);
    }

    /// So many migrations came: who looks at older ones goes on looking at the same.
    pub(super) fn came(&mut self, migrations: usize) {
        let is_newest_first = !self.slowest && self.sort(Table::Migrations).by.is_none();
        let list = &mut self.lists[Tab::Migrations as usize];
        if list.chosen > 0 && is_newest_first {
            list.chosen += migrations;
        }
    }

    /// Begins at the top of every list.
    pub(super) fn restart(&mut self) {
        for list in &mut self.lists {
            list.chosen = 0;
            list.above = 0;
        }
    }
}
