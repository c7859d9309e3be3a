//! What can go wrong, each with what, where and what to do about it.

use std::io;

use crate::source::kernel::TracerError;

/// Why a command could not do what it was asked to. The program prints it and ends with exit status 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is something else than a recording.
    #[error(
        "{input} is not a migscope recording: {found}. Expected an Arrow IPC stream as \
         `migscope record -o FILE` writes it."
    )]
    NotARecording {
        /// The file, socket or standard input.
        input: String,
        /// What was found in its place.
        found: String,
    },
    /// A recording of another version.
    #[error(
        "{input} was written in recording format {found}, and this migscope reads format {expected}. \
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
    /// A recording whose bytes make no sense from some point on. What came before was used.
    #[error(
        "{input} is damaged at byte {at}: {found}. What stands before that byte was read; nothing after it can \
         be. Copy the recording again, in binary mode, or record again."
    )]
    Damaged {
        /// The file, socket or standard input.
        input: String,
        /// Where the damage begins.
        at: u64,
        /// What was found there.
        found: String,
    },
    /// A recording that was to be read as one with others, and cannot be.
    #[error(
        "{input} holds another recording from byte {at} on, which is left out: {why}. Read it by itself, or compare the two with \
         `migscope diff`."
    )]
    LeftOut {
        /// The file, socket or standard input.
        input: String,
        /// Where it begins.
        at: u64,
        /// Why.
        why: String,
    },
    /// Two recordings that cannot be read as one.
    #[error(
        "{second} cannot be read as one with {first}: {why}. Several recordings are one where they go on from each other, as the files of \
         `record --rotate` do. Read them one by one, or compare them with `migscope diff`."
    )]
    NotOne {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
        /// Why not.
        why: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {cause}. {advice}")]
    Io {
        /// "read", "create", ...
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        cause: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// An output file that would be replaced.
    #[error(
        "{path} exists already, and is not replaced unasked. Name another file, or replace it with --force."
    )]
    Exists {
        /// The file.
        path: String,
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
    /// A further file of a rotation that would be overwritten.
    #[error(
        "{path} exists already, and is not replaced: --rotate would come to it, and end there. Name another file than \
         {first} with -o, or remove what an earlier recording left."
    )]
    ExistsLater {
        /// The file that is there.
        path: String,
        /// The first file of the recording.
        first: String,
    },
    /// Only files can be many.
    #[error("--rotate begins one file after another, and {output} is no file. Name one with -o.")]
    RotatesNoFile {
        /// What was named.
        output: String,
    },
    /// Other formats tell of all steps.
    #[error(
        "--step goes with --format hgrm, which tells of one step; the other formats tell of all."
    )]
    OnlyWithHgrm,
    /// The disk is full, or the write failed for another reason, in the middle of a recording.
    #[error(
        "the recording ended early, because {path} could not be written: {cause}. It is whole up to that moment \
         ({migrations} migrations). Make room, or name a file on another disk with -o."
    )]
    RecordingCut {
        /// The file.
        path: String,
        /// What the system said.
        cause: io::Error,
        /// Migrations that the file holds.
        migrations: u64,
    },
    /// Whoever read the recording has gone before its end.
    #[error(
        "the recording ended early, because whoever read {path} has gone. Until then {migrations} migrations were written; what the \
         reader has not read of them is lost. To record on whatever becomes of the reader, record to a file (-o FILE)."
    )]
    ReaderLeft {
        /// Standard output, the pipe or the socket.
        path: String,
        /// Migrations that were written.
        migrations: u64,
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
    /// A recording is expected on standard input, and it is a keyboard.
    #[error(
        "standard input is a terminal, and a recording is expected there. Pipe one in \
         (`migscope record -o - | ...`), or name a file."
    )]
    NoInput,
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
    /// A filter that the recording cannot tell.
    #[error("what is asked for cannot be chosen: {why}.")]
    NotChosen {
        /// What the recording lacks.
        why: String,
    },
    /// Recordings without a migration cannot be compared.
    #[error(
        "{input} has no migration{of}, so there is nothing to compare. Record while a program runs that makes some; \
         `migscope report` says what a recording holds."
    )]
    NothingToCompare {
        /// The recordings of that side.
        input: String,
        /// Which migrations, where not any.
        of: String,
    },
    /// A recording, or another binary format, would be printed on a terminal.
    #[error(
        "this is binary data, which a terminal cannot show. Pipe it (`migscope record -o - | ...`), or name a file with -o."
    )]
    BinaryToTerminal,
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
        cause: io::Error,
    },
    /// This kernel, or this user, cannot trace.
    #[error("{error}{doctor}", error = .0, doctor = try_doctor(.0))]
    Tracer(#[from] TracerError),
}

/// Where the kernel said no, how to find out why.
fn try_doctor(error: &TracerError) -> &'static str {
    if error.is_refusal() {
        "\nRun `migscope doctor`: it tries out what this kernel lets this process do, part by part, and says what to change."
    } else {
        ""
    }
}
