//! The table of calls in flight under threads that come and go: a million calls, none lost, no page
//! miscounted, no slot left. Processors of 64-bit ARM see each other's stores in less order than
//! those of x86-64 do.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::{nothing_is_lost, number};
use super::trace::{ROWS, tell};
use crate::driver;
use crate::sections::Sections;
use crate::vm::Machine;
use crate::vm::builder::Task;

/// How many processors, and calls, and from where the choices begin.
const RUNS: [(u32, u64, u64); 2] = [(2, 800_000, 21), (4, 200_000, 22)];
/// Threads at a time, each with a page.
const AT_ONCE: u64 = 24;
/// A call takes longer where another program wants the host's processors, too.
const LIMIT: Duration = Duration::from_secs(1500);

pub(super) fn a_million_calls_leave_nothing(context: &Context<'_>) -> Result<()> {
    let mut told = Vec::new();
    for (processors, calls, seed) in RUNS {
        let line = one(context, processors, calls, seed)
            .with_context(|| format!("{processors} processors, seed {seed}"))?;
        told.push(line);
    }
    tell(context, "churn", &told.join("\n"))
}

fn one(context: &Context<'_>, processors: u32, calls: u64, seed: u64) -> Result<String> {
    let script = format!(
        "migscope record --totals-only -o /tmp/run.arrow -- \
             workload churn {calls} --at-once {AT_ONCE} --seed {seed} --truth /tmp/truth >&2 || exit 1
        echo '== truth'; cat /tmp/truth
        echo '== report'; migscope report --json /tmp/run.arrow"
    );
    let vm = context.lab.vm("churn").machine(|machine| Machine {
        processors,
        ..machine
    });
    let outcome = driver::load(vm)
        .limit(LIMIT)
        .task(Task::shell("churn", &script))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("churn")?;
    driver::left_nothing_behind(&outcome)?;
    let sections = Sections::of(&outcome.stdout("churn"));
    let json = |name| -> Result<Value> {
        serde_json::from_str(sections.get(name)?).with_context(|| format!("{name} is no JSON"))
    };
    let (truth, report) = (json("truth")?, json("report")?);
    nothing_is_lost(&report)?;
    let kinds = truth["totals"]["by_kind"].as_array().context("no truth")?;
    let counts = report["exact"]["counts"]
        .as_array()
        .context("no totals of the kernel's")?;
    let made = sum(kinds.iter().map(|kind| &kind["migrations"]))?;
    ensure!(
        (calls..=calls + AT_ONCE).contains(&made),
        "the driver counts {made} calls of {calls} and the faults at the end"
    );
    for row in ["migrations", "requested"].iter().chain(&ROWS) {
        let by_driver = sum(kinds.iter().map(|kind| &kind[*row]))?;
        let traced = sum(counts.iter().map(|count| match *row {
            "migrations" => &count["migrations"],
            row => &count["ledger"][row],
        }))?;
        ensure!(
            traced == by_driver,
            "{row}: {traced} traced, {by_driver} by the driver"
        );
    }
    let said = String::from_utf8_lossy(&outcome.stderr("churn")).into_owned();
    let said = said.lines().find(|line| line.contains("at a time"));
    Ok(format!(
        "  {processors} processors, seed {seed}: {}, all equal",
        said.unwrap_or_default()
    ))
}

fn sum<'a>(mut values: impl Iterator<Item = &'a Value>) -> Result<u64> {
    values.try_fold(0, |sum, value| Ok(sum + number(value)?))
}
