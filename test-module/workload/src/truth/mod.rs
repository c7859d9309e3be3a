//! The truth file: what the driver says it did, one JSON object per line.

mod line;
mod names;
pub mod pipe;
pub mod sums;

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::line::{LastLine, Line};
use crate::uapi::{Totals, Truth};

/// Where truths go: a file, or nowhere.
#[derive(Debug)]
pub struct TruthFile {
    file: Option<BufWriter<File>>,
    lines: u64,
}

impl TruthFile {
    /// Begins a file, or counts only.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| {
                let file = File::create(path);
                file.with_context(|| format!("cannot write the truth file {}", path.display()))
            })
            .transpose()?;
        Ok(Self {
            file: file.map(BufWriter::new),
            lines: 0,
        })
    }

    /// Writes one migration.
    pub fn write(&mut self, truth: &Truth) -> Result<()> {
        self.lines += 1;
        self.line(|| Line::try_from(truth))
    }

    /// What was written is in the file.
    pub fn flush(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| {
            file.flush().context("cannot write the truth file")
        })
    }

    /// Writes the last line: what the driver itself added up meanwhile. Gives the number of lines
    /// before it.
    pub fn finish(mut self, sums: &Totals) -> Result<u64> {
        let migrations = self.lines;
        self.line(|| LastLine::new(migrations, sums))?;
        self.flush()?;
        Ok(migrations)
    }

    fn line<T: Serialize>(&mut self, content: impl FnOnce() -> Result<T>) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        serde_json::to_writer(&mut *file, &content()?).context("cannot write the truth file")?;
        file.write_all(b"\n").context("cannot write the truth file")
    }
}
