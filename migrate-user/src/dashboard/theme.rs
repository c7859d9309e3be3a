//! Colours and signs. Colour never says anything that a sign or a word does not say too.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::trace::{Direction, Outcome, Step, ledger::Row};

/// How things look. Only the sixteen colours that every terminal lets its user choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// For light text on a dark ground.
    #[default]
    Dark,
    /// For dark text on a light ground.
    Light,
    /// Bright colours, and nothing faint.
    HighContrast,
    /// No colours.
    Monochrome,
}

/// A colour in each theme that has any: dark, light, high contrast.
type Colours = (Color, Color, Color);

impl Theme {
    /// The theme that was asked for, unless the user's environment wants no colours:
    /// <https://no-color.org>.
    pub fn in_environment(self) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if no_color { Self::Monochrome } else { self }
    }

    fn colour(self, (dark, light, high): Colours) -> Style {
        match self {
            Self::Dark => Style::new().fg(dark),
            Self::Light => Style::new().fg(light),
            Self::HighContrast => Style::new().fg(high),
            Self::Monochrome => Style::new(),
        }
    }

    /// The program's name and the titles of sections.
    pub(super) fn title(self) -> Style {
        self.colour((Color::Cyan, Color::Blue, Color::LightCyan))
            .add_modifier(Modifier::BOLD)
    }

    /// Heads of columns, and what explains.
    pub(super) fn quiet(self) -> Style {
        match self {
            Self::Dark | Self::Light => Style::new().fg(Color::DarkGray),
            Self::HighContrast => Style::new(),
            Self::Monochrome => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// All is well.
    pub(super) fn good(self) -> Style {
        self.colour((Color::Green, Color::Green, Color::LightGreen))
    }

    /// Something needs attention.
    pub(super) fn alarm(self) -> Style {
        self.colour((Color::LightRed, Color::Red, Color::LightRed))
            .add_modifier(Modifier::BOLD)
    }

    /// Something may need attention.
    pub(super) fn warning(self) -> Style {
        self.colour((Color::Yellow, Color::Magenta, Color::LightYellow))
    }

    /// What is said besides the figures.
    pub(super) fn notice(self) -> Style {
        self.colour((Color::Yellow, Color::Blue, Color::LightYellow))
            .add_modifier(Modifier::REVERSED)
    }

    /// A key in the footer.
    pub(super) fn key(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is chosen: a row, a tab.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Bars and heat that mean no one thing.
    pub(super) fn bar(self) -> Style {
        self.colour((Color::Cyan, Color::Blue, Color::LightCyan))
    }

    /// A direction.
    pub(super) fn direction(self, direction: Direction) -> Style {
        self.colour(match direction {
            Direction::ToDevice => (Color::Blue, Color::Blue, Color::LightBlue),
            Direction::ToSystem => (Color::Magenta, Color::Magenta, Color::LightMagenta),
            Direction::DeviceToDevice => (Color::Cyan, Color::Cyan, Color::LightCyan),
            Direction::SystemToSystem => (Color::Green, Color::Green, Color::LightGreen),
            Direction::Unknown => (Color::Gray, Color::DarkGray, Color::White),
        })
    }

    /// An outcome.
    pub(super) fn outcome(self, outcome: Outcome) -> Style {
        match outcome {
            Outcome::Completed => Style::new(),
            Outcome::RolledBack | Outcome::Abandoned => self.warning(),
            Outcome::Rejected => self.colour((Color::LightRed, Color::Red, Color::LightRed)),
        }
    }

    /// A row of the ledger.
    pub(super) fn row(self, row: Row) -> Style {
        self.colour(match row {
            Row::Moved => (Color::Green, Color::Green, Color::LightGreen),
            Row::Populated => (Color::Cyan, Color::Cyan, Color::LightCyan),
            Row::Skipped => (Color::Yellow, Color::Magenta, Color::LightYellow),
            Row::Declined => (Color::Blue, Color::Blue, Color::LightBlue),
            Row::WastedCopy => (Color::LightRed, Color::Red, Color::LightRed),
            Row::WastedFill => (Color::Magenta, Color::LightMagenta, Color::LightMagenta),
            Row::RolledBack => (Color::LightYellow, Color::LightBlue, Color::White),
            Row::Rejected => (Color::Red, Color::LightRed, Color::Red),
        })
    }

    /// A step: the kernel's have one colour, the driver's another.
    pub(super) fn step(self, step: Step) -> Style {
        self.colour(match step {
            Step::AllocAndCopy | Step::FinalizeAndMap => {
                (Color::Yellow, Color::Magenta, Color::LightYellow)
            }
            Step::Setup | Step::Pages | Step::Finalize => {
                (Color::Cyan, Color::Blue, Color::LightCyan)
            }
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
