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
