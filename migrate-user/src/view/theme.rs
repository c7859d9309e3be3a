//! Colours and signs. Colour never says anything that a sign or a word does not say too.

use ratatui::style::{Color, Modifier, Style};

use crate::model::ledger::Row;
use crate::model::{Direction, Outcome};

/// How things look: with colours or, where `NO_COLOR` is set, without.
///
/// Only the sixteen colours that every terminal lets its user choose.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    colour: bool,
}

impl Theme {
    /// With or without colours.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// As the user's environment asks for: <https://no-color.org>.
    pub fn from_environment() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!no_color)
    }

    fn colour(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// The program's name and the titles of sections.
    pub(super) fn title(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Heads of columns, and what explains.
    pub(super) fn quiet(self) -> Style {
        if self.colour {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// All is well.
    pub(super) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// Something needs attention.
    pub(super) fn alarm(self) -> Style {
        self.colour(Color::LightRed).add_modifier(Modifier::BOLD)
    }

    /// What is said besides the figures.
    pub(super) fn notice(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::REVERSED)
    }

    /// A key in the footer.
    pub(super) fn key(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A direction.
    pub(super) fn direction(self, direction: Direction) -> Style {
        self.colour(match direction {
            Direction::ToDevice => Color::Blue,
            Direction::ToSystem => Color::Magenta,
            Direction::Unknown => Color::Gray,
        })
    }

    /// An outcome.
    pub(super) fn outcome(self, outcome: Outcome) -> Style {
        match outcome {
            Outcome::Completed => Style::new(),
            Outcome::RolledBack | Outcome::Abandoned => self.colour(Color::Yellow),
            Outcome::Rejected => self.colour(Color::LightRed),
        }
    }

    /// A row of the ledger.
    pub(super) fn row(self, row: Row) -> Style {
        self.colour(match row {
            Row::Moved => Color::Green,
            Row::Populated => Color::Cyan,
            Row::Skipped => Color::Yellow,
            Row::Declined => Color::Blue,
            Row::WastedCopy => Color::LightRed,
            Row::WastedFill => Color::Magenta,
            Row::RolledBack => Color::LightYellow,
            Row::Rejected => Color::Red,
        })
    }
}

/// The sign of a row of the ledger, in the bar and in its legend.
pub(super) fn sign(row: Row) -> char {
    match row {
        Row::Moved => '█',
        Row::Populated => '▓',
        Row::Skipped => '░',
        Row::Declined => '▒',
        Row::WastedCopy => '×',
        Row::WastedFill => '+',
        Row::RolledBack => '<',
        Row::Rejected => '!',
    }
}
