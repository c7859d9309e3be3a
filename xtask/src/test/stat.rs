//! `migscope stat`: each run of a command is counted by itself, page for page as the driver does.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vm_init::verdict::End;

use super::Context;
use super::account::number;
use super::totals::exact_equals;
use super::trace::{Line, ROWS, driver_truth, tell};
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::{Outcome, Task};

/// Runs of the command.
const RUNS: usize = 3;

/// Counts three runs, whose truth is that of the driver; records and reports one more; and prints
/// separated values as it goes. Each run writes its truth to the next file that is not there.
const SCRIPT: &str = "
    load='exec workload run mixed --calls 150 --seed 5 --threads 2 --truth'
    again=\"n=0; while test -e /tmp/truth-\\$n; do n=\\$((n + 1)); done; $load /tmp/truth-\\$n >/dev/null\"
    migscope stat --json -r 3 -o /tmp/stat.json -- sh -c \"$again\" || exit 1
    echo == stat; cat /tmp/stat.json
    for n in 0 1 2; do echo == truth-$n; cat /tmp/truth-$n; done
    echo == lines
    migscope stat -x , -I 200 -o - -- sh -c \"$load /tmp/truth-lines >/dev/null\" || exit 1
    echo == truth-lines; cat /tmp/truth-lines
    migscope record -o /tmp/run.arrow -- sh -c \"$load /tmp/truth-record >/dev/null\" || exit 1
    echo == report; migscope report --json /tmp/run.arrow";

/// A page for people, and how a command that fails or is interrupted ends.
const PAGE: &str = "
    load='workload run mixed --calls 50 --seed 5 --threads 2'
    echo == page; migscope stat -r 3 -o - -- sh -c \"$load >/dev/null\"
    echo == failed; migscope stat -r 3 -o - -- sh -c \"$load >/dev/null; exit 3\"; echo status $?
    echo == stopped
    migscope stat -o /tmp/stopped -- sleep 1000 & stat=$!
    while ! pidof sleep >/dev/null; do sleep 0.1; done
    kill -INT $stat; kill -INT $(pidof sleep); wait $stat; echo status $?; cat /tmp/stopped
    exit 7";

pub(super) fn runs_are_counted_as_the_driver_does(context: &Context<'_>) -> Result<()> {
    let outcome = driver::load(context.lab.vm("stat"))
        .limit(Duration::from_secs(600))
        .task(Task::shell("stat", SCRIPT))
        .task(Task::shell("page", PAGE))
        .run()?;
    outcome.expect_success("stat")?;
    let sections = Sections::of(&outcome.stdout("stat"));
    let stat = json(&sections, "stat")?;
    let runs = stat["runs"].as_array().context("no runs")?;
    ensure!(runs.len() == RUNS, "{} runs", runs.len());
    for (nth, run) in runs.iter().enumerate() {
        let truth = truth(&sections, &format!("truth-{nth}"))?;
        run_is_equal(&stat, nth, run, &truth).with_context(|| format!("run {nth}"))?;
    }
    lines_add_up(&sections)?;
    has_the_names_of_the_report(&stat, &json(&sections, "report")?)?;
    pages_say_so(context, &outcome)
}

fn json(sections: &Sections, name: &str) -> Result<Value> {
    serde_json::from_str(sections.get(name)?).with_context(|| format!("{name} is no JSON"))
}

/// What the driver says of one run.
fn truth(sections: &Sections, name: &str) -> Result<Vec<Line>> {
    driver_truth(sections.get(name)?.as_bytes()).with_context(|| name.to_owned())
}

/// One run, as the object tells it by itself and beside the others.
fn run_is_equal(stat: &Value, nth: usize, run: &Value, truth: &[Line]) -> Result<()> {
    ensure!(truth.len() >= 150, "the driver made {} calls", truth.len());
    let lines: Vec<_> = truth.iter().collect();
    exact_equals(&run["exact"], &lines)?;
    ensure!(
        run["migrations"] == truth.len(),
        "{} migrations, the driver made {}",
        run["migrations"],
        truth.len()
    );
    for row in ["requested"].iter().chain(&ROWS) {
        let pages = truth.iter().map(|line| line.pages(row));
        let pages: u64 = pages.sum::<Result<_>>()?;
        let told = (
            &run["ledger"][row],
            figure(stat, "pages", "pages", row)?["values"][nth].clone(),
        );
        ensure!(
            told == (&pages.into(), pages.into()),
            "{row}: it says {told:?}, the driver {pages}"
        );
    }
    let losses = run["losses"].as_object().context("no losses")?;
    ensure!(losses.values().all(|count| *count == 0), "lost: {losses:?}");
    for name in ["status", "lost", "blurred"] {
        ensure!(run[name] == 0, "{name} is {}", run[name]);
    }
    ensure!(
        run["under_way"]["beginning"] == 0 && run["under_way"]["end"] == 0,
        "calls were under way: {}",
        run["under_way"]
    );
    let figures = run["exact"]["figures"].as_array().context("no figures")?;
    let totals = figures.iter().filter(|it| it["figure"] == "total_ns");
    let steps: u64 = totals.map(|it| number(&it["sum"])).sum::<Result<_>>()?;
    let told = number(&figure(stat, "steps", "ns", "total")?["values"][nth])?;
    ensure!(
        told == steps && steps > 0,
        "{told} ns in steps, and {steps} by the totals"
    );
    let began = truth.iter().map(|line| line.time_ns);
    let span = began.clone().max().unwrap_or(0) - began.min().unwrap_or(0);
    let elapsed = number(&run["elapsed_ns"])?;
    ensure!(
        elapsed > span,
        "{elapsed} ns elapsed, and the driver was called for {span} ns"
    );
    Ok(())
}

