//! What the scenarios' program says to bad use.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Context;

pub(super) fn an_unknown_one_is_refused(context: &Context<'_>) -> Result<()> {
    let mut workload = Command::new(&context.lab.programs.workload);
    let output = workload
        .args(["run", "no-such-scenario"])
        .output()
        .context("start workload")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(2),
        "it ended with {} instead of status 2",
        output.status
    );
    ensure!(
        message.contains("no-such-scenario") && message.contains("mixed"),
        "it says only: {message}"
    );
    Ok(())
}
