//! What the tracer tells while it traces, and of what it cannot follow to its end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use crate::driver;
use crate::vm::builder::{Outcome, Task};

/// Threads that make one call each.
const CROWD: u64 = 500;

/// Calls that end with setup, all at once, and whose threads are gone by then: each has its record.
pub(super) fn abandoned_calls_are_all_recorded(context: &Context<'_>) -> Result<()> {
    // Calls of which nothing more comes are over after one second; none of these threads is there by then.
    let command = format!("workload crowd {CROWD} && sleep 3");
    let report = recorded(context, "live-abandoned", "", &command)?;
    let counts = report["records"]["counts"].as_array();
    let abandoned: u64 = counts
        .into_iter()
        .flatten()
        .filter(|count| count["outcome"] == "abandoned")
        .filter_map(|count| count["migrations"].as_u64())
        .sum();
    ensure!(
        abandoned == CROWD && report["ended"] == CROWD,
        "{abandoned} records of {CROWD} calls that were abandoned, {} ended: {}",
        report["ended"],
        report["losses"]
    );
    nothing_is_lost(&report)
}

/// The same when tracing ends right after them.
pub(super) fn abandoned_calls_are_recorded_at_the_end(context: &Context<'_>) -> Result<()> {
    let command = format!("workload crowd {CROWD}");
    let report = recorded(context, "live-abandoned-end", "", &command)?;
    ensure!(
        report["ended"] == CROWD,
        "{} ended of {CROWD} calls that were abandoned: {}",
        report["ended"],
        report["losses"]
    );
    nothing_is_lost(&report)
}

/// Calls that are asleep in their driver when tracing ends, for longer than the tracer waits for them, are counted.
pub(super) fn unfinished_calls_are_counted(context: &Context<'_>) -> Result<()> {
    const ASLEEP: u64 = 20;
    let command = format!("workload crowd {ASLEEP} --asleep & sleep 1");
    let report = recorded(context, "live-unfinished", "", &command)?;
    ensure!(
        report["losses"]["unfinished"] == ASLEEP && report["ended"] == 0,
        "{ASLEEP} calls were asleep when tracing ended, and it tells of {} that ended and {}",
        report["ended"],
        report["losses"]
    );
    Ok(())
}

/// The report of a recording of this command.
fn recorded(context: &Context<'_>, name: &str, options: &str, command: &str) -> Result<Value> {
    let record =
        format!("migscope record {options} -o /tmp/run.arrow -- sh -c '{command}' >/dev/null");
    let outcome = driver::load(context.lab.vm(name))
        .limit(Duration::from_secs(300))
        .task(Task::shell("record", &record))
        .task(Task::new(
            "report",
            ["migscope", "report", "--json", "/tmp/run.arrow"],
        ))
        .run()?;
    outcome.expect_success("record")?;
    outcome.expect_success("report")?;
    ensure!(
        outcome.warnings.is_empty(),
        "the kernel warns: {}",
        outcome.warnings.join("\n")
    );
    json(&outcome, "report")
}

fn json(outcome: &Outcome, task: &str) -> Result<Value> {
    let text = outcome.stdout(task);
    serde_json::from_slice(&text)
        .with_context(|| format!("{task} said {}", String::from_utf8_lossy(&text)))
}

/// An error unless every count of losses is 0.
fn nothing_is_lost(report: &Value) -> Result<()> {
    let losses = report["losses"].as_object().context("no losses")?;
    let lost: Vec<_> = losses.iter().filter(|(_, count)| **count != 0).collect();
    ensure!(lost.is_empty(), "lost: {lost:?}");
    Ok(())
}
