//! The tabs.

use clap::ValueEnum;
use serde::Deserialize;

use super::sorting::Table;

/// One tab of the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tab {
    /// Is migration healthy?
    #[default]
    Overview,
    /// How long each step takes.
    Steps,
    /// What the size of calls costs.
    Batching,
    /// Where pages went.
    Pages,
    /// Who migrates.
    Processes,
    /// Which drivers migrate.
    Drivers,
    /// Single migrations.
    Migrations,
    /// What is wrong, and what to do about it.
    Findings,
}

impl Tab {
    /// All of them, in the order of their keys, from 1 on.
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Steps,
        Self::Batching,
        Self::Pages,
        Self::Processes,
        Self::Drivers,
        Self::Migrations,
        Self::Findings,
    ];

    /// As on screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Steps => "Steps",
            Self::Batching => "Batching",
            Self::Pages => "Pages",
            Self::Processes => "Processes",
            Self::Drivers => "Drivers",
            Self::Migrations => "Migrations",
            Self::Findings => "Findings",
        }
    }

    /// Its tables that can be sorted, in their order on screen.
    pub(super) fn tables(self) -> &'static [Table] {
        match self {
            Self::Overview | Self::Findings => &[],
            Self::Steps => &[Table::Steps, Table::Kinds],
            Self::Batching => &[Table::Sizes, Table::Costs],
            Self::Pages => &[Table::Parts, Table::Bounces, Table::Soonest],
            Self::Processes => &[Table::Processes],
            Self::Drivers => &[Table::Drivers],
            Self::Migrations => &[Table::Migrations],
        }
    }

    /// The one so many places to the right, and from the last one the first.
    pub(super) fn beside(self, places: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let place = (self as isize + places).rem_euclid(count);
        Self::ALL[place as usize]
    }
}