/// A figure of a group, by its unit and name.
fn figure<'a>(stat: &'a Value, group: &str, unit: &str, name: &str) -> Result<&'a Value> {
    let figures = stat[group].as_array().context("no such group")?;
    let found = figures
        .iter()
        .find(|it| it["unit"] == unit && it["name"] == name);
    found.with_context(|| format!("no {name} in {group}"))
}

/// The lines of intervals, for programs, are together what the driver made.
fn lines_add_up(sections: &Sections) -> Result<()> {
    let truth = truth(sections, "truth-lines")?;
    let mut lines = sections.get("lines")?.lines();
    let names: Vec<_> = lines.next().context("no names")?.split(',').collect();
    let mut sums = BTreeMap::<&str, u64>::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        for (name, value) in names.iter().zip(line.split(',')) {
            *sums.entry(name).or_default() += value.parse::<u64>().context("no number")?;
        }
    }
    ensure!(count >= 1, "there is no line");
    ensure!(
        sums["migrations"] == truth.len() as u64 && sums["lost"] == 0,
        "{sums:?} in {count} lines, and the driver made {}",
        truth.len()
    );
    for row in ["requested"].iter().chain(&ROWS) {
        let pages = truth.iter().map(|line| line.pages(row));
        let pages: u64 = pages.sum::<Result<_>>()?;
        ensure!(
            sums[row] == pages,
            "{row}: {} instead of {pages}",
            sums[row]
        );
    }
    Ok(())
}

/// Of the same program, a report has the same figures under the same names.
fn has_the_names_of_the_report(stat: &Value, report: &Value) -> Result<()> {
    let ledger = report["ledger"].as_object().context("no ledger")?;
    for row in ["requested"].iter().chain(&ROWS) {
        figure(stat, "pages", "pages", row)?;
        ensure!(ledger.contains_key(*row), "the report has no {row}");
    }
    let steps = report["steps"]["both"].as_object().context("no steps")?;
    for step in steps.keys() {
        figure(stat, "steps", "ns", step)?;
    }
    for count in report["waits"]["counts"].as_array().context("no waits")? {
        let kind = count["kind"].as_str().context("no kind")?;
        figure(stat, "waits", "waits", kind)?;
    }
    let calls = |kinds: &[Value]| {
        let of = kinds.iter().map(|kind| number(&kind["migrations"]));
        of.sum::<Result<u64>>()
    };
    let kinds = report["kinds"].as_array().context("no kinds")?;
    ensure!(
        report["exact"]["counts"].is_array() && calls(kinds)? == number(&report["migrations"])?,
        "the report does not agree with itself"
    );
    Ok(())
}

fn pages_say_so(context: &Context<'_>, outcome: &Outcome) -> Result<()> {
    let end = outcome.end("page")?;
    ensure!(end == End::Exited(7), "the pages ended with {end}");
    let sections = Sections::of(&outcome.stdout("page"));
    let page = sections.get("page")?;
    tell(context, "stat", page)?;
    for said in [
        "3 runs: mean ± standard deviation",
        "requested",
        "moved",
        "Elapsed",
    ] {
        ensure!(page.contains(said), "no {said:?} in {page}");
    }
    let failed = sections.get("failed")?;
    ensure!(
        failed.contains("exit status 3 in run 1 of 3") && failed.ends_with("status 3\n"),
        "a command that fails: {failed}"
    );
    let stopped = sections.get("stopped")?;
    ensure!(
        stopped.starts_with("status 130\n") && stopped.contains("Interrupted"),
        "a command that is interrupted: {stopped}"
    );
    Ok(())
}
