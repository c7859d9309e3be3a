//! Recordings: a standard Arrow IPC stream, so that other tools open it with no code of ours.
//!
//! One row per migration (`event` = `migration`), and after them in each batch the tracer's account of itself
//! (`event` = `status`). With the first status, with one of every ten seconds, and with the last, come the kernel's
//! own totals, which are exact whatever becomes of the records: sums (`event` = `total`) and histograms (`event` =
//! `histogram`), all since the tracer started.
//!
//! Rows of other events have nulls in the numbers of a migration, except `time_ns`: sums over a column are the same
//! with and without them. Facts stand in the schema's metadata, units and notes in that of each column.

mod column;
mod columns;
mod decode;
mod encode;
mod facts;
mod file;
mod frame;
mod histogram;
mod reader;
mod row;
mod writer;

pub use facts::{FORMAT, Facts};
pub use file::{Output, Recording};
pub use reader::Reader;
pub use writer::Writer;

/// The bytes after which a stream of messages ends.
const END_MARK: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[cfg(test)]
mod tests;
