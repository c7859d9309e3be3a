//! What can go wrong, each with what, where and what to do about it. What is about recordings
//! alone, or about where migrations come from, those rooms say.

use std::io;

use crate::kernel::TracerError;
use crate::{recording, source};

/// Why a command could not do what it was asked to. The program prints it and ends with exit status
/// 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// An output file that the user does not want to have replaced.
    #[error("{path} was left as it is, and nothing was written.")]
    Kept {
        /// The file.
        path: String,
    },
    /// An output that is what is read.
    #[error(
        "{path} is the same file as {input}, which is read: it would be lost. Name another file."
    )]
    OutputIsInput {
        /// The output.
        path: String,
        /// The input, by its name.
        input: String,
    },
    /// Only files can be many.
    #[error("--rotate begins one file after another, and {output} is no file. Name one with -o.")]
    RotatesNoFile {
        /// What was named.
        output: String,
    },
    /// Which libraries mark phases, a recorder is told.
    #[error(
        "--phases={path} names a library to hook, and a recording is only read. Say --phases, and name the library to \
         `migscope record`."
    )]
    LibraryOfRecording {
        /// The library.
        path: String,
    },
    /// A series has one value of a label.
    #[error("--label {name} is there twice. Give each label once.")]
    LabelTwice {
        /// The label's name.
        name: String,
    },
    /// Other formats tell of all steps.
    #[error(
        "--step goes with --format hgrm, which tells of one step; the other formats tell of all."
    )]
    OnlyWithHgrm,
    /// Formats that are of migrations, or of everything.
    #[error(
        "--event wait goes with --format json, csv, parquet, folded and flamegraph, not with {format}. A perfetto trace always has both, \
         migrations and waits."
    )]
    NoFormatOfWaits {
        /// The one that was asked for.
        format: String,
    },
    /// A trace that cannot stand beside a recording.
    #[error("{trace} cannot be put beside the recording: {why}. {advice}")]
    NotMerged {
        /// The trace.
        trace: String,
        /// Why not.
        why: String,
        /// What to do.
        advice: &'static str,
    },
    /// The configuration file says something that means nothing.
    #[error("{path} cannot be understood: {wrong}\nWhat can be set is in docs/config.toml.")]
    Config {
        /// The file.
        path: String,
        /// Where, and what.
        wrong: String,
    },
    /// Nobody reads what is written.
    #[error(
        "the recording ended early, because {path} did not take more data. Whoever reads it must go on reading \
         until the end."
    )]
    OutputStuck {
        /// The file or standard output.
        path: String,
    },
    /// A manual page of a command that there is not.
    #[error("there is no command {name}; there are: {names}.")]
    NoCommand {
        /// What was asked for.
        name: String,
        /// The commands.
        names: String,
    },
    /// Whoever read standard output has closed it. Not a failure: there is nobody to tell.
    #[error("the reader of standard output has gone")]
    ReaderGone,
    /// Recordings without a migration cannot be compared.
    #[error(
        "{input} has no migration{of}, so there is nothing to compare. Record while a program runs that makes some, and without \
         --totals-only if a filter is to choose; \
         `migscope report` says what a recording holds."
    )]
    NothingToCompare {
        /// The recordings of that side.
        input: String,
        /// Which migrations, where not any.
        of: String,
    },
    /// The dashboard has nothing to draw on.
    #[error(
        "standard output is not a terminal, so the dashboard has nothing to draw on. Use `migscope report FILE` \
         for a page of text, or `migscope record -o FILE` to record without a dashboard."
    )]
    NotATerminal,
    /// The terminal cannot be used.
    #[error(
        "cannot use the terminal: {cause}. The dashboard needs a terminal for its keys, also when standard input \
         is a pipe; use `migscope report` where there is none."
    )]
    Terminal {
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A recording could not be read or written.
    #[error("{error}{advice}", error = .0, advice = source::advice(.0))]
    Recording(#[from] recording::Error),
    /// Nothing comes, or no more.
    #[error(transparent)]
    Source(#[from] source::Error),
}

impl From<TracerError> for Error {
    fn from(error: TracerError) -> Self {
        Self::Source(error.into())
    }
}
