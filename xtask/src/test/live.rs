//! What the tracer tells while it traces, and of what it cannot follow to its end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::nothing_is_lost;
use crate::driver;
use crate::metrics::sum;
use crate::sections::Sections;
use crate::setup::programs::{CURL, Programs};
use crate::tracer::{ATTACHED_FUNCTIONS, TRACED};
use crate::vm::Machine;
use crate::vm::builder::{Outcome, Task};

/// Threads that make one call each: more than the tracer has room for.
const CROWD: u64 = 5_000;

/// Calls that end with setup, all at once, and whose threads are gone by then: each has its record.
pub(super) fn abandoned_calls_are_all_recorded(context: &Context<'_>) -> Result<()> {
    // Calls of which nothing more comes are over after one second; none of these threads is there
    // by then.
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

/// Calls that are asleep in their driver when tracing ends, for longer than the tracer waits for
/// them, are counted.
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

/// What `serve` serves is what the kernel had counted a second before at the latest, and its time
/// is told by the wall clock, whatever that is set to.
pub(super) fn totals_are_at_most_a_second_old(context: &Context<'_>) -> Result<()> {
    const ROUNDS: usize = 6;
    let programs = Programs::fetched(&context.lab.setup.cache, CURL)?;
    let server = Task::new(
        "server",
        ["migscope", "serve", "--listen", "unix:/tmp/socket"],
    )
    .background()
    .ready_when(ATTACHED_FUNCTIONS, TRACED);
    let curl = "curl --silent --fail --unix-socket /tmp/socket http://localhost";
    // Each round another number of calls, and no call that is over only when it has been silent for
    // a while.
    let script = format!(
        "until {curl}/-/ready > /dev/null; do sleep 0.1; done
        scrape() {{
            echo == $1 made; cat /tmp/made
            echo == $1 metrics; {curl}/metrics
            echo == $1 date; date +%s
        }}
        for round in $(seq {ROUNDS}); do
            workload run storm --calls 37 --seed $round --truth /tmp/truth || exit 1
            grep -vc totals /tmp/truth >> /tmp/made
            sleep 1
            scrape $round
        done
        date -s @$(($(date +%s) + 864000)) > /dev/null
        scrape later"
    );
    let vm = driver::load(context.lab.vm("live-totals"));
    let outcome = vm
        .files(programs.files("usr/bin/curl")?)
        .limit(Duration::from_secs(300))
        .task(server)
        .task(Task::shell("scrape", &script))
        .run()?;
    outcome.expect_success("scrape")?;
    outcome.expect_success("server")?;
    let sections = Sections::of(&outcome.stdout("scrape"));
    for round in 1..=ROUNDS {
        let number = |line: &str| line.trim().parse::<f64>().ok();
        let made: f64 = sections
            .get(&format!("{round} made"))?
            .lines()
            .filter_map(number)
            .sum();
        let metrics = sections.get(&format!("{round} metrics"))?;
        let served = sum(metrics, "migscope_migrations_total{", "");
        ensure!(
            served == made,
            "a second after the driver had made {made} migrations, {served} were served"
        );
    }
    let metrics = sections.get("later metrics")?;
    let now: f64 = sections.get("later date")?.trim().parse()?;
    for (name, at_most) in [
        ("migscope_totals_timestamp_seconds", 3.0),
        ("migscope_start_time_seconds", 200.0),
    ] {
        let told = sum(metrics, name, "");
        ensure!(
            (now - at_most..=now + 1.0).contains(&told),
            "{name} is {told}, and it is {now}"
        );
    }
    Ok(())
}

/// Files of a second are of a second, and each one's totals are of its rows, also under load and
/// where records are lost.
pub(super) fn rotated_files_are_of_their_time(context: &Context<'_>) -> Result<()> {
    const SECONDS: usize = 12;
    let script = format!(
        "workload run storm --duration 120 --threads 2 --rate 400 >/dev/null & load=$!
        migscope record --rotate 1s --duration {SECONDS} -o /tmp/all.arrow || exit 1
        kill $load; wait $load
        workload run storm --duration 120 --threads 2 --rate 400 >/dev/null & load=$!
        migscope record --rotate 1s --duration 6 --ring-size 4096 -o /tmp/few.arrow & recorder=$!
        until grep -q migrate_vma_setup {ATTACHED_FUNCTIONS}; do sleep 0.1; done
        sleep 1; kill -STOP $recorder; sleep 1; kill -CONT $recorder
        wait $recorder || exit 1
        kill $load; wait $load
        for name in all few; do
            echo == $name
            for file in /tmp/$name*.arrow; do migscope report --json $file | tr -d '\\n'; echo; done
        done"
    );
    // One processor: on two emulated ones, to patch the kernel's code under load trips over the
    // emulation.
    let one = |machine| Machine {
        processors: 1,
        ..machine
    };
    let outcome = driver::load(context.lab.vm("live-rotated"))
        .machine(one)
        .limit(Duration::from_secs(300))
        .task(Task::shell("record", &script))
        .run()?;
    outcome.expect_success("record")?;
    let sections = Sections::of(&outcome.stdout("record"));
    let (all, few) = (
        reports(sections.get("all")?)?,
        reports(sections.get("few")?)?,
    );
    let recorded: u64 = all
        .iter()
        .map(|report| migrations_in(&report["records"]["counts"]))
        .sum();
    ensure!(recorded > 0, "nothing was recorded: this proves nothing");
    // It may come late to the last one or two.
    ensure!(
        all.len() + 2 > SECONDS,
        "{} files of a second each in {SECONDS} s",
        all.len()
    );
    for report in all.iter().chain(&few) {
        let rows = migrations_in(&report["records"]["counts"]);
        let exact = migrations_in(&report["exact"]["counts"]);
        let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
        let (ended, losses) = (number(&report["ended"]), &report["losses"]);
        let (full, incomplete) = (number(&losses["ring_full"]), number(&losses["incomplete"]));
        ensure!(
            rows + full + incomplete == ended && exact + incomplete == ended,
            "a file has {rows} rows, {exact} in its totals, and {ended} ended: {losses}"
        );
    }
    let full = few.iter().map(|report| &report["losses"]["ring_full"]);
    ensure!(
        full.filter_map(Value::as_u64).sum::<u64>() > 0,
        "the small ring was never full: this proves nothing"
    );
    Ok(())
}

fn reports(text: &str) -> Result<Vec<Value>> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).context("a report is no JSON"))
        .collect()
}

