//! Recordings for other tools: one file per format. Memory does not grow with the input.

mod csv;
mod flamegraph;
mod folded;
mod hgrm;
mod hlog;
mod json;
mod line;
pub mod metrics;
mod output;
mod parquet;
pub mod perfetto;
mod place;
mod stacks;
mod wait;

use std::io::{self, Write};

use clap::ValueEnum;

pub use csv::Csv;
pub use flamegraph::Flamegraph;
pub use folded::Folded;
pub use hgrm::Hgrm;
pub use hlog::Hlog;
pub use json::Json;
pub use output::AtomicFile;
pub use parquet::Parquet;
pub use perfetto::Perfetto;
pub use place::{Place, refuse_input};

use crate::trace::{Batch, Facts};

/// Where an export goes.
pub type Out<'a> = &'a mut (dyn Write + Send);

/// What to tell people of an export that they may not expect, a sentence each.
pub type Notes = Vec<String>;

/// Writes a recording in the form of another tool.
pub trait Export {
    /// Writes everything that `batches` yields. What there is to say of it.
    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes>;

    /// Does it tell the kernel's own totals, which count what has no record, too?
    fn has_totals(&self) -> bool {
        false
    }

    /// What it tells one by one, or in figures of each.
    fn events(&self) -> &[Event] {
        &[Event::Migration]
    }

    /// Is it nothing that a terminal can show?
    fn is_binary(&self) -> bool {
        false
    }
}

/// What a line or row of an export is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Event {
    /// each migration
    #[default]
    Migration,
    /// each wait
    Wait,
}

macro_rules! formats {
    ($($name:ident $about:literal $export:expr, $of_waits:expr;)*) => {
        /// What a recording can be exported as.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        pub enum Format {
            $(#[doc = $about] $name,)*
        }

        impl Format {
            /// What writes it: where it can be of one thing, of everything.
            pub fn exporter(self) -> &'static dyn Export {
                match self {
                    $(Self::$name => &$export,)*
                }
            }

            /// What writes waits in it, and nothing else; `None` where nothing does.
            pub fn exporter_of_waits(self) -> Option<&'static dyn Export> {
                match self {
                    $(Self::$name => $of_waits,)*
                }
            }
        }
    };
}

// To add one takes its file, its line here and its lines in the documents.
formats! {
    Json "one object per line and migration; unknown is null" Json(Event::Migration), Some(&Json(Event::Wait));
    Csv "the same with a line of names first; unknown is empty" Csv(Event::Migration), Some(&Csv(Event::Wait));
    Parquet "a table with the columns of the recording, one row per migration" Parquet(Event::Migration), Some(&Parquet(Event::Wait));
    Hlog "HdrHistogram interval log (V2): per second, one histogram of each step and direction, in nanoseconds" Hlog, None;
    Hgrm "HdrHistogram percentile distribution of the time of migrations, or of one step, in nanoseconds" Hgrm::ALL, None;
    Perfetto "trace: a slice for each migration with its steps in it, one for each wait, and counters; open it at ui.perfetto.dev" Perfetto, None;
    Folded "stacks for flame graphs: of each migration that has any, the user's frames, the kernel's, and how long its steps took, in nanoseconds" Folded(Event::Migration), Some(&Folded(Event::Wait));
    Flamegraph "the same as a picture (SVG) that a browser shows: click to zoom, / to search; it asks no other machine for anything" Flamegraph(Event::Migration), Some(&Flamegraph(Event::Wait));
    Openmetrics "what `serve` would tell at the end: docs/metrics.md" metrics::OpenMetrics, None;
}
