//! What keys do, and what the footer and the help say about them: one table.

use super::action::Action;
use super::tab::Tab;

/// What can be asked for with a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    /// In the configuration file.
    pub(super) name: &'static str,
    pub(super) action: Action,
    /// Unless the user chose others.
    pub(super) keys: &'static [&'static str],
    /// For the footer. Neighbours with the same word share it; what has none is only in the help.
    pub(super) short: &'static str,
    /// For the help.
    pub(super) long: &'static str,
    pub(super) when: When,
}

/// Where something can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// Where rows can be chosen, or what is seen may be longer than the screen.
    Moves,
    /// Where a row can be opened.
    Opens,
    /// Where a table can be sorted.
    Sorts,
    /// Where there are several of them.
    Tables,
    /// Where there is something to move across.
    Columns,
    /// Where amounts of memory are shown.
    Amounts,
    /// In the list of migrations.
    Migrations,
    /// Where a migration is open.
    Migration,
    /// Where a recording can be read again.
    Replay,
    /// Where there is a filter, or something is open.
    Open,
}

/// What there is to ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) tab: Tab,
    /// Is a migration open?
    pub(super) is_open: bool,
    /// Can the recording be read again?
    pub(super) replays: bool,
    pub(super) is_filtered: bool,
}

impl When {
    /// Can it be asked for now?
    pub(super) fn holds(self, now: Situation) -> bool {
        let Situation {
            tab,
            is_open: detail,
            ..
        } = now;
        let tables = if detail { &[][..] } else { tab.tables() };
        match self {
            Self::Always => true,
            Self::Moves => tab != Tab::Overview,
            Self::Opens => {
                !detail && matches!(tab, Tab::Processes | Tab::Drivers | Tab::Migrations)
            }
            Self::Sorts | Self::Columns => !tables.is_empty(),
            Self::Tables => tables.len() > 1,
            Self::Amounts => {
                !matches!(tab, Tab::Steps | Tab::Findings | Tab::Batching | Tab::Waits)
            }
            Self::Migrations => tab == Tab::Migrations && !detail,
            Self::Migration => detail,
            Self::Replay => now.replays,
            Self::Open => detail || now.is_filtered,
        }
    }
}

const fn bind(
    name: &'static str,
    keys: &'static [&'static str],
    action: Action,
    (short, long): (&'static str, &'static str),
    when: When,
) -> Binding {
    Binding {
        name,
        action,
        keys,
        short,
        long,
        when,
    }
}

/// All of them, most important first.
pub(super) const BINDINGS: &[Binding] = &with_tabs();

/// The tabs come last.
const fn with_tabs() -> [Binding; OTHERS.len() + Tab::ALL.len()] {
    let mut all = [OTHERS[0]; OTHERS.len() + Tab::ALL.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] = if place < OTHERS.len() {
            OTHERS[place]
        } else {
            of_tab(Tab::ALL[place - OTHERS.len()])
        };
        place += 1;
    }
    all
}

const fn of_tab(tab: Tab) -> Binding {
    let words = ("", tab.name());
    bind(
        tab.word(),
        tab.keys(),
        Action::Show(tab),
        words,
        When::Always,
    )
}

/// A line each, so that it can be read as a table.
#[rustfmt::skip]
const OTHERS: &[Binding] = &[
    bind("quit", &["q", "Q"], Action::Quit, ("quit", "leave (also Ctrl-C, Ctrl-\\)"), When::Always),
    bind("help", &["?", "f1"], Action::Help, ("help", "open or close this help"), When::Always),
    bind("next-tab", &["tab"], Action::Beside(1), ("tab", "the next tab"), When::Always),
    bind("previous-tab", &["backtab"], Action::Beside(-1), ("", "the tab before"), When::Always),
    bind("close", &["esc"], Action::Close, ("back", "close what is open, else remove the filter"), When::Open),
    bind("filter", &["/"], Action::Filter, ("filter", "show only some migrations: pid=7 slower-than=1ms, or a command; Tab completes"), When::Always),
    bind("up", &["up", "k"], Action::Move(-1), ("move", "one row or line up"), When::Moves),
    bind("down", &["down", "j"], Action::Move(1), ("move", "one row or line down"), When::Moves),
    bind("open", &["enter"], Action::Open, ("open", "show only this process or driver; open this migration"), When::Opens),
    bind("next", &["n"], Action::Next(1), ("next", "the next migration of the list that this one was opened from (also →)"), When::Migration),
    bind("previous", &["N"], Action::Next(-1), ("next", "the migration before it (also ←)"), When::Migration),
    bind("left", &["left", "h"], Action::Across(-1), ("column", "sort by the column to the left; in Steps, move the cursor there"), When::Columns),
    bind("right", &["right", "l"], Action::Across(1), ("column", "sort by the column to the right; in Steps, move the cursor there"), When::Columns),
    bind("sort", &["s"], Action::SortNext, ("sort", "sort by the next column"), When::Sorts),
    bind("reverse", &["S"], Action::Reverse, ("sort", "sort the other way round"), When::Sorts),
    bind("table", &["t"], Action::Table, ("", "sort the next table of this tab"), When::Tables),
    bind("order", &["o"], Action::Order, ("newest/slowest", "list the newest migrations or the slowest"), When::Migrations),
    bind("pause", &["p", "space"], Action::Pause, ("pause", "hold the picture, or go on; what comes is counted all the same. A finished recording is played"), When::Always),
    bind("slower", &["<", "-"], Action::Speed(-1), ("speed", "replay at half the speed"), When::Replay),
    bind("faster", &[">", "+"], Action::Speed(1), ("speed", "replay at twice the speed"), When::Replay),
    bind("back", &["["], Action::Jump(-10), ("jump", "ten seconds back in the recording"), When::Replay),
    bind("forward", &["]"], Action::Jump(10), ("jump", "ten seconds forward in the recording"), When::Replay),
    bind("step", &["."], Action::Step, ("step", "replay up to the next migration"), When::Replay),
    bind("begin", &["{"], Action::Seek(0), ("", "to the begin of the recording"), When::Replay),
    bind("finish", &["}"], Action::Seek(1000), ("", "to the end of the recording"), When::Replay),
    bind("units", &["u"], Action::Units, ("units", "amounts in pages, in bytes, in GiB"), When::Amounts),
    bind("window", &["w"], Action::Window, ("window", "show the whole run, or only its last 5 min, minute, 20 s"), When::Always),
    bind("export", &["e"], Action::Export, ("export", "write the migrations that are shown to a file, in any format"), When::Always),
    bind("reset", &["r"], Action::Reset, ("reset", "count from here on; losses stay"), When::Always),
    bind("suspend", &["ctrl-z"], Action::Suspend, ("", "stop for now; the shell's fg comes back"), When::Always),
    bind("page-up", &["pageup", "ctrl-b", "ctrl-u"], Action::Page(-1), ("", "ten rows or lines up"), When::Moves),
    bind("page-down", &["pagedown", "ctrl-f", "ctrl-d"], Action::Page(1), ("", "ten rows or lines down"), When::Moves),
    bind("first", &["home", "g"], Action::Move(isize::MIN), ("", "the first row or line"), When::Moves),
    bind("last", &["end", "G"], Action::Move(isize::MAX), ("", "the last row or line"), When::Moves),
];
