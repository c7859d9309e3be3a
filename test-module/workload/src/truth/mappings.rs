//! The file of mappings: what a process says of its own memory, one JSON object per mapping.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{area::Area, maps, pagemap};

/// Where mappings go: a file, or nowhere. Every process writes to it.
#[derive(Debug)]
pub struct MappingFile(Option<File>);

/// One mapping, at the end of a scenario.
#[derive(Serialize)]
struct Line {
    pid: u32,
    mapping_start: u64,
    mapping_end: u64,
    /// As `/proc/PID/maps` has it.
    name: String,
    /// Base pages that are elsewhere, by `/proc/PID/pagemap`: on a device, where nothing is swapped
    /// out.
    elsewhere: u64,
}

impl MappingFile {
    /// Begins a file, or none.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| {
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.with_context(|| format!("cannot write the mappings to {}", path.display()))
            })
            .transpose()?;
        Ok(Self(file))
    }

    /// Writes what the kernel says now of the mapping that an area is in.
    pub fn write(&self, area: &Area) -> Result<()> {
        let Some(mut file) = self.0.as_ref() else {
            return Ok(());
        };
        let address = area.address(0);
        let mapping = maps::around(address)?;
        let pages = pagemap::look(address, area.pages(), area.bytes(1))?;
        let line = Line {
            pid: std::process::id(),
            mapping_start: mapping.start,
            mapping_end: mapping.end,
            name: mapping.name,
            elsewhere: pages.elsewhere,
        };
        // At once, or another process could write in between.
        let line = serde_json::to_string(&line)? + "\n";
        file.write_all(line.as_bytes())
            .context("cannot write a mapping")
    }
}
