//! What is read of a profiler's tables.

use super::clocks::Offset;
use crate::export::Notes;

/// The columns that [`Source::rows`] selects.
pub(super) const COLUMNS: &str = "start, end, category, process, thread, place, name, bytes";

/// How one profiler's tables are read.
pub(super) struct Source {
    /// A statement that yields [`COLUMNS`]: times in nanoseconds; what kind of thing it is; process
    /// and thread, or null; the name of its track, its own, and how many bytes were copied, or
    /// null.
    pub(super) rows: String,
    /// What puts its times on the recording's clock.
    pub(super) offset: Offset,
    /// How exact that is, in sentences.
    pub(super) notes: Notes,
}
