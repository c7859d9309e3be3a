//! Lists by which `sha256sum -c` sees that files are as they were made.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::output;

/// How such a list is called.
pub(super) const LIST: &str = "SHA256SUMS";

/// A file's checksum.
pub(super) fn sum(file: &Path) -> Result<String> {
    let said = output(Command::new("sha256sum").arg("--").arg(file))?;
    let sum = said.split_whitespace().next();
    sum.map(str::to_owned).context("sha256sum says nothing")
}

/// Writes the list of files of a folder, by their names in it.
pub(super) fn write(folder: &Path, names: &[&str]) -> Result<()> {
    let said = output(
        Command::new("sha256sum")
            .arg("--")
            .args(names)
            .current_dir(folder),
    )?;
    let list = folder.join(LIST);
    fs::write(&list, said).with_context(|| format!("write {}", list.display()))
}

/// Writes the list of every file below a folder.
pub(super) fn write_all(folder: &Path) -> Result<()> {
    let mut find = Command::new("find");
    find.args([".", "-type", "f", "-printf", "%P\\n"])
        .current_dir(folder);
    let found = output(&mut find)?;
    let mut names: Vec<_> = found.lines().collect();
    names.sort_unstable();
    write(folder, &names)
}
