//! Recordings of scenarios, each by a recorder of its own, all of them in one boot.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use crate::driver;
use crate::process::output;
use crate::vm::builder::{Builder, Output, Task};

/// Where they lie in the guest.
const FOLDER: &str = "/tmp/recordings";
const RECORDERS: &str = "recorders";
const ARCHIVE: &str = "archive";

/// A recording to be made.
pub(super) struct Wanted<'a> {
    /// What it is called.
    pub(super) name: String,
    /// Options of `migscope record`.
    pub(super) options: &'a str,
    /// Arguments of `workload run`.
    pub(super) workload: &'a str,
}

impl Wanted<'_> {
    /// The part of a script that makes it.
    fn command(&self) -> String {
        let Self {
            name,
            options,
            workload,
        } = self;
        format!("&& migscope record -o {FOLDER}/{name}.arrow {options} -- workload run {workload} ")
    }
}

/// Makes them in a machine that `prepare` may change. The folder in which they are, `NAME.arrow`
/// each.
pub(super) fn record(
    context: &Context<'_>,
    name: &str,
    wanted: &[Wanted<'_>],
    prepare: impl FnOnce(Builder) -> Builder,
) -> Result<PathBuf> {
    let records = wanted.iter().map(Wanted::command);
    let script = format!("mkdir {FOLDER} {}", records.collect::<String>());
    let limited = |vm: Builder| prepare(vm).limit(Duration::from_secs(1200));
    made_by(context, name, FOLDER, &script, limited)
}

/// Runs a script in a machine that `prepare` may change. The folder with what it has made in this
/// one of the guest's.
pub(super) fn made_by(
    context: &Context<'_>,
    name: &str,
    guest: &str,
    script: &str,
    prepare: impl FnOnce(Builder) -> Builder,
) -> Result<PathBuf> {
    let folder = context.lab.setup.workspace.target("xtask/test").join(name);
    // What an earlier test left there is not what this one made.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let archive = folder.join("all.tar");
    let file = File::create(&archive).with_context(|| format!("create {}", archive.display()))?;
    let tar = Task::new(ARCHIVE, ["tar", "c", "-C", guest, "."]);
    let outcome = driver::load(prepare(context.lab.vm(name)))
        .task(Task::shell(RECORDERS, script))
        .task(tar.stdout(Output::Host(Box::new(file))))
        .run()?;
    outcome.expect_success(RECORDERS)?;
    outcome.expect_success(ARCHIVE)?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    output(
        Command::new("tar")
            .arg("xf")
            .arg(&archive)
            .arg("-C")
            .arg(&folder),
    )?;
    Ok(folder)
}

/// `migscope report --json` of a recording.
pub(super) fn report(context: &Context<'_>, recording: &Path) -> Result<Value> {
    let mut migscope = Command::new(&context.lab.reader);
    let page = output(migscope.args(["report", "--json"]).arg(recording))?;
    serde_json::from_str(&page).context("the report is no JSON")
}
