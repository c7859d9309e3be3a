//! Recordings: a standard Arrow IPC stream, so that other tools open it with no code of ours.
//!
//! One row per migration (`event` = `migration`), and as the last row of each batch the tracer's account of itself
//! (`event` = `status`), in which every column of a migration but `time_ns` is null: sums over a column are
//! the same with and without it. Facts stand in the schema's metadata, units in that of each column.

mod column;
mod decode;
mod encode;
mod facts;
mod file;
mod frame;
mod reader;
mod writer;

pub use facts::{FORMAT, Facts};
pub use file::{Output, Recording};
pub use reader::Reader;
pub use writer::Writer;

/// The bytes after which a stream of messages ends.
const END_MARK: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[cfg(test)]
mod tests;
