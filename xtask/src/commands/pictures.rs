//! `cargo xtask pictures`: the README's pictures of the dashboard, from what it draws.

use anyhow::{Result, bail};

use crate::errors::Status;
use crate::process::spawn;
use crate::workspace::Workspace;

/// The recording that is shown, and one with waits and mappings.
const RECORDINGS: [&str; 2] = [
    "migrate-user/tests/data/mixed.arrow",
    "migrate-user/examples/pictures/arrays.arrow",
];

/// Draws all of them.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    let mut command = workspace.cargo();
    command
        .args([
            "run",
            "--quiet",
            "-p",
            "migrate-user",
            "--example",
            "pictures",
            "--",
        ])
        .args(
            RECORDINGS
                .map(|path| workspace.file(path))
                .into_iter()
                .collect::<Result<Vec<_>>>()?,
        )
        .arg(workspace.file("docs")?);
    if spawn(&mut command)?.wait()?.success() {
        Ok(())
    } else {
        bail!(Status(1))
    }
}
