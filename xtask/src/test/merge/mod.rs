//! A recording beside traces of other tools, read by the published schema of what comes of it.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Context;
use super::runs::made_by;
use super::trace::tell;
use crate::process::output;

/// Makes the traces, merges, and reads.
const SCRIPT: &str = include_str!("merge.py");

/// Where the recording lies in the guest.
const FOLDER: &str = "/tmp/merge";

/// What is recorded: a workload, and what the clocks were just before and after it, as others than
/// the tracer read them. The wall clock is that of a file's time: the guest's `date` knows seconds.
const RECORD: &str = "mkdir /tmp/merge && cd /tmp/merge && migscope record -o run.arrow -- sh -c '
    touch now; stat -c %y now > wall; cat /proc/uptime > boot
    workload run mixed --calls 600 --seed 4
    cat /proc/uptime >> boot; touch now; stat -c %y now >> wall'";

/// What another tool saw lies where it was, among the migrations that the clocks have around it.
pub(super) fn puts_both_on_one_clock(context: &Context<'_>) -> Result<()> {
    let folder = made_by(context, "merge", FOLDER, RECORD, |vm| vm)?;
    let python = context.lab.setup.readers.ready()?;
    let script = folder.join("merge.py");
    fs::write(&script, SCRIPT).with_context(|| format!("write {}", script.display()))?;
    let mut reading = Command::new(python);
    let reading = reading.arg(&script).arg(&folder).arg(&context.lab.reader);
    let said = output(reading)?;
    let said: String = said.lines().map(|line| format!("  {line}\n")).collect();
    tell(context, "merge", &said)
}
