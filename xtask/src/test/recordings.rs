//! Recordings of commands, in many files, on a full disk, and of a recorder that was killed: each
//! is whole as far as it goes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vm_init::verdict::End;

use super::Context;
use crate::driver;
use crate::vm::builder::{Outcome, Task};

/// The workload of all of these.
const WORKLOAD: &str = "workload run mixed --calls 400 --seed 5 --threads 1";

pub(super) fn of_a_command_end_with_it(context: &Context<'_>) -> Result<()> {
    let command = format!("migscope record -o /tmp/run.arrow -- sh -c '{WORKLOAD}; exit 3'");
    let caller = "echo 'nobody:x:65534:65534::/home/nobody:/bin/sh' >> /etc/passwd
        echo 'crew:x:77:nobody' >> /etc/group
        export SUDO_USER=nobody SUDO_UID=65534 SUDO_GID=65534
        migscope record -o /tmp/who.arrow -- sh -c 'id -u; id -G; echo $USER'";
    let outcome = driver::load(context.lab.vm("recordings-command"))
        .limit(Duration::from_secs(180))
        .task(Task::shell("command", &command))
        .task(report("report", "/tmp/run.arrow"))
        .task(Task::shell("caller", caller))
        .run()?;
    let end = outcome.end("command")?;
    ensure!(end == End::Exited(3), "the recorder ended with {end}");
    let said = String::from_utf8_lossy(&outcome.stderr("command")).into_owned();
    ensure!(said.contains("0 lost"), "it says: {said}");
    let found = figures(&outcome, "report")?;
    ensure!(
        found["unaccounted"] == 0,
        "{} unaccounted",
        found["unaccounted"]
    );
    let migrations = found["migrations"].as_u64().unwrap_or(0);
    ensure!(migrations >= 400, "only {migrations} migrations");
    outcome.expect_success("caller")?;
    let who = String::from_utf8_lossy(&outcome.stdout("caller")).into_owned();
    ensure!(who == "65534\n65534 77\nnobody\n", "the command was {who}");
    Ok(())
}

pub(super) fn on_a_full_disk_are_whole_up_to_there(context: &Context<'_>) -> Result<()> {
    let command = format!(
        "mkdir /small && mount -t tmpfs -o size=32k none /small || exit 1
        migscope record --write-every 100ms -o /small/run.arrow -- {WORKLOAD}"
    );
    let outcome = driver::load(context.lab.vm("recordings-full"))
        .limit(Duration::from_secs(180))
        .task(Task::shell("record", &command))
        .task(report("report", "/small/run.arrow"))
        .run()?;
    let end = outcome.end("record")?;
    ensure!(end == End::Exited(2), "the recorder ended with {end}");
    let said = String::from_utf8_lossy(&outcome.stderr("record")).into_owned();
    ensure!(said.contains("No space left on device"), "it says: {said}");
    let found = figures(&outcome, "report")?;
    let warned = String::from_utf8_lossy(&outcome.stderr("report")).into_owned();
    ensure!(warned.is_empty(), "the recording is not whole: {warned}");
    let count = sum(&found["records"]["counts"]);
    ensure!(
        count > 0 && said.contains(&format!("({count} migrations)")),
        "the recorder says {said}, and the report {count}"
    );
    Ok(())
}

pub(super) fn of_a_killed_recorder_are_read(context: &Context<'_>) -> Result<()> {
    let command = format!(
        "migscope record --write-every 100ms -o /tmp/run.arrow & recorder=$!
        while ! grep -q migrate_vma_setup {attached}; do sleep 0.1; done
        {WORKLOAD} && sleep 3 && kill -KILL $recorder",
        attached = crate::tracer::ATTACHED_FUNCTIONS,
    );
    let outcome = driver::load(context.lab.vm("recordings-killed"))
        .limit(Duration::from_secs(180))
        .task(Task::shell("record", &command))
        .task(report("report", "/tmp/run.arrow"))
        .run()?;
    outcome.expect_success("record")?;
    let warned = String::from_utf8_lossy(&outcome.stderr("report")).into_owned();
    ensure!(warned.contains("no end mark"), "the report warns: {warned}");
    let count = sum(&figures(&outcome, "report")?["records"]["counts"]);
    ensure!(count >= 400, "only {count} migrations");
    Ok(())
}

pub(super) fn in_many_files_add_up(context: &Context<'_>) -> Result<()> {
    let command = format!(
        "migscope record --rotate 1s -o /tmp/all.arrow -- sh -c '{WORKLOAD}; {until} /tmp/all-3.arrow; do sleep 0.1; done; {WORKLOAD}' || exit 1
        migscope record --rotate 1s --keep 2 -o /tmp/kept.arrow -- sh -c '{until} /tmp/kept-4.arrow; do sleep 0.1; done' || exit 1
        test $(ls /tmp/kept*.arrow | wc -l) = 2 || exit 1
        for file in /tmp/all*.arrow; do migscope report --json $file | tr -d '\\n'; echo; done",
        until = "until test -e",
    );
    let outcome = driver::load(context.lab.vm("recordings-rotated"))
        .limit(Duration::from_secs(180))
        .task(Task::shell("record", &command))
        .run()?;
    outcome.expect_success("record")?;
    let said = String::from_utf8_lossy(&outcome.stdout("record")).into_owned();
    let reports = said.lines().filter(|line| line.starts_with('{'));
    let reports: Vec<Value> = reports
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("a report is no JSON")?;
    ensure!(reports.len() >= 3, "only {} files", reports.len());
    let all: u64 = reports
        .iter()
        .filter_map(|report| report["ended"].as_u64())
        .sum();
    let recorded: u64 = reports
        .iter()
        .map(|report| sum(&report["records"]["counts"]))
        .sum();
    let exact: u64 = reports
        .iter()
        .map(|report| sum(&report["exact"]["counts"]))
        .sum();
    ensure!(
        recorded >= 800 && all == recorded && exact == recorded,
        "{all} ended, {recorded} recorded, {exact} in the kernel's totals"
    );
    Ok(())
}

fn report(name: &str, path: &str) -> Task {
    Task::new(name, ["migscope", "report", "--json", path])
}

fn figures(outcome: &Outcome, task: &str) -> Result<Value> {
    outcome.expect_success(task)?;
    serde_json::from_slice(&outcome.stdout(task)).context("the report is no JSON")
}

/// All migrations in these counts.
fn sum(counts: &Value) -> u64 {
    let counts = counts.as_array().into_iter().flatten();
    counts
        .filter_map(|count| count["migrations"].as_u64())
        .sum()
}
