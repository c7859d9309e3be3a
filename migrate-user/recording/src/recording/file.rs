//! A recording in the making, wherever it goes.
//!
//! A recording is written straight under its own name, so that `report` and `replay` can read it
//! while it grows; every batch in it is whole. It never replaces another file.

use std::fs::File;
use std::io::{self, Write};

use super::{END_MARK, Output, Writer};
use crate::recording::Error;
use crate::trace::{Batch, Facts};

/// A recording in the making.
pub struct Recording {
    writer: Writer<File>,
    output: Output,
    migrations: u64,
}

impl Recording {
    /// Opens the output and writes the facts. A new file can be read by its owner only.
    ///
    /// # Errors
    ///
    /// If the output cannot be opened, or is there already, or the facts cannot be written.
    pub fn create(output: Output, facts: &Facts) -> Result<Self, Error> {
        Self::new(output.open()?, output, facts)
    }

    /// Writes the facts to an output that is open.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn new(file: File, output: Output, facts: &Facts) -> Result<Self, Error> {
        let writer = Writer::new(file, facts).map_err(|cause| not_written(&output, cause, 0))?;
        Ok(Self {
            writer,
            output,
            migrations: 0,
        })
    }

    /// Adds a batch. After an error, call [`Recording::abandon`].
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.writer.write(batch)?;
        self.migrations += batch.migrations.len() as u64;
        Ok(())
    }

    /// Where it goes.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// How many migrations it holds.
    pub fn migrations(&self) -> u64 {
        self.migrations
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.writer.whole_bytes()
    }

    /// Ends it with its mark.
    ///
    /// # Errors
    ///
    /// If the output does not take what is left.
    pub fn finish(self) -> Result<(), Error> {
        let Self {
            writer,
            output,
            migrations,
        } = self;
        writer
            .finish()
            .map(drop)
            .map_err(|cause| not_written(&output, cause, migrations))
    }

    /// Ends it after an error: cuts off what is half-written, so that the file is whole up to
    /// there.
    pub fn abandon(self, cause: io::Error) -> Error {
        let (file, whole_bytes) = self.writer.abandon();
        // Without it the file still reads well, up to its last whole batch: readers say that it is
        // unfinished.
        let _ = mend(file, whole_bytes);
        not_written(&self.output, cause, self.migrations)
    }
}

fn not_written(output: &Output, cause: io::Error, migrations: u64) -> Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    // A socket is reset when its reader left without having read all.
    if matches!(cause.kind(), BrokenPipe | ConnectionReset) {
        return Error::ReaderLeft {
            path: output.to_string(),
            migrations,
        };
    }
    Error::RecordingCut {
        path: output.to_string(),
        cause,
        migrations,
    }
}

fn mend(mut file: File, whole_bytes: u64) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(whole_bytes)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(whole_bytes))?;
        file.write_all(&END_MARK)?;
    }
    Ok(())
}
