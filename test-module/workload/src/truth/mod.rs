//! The truth file: what the driver says it did, one JSON object per line. Another one has the calls
//! in which somebody may have waited, and a third what processes say of their own memory.

mod line;
mod mappings;
mod names;
pub mod pipe;
pub mod sums;
mod waits;

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::line::{LastLine, Line};
pub use self::mappings::MappingFile;
use self::waits::{LastWaitLine, WaitLine};
use crate::uapi::{Totals, Truth, Wait, WaitTotals};

/// Where lines go: a file, or nowhere.
#[derive(Debug)]
struct Lines(Option<BufWriter<File>>);

impl Lines {
    fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| {
                let file = File::create(path);
                file.with_context(|| format!("cannot write the truth file {}", path.display()))
            })
            .transpose()?;
        Ok(Self(file.map(BufWriter::new)))
    }

    fn write<T: Serialize>(&mut self, content: impl FnOnce() -> Result<T>) -> Result<()> {
        let Some(file) = &mut self.0 else {
            return Ok(());
        };
        serde_json::to_writer(&mut *file, &content()?).context("cannot write the truth file")?;
        file.write_all(b"\n").context("cannot write the truth file")
    }

    fn flush(&mut self) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |file| {
            file.flush().context("cannot write the truth file")
        })
    }
}

/// Where truths go: a file, or nowhere.
#[derive(Debug)]
pub struct TruthFile {
    lines: Lines,
    count: u64,
}

impl TruthFile {
    /// Begins a file, or counts only.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        Ok(Self {
            lines: Lines::create(path)?,
            count: 0,
        })
    }

    /// Writes one migration.
    pub fn write(&mut self, truth: &Truth) -> Result<()> {
        self.count += 1;
        self.lines.write(|| Line::try_from(truth))
    }

    /// What was written is in the file.
    pub fn flush(&mut self) -> Result<()> {
        self.lines.flush()
    }

    /// Writes the last line: what the driver itself added up meanwhile. Gives the number of lines
    /// before it.
    pub fn finish(mut self, sums: &Totals) -> Result<u64> {
        let migrations = self.count;
        self.lines.write(|| LastLine::new(migrations, sums))?;
        self.flush()?;
        Ok(migrations)
    }
}

/// Where waits go: a file, or nowhere.
#[derive(Debug)]
pub struct WaitFile {
    lines: Lines,
    count: u64,
    /// Of what the driver knows nothing.
    own: WaitTotals,
}

impl WaitFile {
    /// Begins a file, or none.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        Ok(Self {
            lines: Lines::create(path)?,
            count: 0,
            own: WaitTotals::default(),
        })
    }

    /// Whether anybody wants to know.
    pub fn is_wanted(&self) -> bool {
        self.lines.0.is_some()
    }

    /// Writes what the driver says of one call.
    pub fn write(&mut self, wait: &Wait) -> Result<()> {
        self.count += 1;
        self.lines.write(|| WaitLine::try_from(wait))
    }

    /// Writes what the workload itself has measured.
    pub fn write_own(&mut self, wait: &Wait) -> Result<()> {
        self.own.count(wait);
        self.write(wait)
    }

    /// What was written is in the file.
    pub fn flush(&mut self) -> Result<()> {
        self.lines.flush()
    }

    /// Writes the last line: what the driver itself added up meanwhile, and what the workload has.
    pub fn finish(mut self, mut sums: WaitTotals) -> Result<()> {
        sums::add_waits(&mut sums, &WaitTotals::default(), &self.own);
        let count = self.count;
        self.lines.write(|| LastWaitLine::new(count, &sums))?;
        self.flush()
    }
}
