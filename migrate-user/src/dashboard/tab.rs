//! The tabs.

use clap::ValueEnum;
use serde::Deserialize;

use super::sorting::Table;

macro_rules! tabs {
    ($($(#[$meta:meta])* $tab:ident $word:literal $key:literal [$($table:ident),*] $about:literal,)*) => {
        /// One tab of the dashboard.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Tab {
            $($(#[$meta])* $tab,)*
        }

        impl Tab {
            /// All of them, in the order in which they are shown.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$tab),*];

            /// As on screen.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$tab => stringify!($tab),)*
                }
            }

            /// In the configuration file.
            pub(super) const fn word(self) -> &'static str {
                match self {
                    $(Self::$tab => $word,)*
                }
            }

            /// What shows it, unless the user chose otherwise.
            pub(super) const fn keys(self) -> &'static [&'static str] {
                match self {
                    $(Self::$tab => &[$key],)*
                }
            }

            /// That key.
            pub(super) const fn key(self) -> &'static str {
                self.keys()[0]
            }

            /// Its tables that can be sorted, in their order on screen.
            pub(super) fn tables(self) -> &'static [Table] {
                match self {
                    $(Self::$tab => &[$(Table::$table),*],)*
                }
            }

            /// What it shows that does not explain itself.
            pub(super) const fn about(self) -> &'static str {
                match self {
                    $(Self::$tab => $about,)*
                }
            }
        }
    };
}

// To add one takes its file in `tabs/`, its line here, and what `tabs/mod.rs` then asks for.
tabs! {
    /// Is migration healthy?
    #[default]
    Overview "overview" "1" []
        "Rates are the pages that arrived, per second, averaged over five seconds.",
    /// How long each step takes.
    Steps "steps" "2" [Steps, Kinds]
        "The histogram's scale is logarithmic: four columns for each doubling. In the map below it, each shade \
         stands for four times as many.",
    /// What the size of calls costs.
    Batching "batching" "3" [Sizes, Costs]
        "time = per call + per page × pages requested, a line of least squares through the completed migrations of \
         each direction and cause. Would have saved: the calls that were smaller, taken together to calls of this \
         size, would have needed so much less time.",
    /// Where pages went.
    Pages "pages" "4" [Parts, Bounces, Soonest]
        "In vain: of each migration's time, the part of the pages that were copied or made and thrown away. \
         Ping-pong: pages that arrived on one side and moved back within a second; ≥ at least, ≤ at most, as nobody \
         knows which pages of a call moved.",
    /// Who migrates.
    Processes "processes" "5" [Processes]
        "Arrived pages by direction; in vain: the time that went into wasted pages; time: all steps together; per \
         page: the time of each page that arrived.",
    /// Which drivers migrate.
    Drivers "drivers" "6" [Drivers]
        "Arrived pages by direction; in vain: the time that went into wasted pages; time: all steps together; per \
         page: the time of each page that arrived.",
    /// Single migrations.
    Migrations "migrations" "7" [Migrations]
        "undone: rolled_back or rejected. began: since the counts began. What is sorted are the migrations that are \
         listed: the newest or the slowest.",
    /// What is wrong, and what to do about it.
    Findings "findings" "8" []
        "Thresholds can be set in the configuration file, under [findings].",
    /// What threads wait for.
    Waits "waits" "9" [Waits, Waiters, Worst]
        "fault: a thread touches a page on a device. migrating: it needs a page that somebody else migrates. Before \
         setup: the part of a fault before its own migration began, which is mostly the driver's locks. Of the run: \
         more than 100% where several threads wait at once. Times of different kinds may be the same time twice.",
    /// Which memory migrates.
    Memory "memory" "0" [Mappings]
        "Arrived and left: pages to and from devices. On devices: what arrived and has not left, of what was seen; \
         evictions do not tell whose pages they take, so there are bounds. Came back: within a second, at least. \
         Refused: skipped, declined or rolled back. What a program unmaps or frees is not seen.",
}

impl Tab {
    /// The one so many places to the right, and from the last one the first.
    pub(super) fn beside(self, places: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let place = (self as isize + places).rem_euclid(count);
        Self::ALL[place as usize]
    }
}
