//! What can go wrong where migrations come from.

use std::io;

use crate::kernel::TracerError;
use crate::recording;

/// Why nothing comes, or no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A recording is expected on standard input, and it is a keyboard.
    #[error(
        "standard input is a terminal, and a recording is expected there. Pipe one in \
         (`migscope record -o - | ...`), or name a file."
    )]
    NoInput,
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
    /// A filter that the recording cannot tell.
    #[error("what is asked for cannot be chosen: {why}.")]
    NotChosen {
        /// What the recording lacks.
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
    /// Nothing comes any more, and more was needed.
    #[error("tracing ended before its figures could be read. Try again.")]
    Ended,
    /// A recording could not be read.
    #[error("{error}{advice}", error = .0, advice = advice(.0))]
    Recording(#[from] recording::Error),
    /// This kernel, or this user, cannot trace.
    #[error("{error}{doctor}", error = .0, doctor = try_doctor(.0))]
    Tracer(#[from] TracerError),
}

/// What to do on the command line, of which recordings know nothing.
pub(crate) fn advice(error: &recording::Error) -> &'static str {
    match error {
        recording::Error::NotARecording { .. } => " `migscope record -o FILE` writes one.",
        recording::Error::Exists { .. } => " Name another file, or replace it with --force.",
        recording::Error::BinaryToTerminal => {
            " Pipe it (`migscope record -o - | ...`), or name a file with -o."
        }
        _ => "",
    }
}

/// Where the kernel said no, how to find out why.
fn try_doctor(error: &TracerError) -> &'static str {
    if error.is_refusal() {
        "\nRun `migscope doctor`: it tries out what this kernel lets this process do, part by part, and says what to change."
    } else {
        ""
    }
}
