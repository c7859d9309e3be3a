//! Recordings for other tools: one file per format. Memory does not grow with the input.

mod csv;
mod folded;
mod hgrm;
mod hlog;
mod json;
mod line;
pub mod metrics;
mod output;
mod parquet;
mod perfetto;
mod place;

use std::io::{self, Write};

pub use csv::Csv;
pub use folded::Folded;
pub use hgrm::Hgrm;
pub use hlog::Hlog;
pub use json::Json;
pub use output::AtomicFile;
pub use parquet::Parquet;
pub use perfetto::Perfetto;
pub use place::{Place, refuse_input};

use crate::cli::Format;
use crate::trace::{Batch, Facts};

/// Where an export goes.
pub type Out<'a> = &'a mut (dyn Write + Send);

/// Writes a recording in the form of another tool.
pub trait Export {
    /// Writes everything that `batches` yields.
    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()>;
}

/// What writes a format: of those that are of one thing, of everything.
pub fn exporter(format: Format) -> &'static dyn Export {
    match format {
        Format::Json => &Json,
        Format::Csv => &Csv,
        Format::Parquet => &Parquet,
        Format::Hlog => &Hlog,
        Format::Hgrm => &Hgrm::ALL,
        Format::Perfetto => &Perfetto,
        Format::Folded => &Folded,
        Format::Openmetrics => &metrics::OpenMetrics,
    }
}