/// All migrations in these counts.
fn migrations_in(counts: &Value) -> u64 {
    let counts = counts.as_array().into_iter().flatten();
    counts
        .filter_map(|count| count["migrations"].as_u64())
        .sum()
}

/// A recorder whose reader has gone says so, what it had recorded, and ends with status 2.
pub(super) fn a_reader_that_leaves_is_told_of(context: &Context<'_>) -> Result<()> {
    let script = "workload run storm --duration 20 >/dev/null & load=$!
        { migscope record -o - 2> /tmp/said; echo $? > /tmp/status; } | head -c 20000 > /dev/null
        until test -s /tmp/status; do sleep 0.1; done
        kill $load; wait $load
        cat /tmp/status /tmp/said";
    let outcome = driver::load(context.lab.vm("live-reader"))
        .task(Task::shell("record", script))
        .run()?;
    outcome.expect_success("record")?;
    let said = String::from_utf8_lossy(&outcome.stdout("record")).into_owned();
    ensure!(
        said.starts_with("2\n") && said.contains("ended early") && said.contains("migrations were"),
        "it ended with {said}"
    );
    Ok(())
}

/// The report of a recording of this command.
pub(super) fn recorded(
    context: &Context<'_>,
    name: &str,
    options: &str,
    command: &str,
) -> Result<Value> {
    let record =
        format!("migscope record {options} -o /tmp/run.arrow -- sh -c '{command}' >/dev/null");
    recorded_by(context, name, &record)
}

/// The report of the recording that this script makes in `/tmp/run.arrow`.
pub(super) fn recorded_by(context: &Context<'_>, name: &str, script: &str) -> Result<Value> {
    Ok(recorded_with_output(context, name, script)?.0)
}

/// The same, and what the script prints.
pub(super) fn recorded_with_output(
    context: &Context<'_>,
    name: &str,
    script: &str,
) -> Result<(Value, Vec<u8>)> {
    let outcome = driver::load(context.lab.vm(name))
        .limit(Duration::from_secs(300))
        .task(Task::shell("record", script))
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
    Ok((json(&outcome, "report")?, outcome.stdout("record")))
}

fn json(outcome: &Outcome, task: &str) -> Result<Value> {
    let text = outcome.stdout(task);
    serde_json::from_slice(&text)
        .with_context(|| format!("{task} said {}", String::from_utf8_lossy(&text)))
}
