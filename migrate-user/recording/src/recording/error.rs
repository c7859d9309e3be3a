//! What can go wrong with a recording.

use std::io;

/// Why a recording could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is something else than a recording.
    #[error("{input} is not a migscope recording: {found}. Expected an Arrow IPC stream.")]
    NotARecording {
        /// The file, socket or standard input.
        input: String,
        /// What was found in its place.
        found: String,
    },
    /// A recording of another version.
    #[error(
        "{input} was written in recording format {found}, and format {expected} is read here. \
         Read it with the version of migscope that recorded it."
    )]
    WrongFormat {
        /// The file, socket or standard input.
        input: String,
        /// The format that the recording names.
        found: String,
        /// The format that this program reads.
        expected: u32,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {cause}. {advice}")]
    Io {
        /// "read", "create", ...
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// An output file that would be replaced.
    #[error("{path} exists already, and is not replaced unasked.")]
    Exists {
        /// The file.
        path: String,
    },
    /// The disk is full, or the write failed for another reason, in the middle of a recording.
    #[error(
        "the recording ended early, because {path} could not be written: {cause}. It is whole up to that moment \
         ({migrations} migrations). Make room, or name a file on another disk."
    )]
    RecordingCut {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
        /// Migrations that the file holds.
        migrations: u64,
    },
    /// Whoever read the recording has gone before its end.
    #[error(
        "the recording ended early, because whoever read {path} has gone. Until then {migrations} migrations were written; what the \
         reader has not read of them is lost. To record on whatever becomes of the reader, record to a file."
    )]
    ReaderLeft {
        /// Standard output, the pipe or the socket.
        path: String,
        /// Migrations that were written.
        migrations: u64,
    },
    /// A recording, or another binary format, would be printed on a terminal.
    #[error("this is binary data, which a terminal cannot show.")]
    BinaryToTerminal,
}
