//! Where the page goes.

use std::fs::File;
use std::io::Write as _;

use crate::Error;
use crate::command::report::print;
use crate::recording::Output;
use crate::tell;

/// Standard error, where it is not mixed with what the command writes for others; or what was
/// named.
pub(super) enum Target {
    Stderr,
    Stdout,
    File(File, String),
}

impl Target {
    /// Opens it. A file that is there is replaced if it may be.
    pub(super) fn open(output: Option<&Output>, replaces: bool) -> Result<Self, Error> {
        Ok(match output {
            None => Self::Stderr,
            Some(Output::Stdout) => Self::Stdout,
            Some(output) => Self::File(output.open_or_replace(replaces)?, output.to_string()),
        })
    }

    /// Writes there at once.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Error> {
        match self {
            Self::Stderr => {
                tell(text);
                Ok(())
            }
            Self::Stdout => print(text),
            Self::File(file, path) => file.write_all(text.as_bytes()).map_err(|cause| Error::Io {
                action: "write",
                path: path.clone(),
                cause,
                advice: "Make room, or name a file on another disk.",
            }),
        }
    }
}
