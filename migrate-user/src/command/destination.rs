//! Where an export or a page goes, and how it is written there.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;

use super::confine::folder_of;
use super::harmless::Harmless;
use super::replace::may_replace;
use super::{POLL, stdout_failed, tell_waiting};
use crate::Error;
use crate::export::{AtomicFile, Out};
use crate::recording::Output;
use crate::source::Inputs;

/// Writes all of it.
pub(super) type Writing<'a> = &'a mut dyn FnMut(Out<'_>) -> io::Result<()>;

/// An output that may be written.
pub(super) struct Destination {
    output: Output,
    replaces: bool,
}

impl Destination {
    /// Makes sure that nothing is lost by it: see [`may_replace`]. Standard output, where nothing
    /// is named.
    pub(super) fn new(
        output: Option<Output>,
        inputs: Option<&Inputs>,
        force: bool,
    ) -> Result<Self, Error> {
        let output = output.unwrap_or(Output::Stdout);
        let replaces = may_replace(&output, inputs, force)?;
        Ok(Self { output, replaces })
    }

    /// Refuses what a terminal cannot show.
    pub(super) fn for_binary(self) -> Result<Self, Error> {
        if self.output.is_terminal() {
            return Err(crate::recording::Error::BinaryToTerminal.into());
        }
        Ok(self)
    }

    /// The name that messages call it.
    pub(super) fn name(&self) -> String {
        self.output.to_string()
    }

    /// Writes there. A file appears when it is whole.
    fn write_all(&self, writing: Writing<'_>) -> Result<(), Error> {
        match &self.output {
            Output::Stdout => to_stdout(writing),
            Output::File(path) => self.to_file(path, writing),
            Output::Socket(_) => self.to_socket(writing),
        }
    }

    /// The folder in which files are made and replaced, if any are.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        folder_of(&self.output)
    }

    /// Writes there. Files and pipes get every byte; on a terminal, nothing in what others have
    /// named is a command.
    pub(super) fn write(&self, writing: Writing<'_>) -> Result<(), Error> {
        if !self.output.is_terminal() {
            return self.write_all(writing);
        }
        self.write_all(&mut |out| {
            let mut shown = Harmless::new(out);
            writing(&mut shown).and_then(|()| shown.end())
        })
    }

    fn to_file(&self, path: &Path, writing: Writing<'_>) -> Result<(), Error> {
        let mut out = BufWriter::new(self.create(path)?);
        writing(&mut out)
            .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(AtomicFile::commit)
            .map_err(|cause| {
                let advice = "Nothing was left behind. Make room, or name a file on another disk.";
                self.failed("write", cause, advice)
            })
    }

    /// Waits for whoever reads, where it is a pipe.
    fn create(&self, path: &Path) -> Result<AtomicFile, Error> {
        let mut told = false;
        loop {
            let created = AtomicFile::create(path, self.replaces).map_err(|cause| {
                let advice = "Name a file in a folder that you may write to.";
                self.failed("create", cause, advice)
            })?;
            if let Some(file) = created {
                return Ok(file);
            }
            if !std::mem::replace(&mut told, true) {
                tell_waiting(&self.output);
            }
            sleep(POLL);
        }
    }

    fn to_socket(&self, writing: Writing<'_>) -> Result<(), Error> {
        let mut out = BufWriter::new(self.output.open()?);
        writing(&mut out)
            .and_then(|()| out.flush())
            .map_err(|cause| {
                self.failed("write", cause, "Whoever reads it has to go on to the end.")
            })
    }

    fn failed(&self, action: &'static str, cause: io::Error, advice: &'static str) -> Error {
        let path = self.name();
        match cause.kind() {
            io::ErrorKind::AlreadyExists => crate::recording::Error::Exists { path }.into(),
            _ => Error::Io {
                action,
                path,
                cause,
                advice,
            },
        }
    }
}

fn to_stdout(writing: Writing<'_>) -> Result<(), Error> {
    let mut out = Noting {
        out: BufWriter::new(io::stdout()),
        reader_gone: false,
    };
    let written = writing(&mut out).and_then(|()| out.flush());
    // Libraries wrap the error that they got in others of their own.
    if out.reader_gone {
        return Err(Error::ReaderGone);
    }
    written.map_err(stdout_failed)
}

/// Notes that nobody reads any more.
struct Noting<W> {
    out: W,
    reader_gone: bool,
}

impl<W: Write> Noting<W> {
    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        let gone = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        self.reader_gone |= done.as_ref().is_err_and(gone);
        done
    }
}

impl<W: Write> Write for Noting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.out.write(bytes);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        self.note(done)
    }
}
