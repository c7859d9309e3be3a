//! Recordings: a standard Arrow IPC stream, so that other tools open it with no code of ours.
//!
//! One row per migration (`event` = `migration`), behind those of a batch one per wait (`event` =
//! `wait`), and behind these one for the tracer's account of itself (`event` = `status`): a JSON
//! object in column `status`. With the first status, with one of every 30 seconds (10 where the
//! records do not tell everything), and with the last, come the kernel's own totals, which are
//! exact whatever becomes of the records.
//!
//! Waits and a status have nulls in the numbers of a migration that can be added up: sums over a
//! column are the same with and without them. Facts stand in the schema's metadata, units and notes
//! in that of each column. What is measured only where it is asked for has columns only in those
//! recordings.

mod bounded;
mod column;
mod columns;
mod decode;
mod dictionary;
mod encode;
mod error;
mod file;
mod frame;
mod histogram;
mod limits;
mod metadata;
mod output;
mod reader;
mod status;
mod table;
mod writer;

pub use error::Error;
pub use file::Recording;
pub use limits::MAX_ROWS;
pub use metadata::FORMAT;
pub use output::{Opening, Output, Place, Special, Target};
pub use reader::Reader;
pub use table::Table;
pub use writer::Writer;

/// The bytes after which a stream of messages ends.
const END_MARK: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
