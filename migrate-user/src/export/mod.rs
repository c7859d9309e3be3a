//! Recordings for other tools: one file per format. Memory does not grow with the input.

mod folded;
mod hlog;
mod json;
pub mod metrics;
mod output;

use std::io::{self, Write};

pub use folded::Folded;
pub use hlog::Hlog;
pub use json::Json;
pub use output::AtomicFile;

use crate::cli::Format;
use crate::recording::Facts;
use crate::source::Batch;

/// Writes a recording in the form of another tool.
pub trait Export {
    /// Writes everything that `batches` yields.
    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: &mut dyn Write,
    ) -> io::Result<()>;
}

/// What writes a format.
pub fn exporter(format: Format) -> &'static dyn Export {
    match format {
        Format::Json => &Json,
        Format::Hlog => &Hlog,
        Format::Folded => &Folded,
        Format::Openmetrics => &metrics::OpenMetrics,
    }
}
