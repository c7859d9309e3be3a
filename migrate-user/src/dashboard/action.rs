//! What can be asked for.

use super::sorting::Table;
use super::tab::Tab;

/// What a key or the mouse asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave.
    Quit,
    /// Stop until the shell lets it go on.
    Suspend,
    /// Close what is open, else remove the filter.
    Close,
    /// Open or close the help.
    Help,
    /// Show this tab.
    Show(Tab),
    /// Show the tab so many places to the right.
    Beside(isize),
    /// Move the choice, rows; what is seen, lines, where there is no choice.
    Move(isize),
    /// The same by pages; what is seen also where there is a choice, and more than the screen has
    /// room for.
    Page(isize),
    /// Choose this row.
    Choose(usize),
    /// Move across: the column that a table is sorted by, the cursor of a histogram, the migration
    /// that is open, else the tab.
    Across(isize),
    /// The migration so many places behind the one that is open, in the list that it was opened
    /// from.
    Next(isize),
    /// Sort a table by this column, or the other way round.
    Sort(Table, usize),
    /// Sort by the next column.
    SortNext,
    /// Sort the next one of several tables.
    Table,
    /// Sort the other way round.
    Reverse,
    /// Open what is chosen.
    Open,
    /// Ask which migrations to show.
    Filter,
    /// Ask what to export, and where to.
    Export,
    /// Hold the picture or the replay, or let it go on.
    Pause,
    /// Count from here on.
    Reset,
    /// Show amounts in the next unit.
    Units,
    /// Show the whole run, or less and less of what happened lately.
    Window,
    /// The newest migrations, or the slowest.
    Order,
    /// Replay this much faster, powers of two.
    Speed(i32),
    /// Replay the next migration.
    Step,
    /// Jump in the replay, seconds.
    Jump(i64),
    /// Jump to this part of the replay, thousandths of it.
    Seek(u16),
}

/// Rows of a page.
pub(super) const PAGE: isize = 10;
