//! What migscope writes is read by tools that know nothing of it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::compare::compare;
use super::trace::tell;
use crate::process::output;

/// Reads all of it.
const SCRIPT: &str = include_str!("read.py");

/// Says how other tools read a recording: the script does so.
const EXAMPLES: &str = include_str!("../../../../docs/recording.md");

/// What is exported for the script.
const EXPORTS: &[(&str, &[&str])] = &[
    ("report.json", &["report", "--json"]),
    ("run.json", &["export", "--format", "json"]),
    ("run.csv", &["export", "--format", "csv"]),
    ("run.parquet", &["export", "--format", "parquet"]),
    (
        "waits.json",
        &["export", "--format", "json", "--event", "wait"],
    ),
    (
        "waits.parquet",
        &["export", "--format", "parquet", "--event", "wait"],
    ),
    ("run.hlog", &["export", "--format", "hlog"]),
    (
        "setup.hgrm",
        &["export", "--format", "hgrm", "--step", "setup"],
    ),
    ("run.pftrace", &["export", "--format", "perfetto"]),
];

/// The driver's truth, what `report` says, and what each reader finds are the same.
pub(super) fn of_other_projects_find_the_same(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "3000", "--seed", "7", "--threads", "2"];
    compare(context, "readers", &[&arguments])?;
    let target = context.lab.setup.workspace.target("xtask/test");
    let folder = target.join("readers");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let recording = folder.join("run.arrow");
    fs::copy(target.join("readers.arrow"), &recording).context("copy the recording")?;
    for (name, arguments) in EXPORTS {
        convert(context, arguments, &recording, &folder.join(name))?;
    }
    tell(context, "readers", &read(context, &folder)?)
}

fn convert(context: &Context<'_>, arguments: &[&str], from: &Path, to: &Path) -> Result<()> {
    let file = File::create(to).with_context(|| format!("create {}", to.display()))?;
    let status = Command::new(&context.lab.reader)
        .args(arguments)
        .arg(from)
        .stdout(file)
        .status()
        .context("start migscope")?;
    ensure!(
        status.success(),
        "migscope {}: {status}",
        arguments.join(" ")
    );
    Ok(())
}

/// What the script says, a line for each reader.
fn read(context: &Context<'_>, folder: &Path) -> Result<String> {
    let python = context.lab.setup.readers.ready()?;
    let script = folder.join("read.py");
    for (path, text) in [(&script, SCRIPT), (&folder.join("recording.md"), EXAMPLES)] {
        fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    let said = output(Command::new(python).arg(&script).arg(folder))?;
    Ok(said.lines().map(|line| format!("  {line}\n")).collect())
}
