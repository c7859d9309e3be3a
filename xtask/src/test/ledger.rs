//! What the tracer exports equals what the driver counted: page for page, call for call.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::trace::{Line, ROWS, Trace, tell, trace};

/// How many migrations must agree. CPU faults come on top of the calls that the scenario makes.
const LEAST: usize = 20_000;

pub(super) fn tracer_equals_driver_in_every_call(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "12000", "--seed", "1", "--threads", "1"];
    let run = compare(context, "ledger", &arguments)?;
    ensure!(
        run.truth.len() >= LEAST,
        "only {} migrations",
        run.truth.len()
    );
    everything_occurred(&run)?;
    tell(context, "ledger", &summary(&run)?)
}

/// Threads that migrate at the same time are told apart.
pub(super) fn threads_are_told_apart(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "1500", "--seed", "3", "--threads", "4"];
    let run = compare(context, "threads", &arguments)?;
    let threads: BTreeSet<_> = run.truth.iter().map(|line| line.tid).collect();
    ensure!(threads.len() >= 4, "only threads {threads:?}");
    tell(context, "threads", &summary(&run)?)
}

/// Runs the workload, and compares every call and all sums.
fn compare(context: &Context<'_>, name: &str, arguments: &[&str]) -> Result<Trace> {
    let run = trace(context, name, arguments, |vm| vm)?;
    for (traced, truth) in run.pairs()? {
        equal(traced, truth).with_context(|| format!("traced: {traced:?}\ndriver: {truth:?}"))?;
    }
    sums_are_equal(&run)?;
    nothing_is_lost(&run)?;
    the_truth_is_whole(&run)?;
    Ok(run)
}

/// Two accounts of one call.
fn equal(traced: &Line, truth: &Line) -> Result<()> {
    ensure!(traced.address == truth.address, "address");
    ensure!(traced.direction == truth.direction, "direction");
    ensure!(traced.trigger == truth.trigger, "trigger");
    ensure!(traced.outcome == truth.outcome, "outcome");
    ensure!(traced.errno == truth.errno, "errno");
    let mut sum = 0;
    for row in ROWS {
        ensure!(traced.pages(row)? == truth.pages(row)?, "{row}");
        sum += traced.pages(row)?;
    }
    let requested = traced.pages("requested")?;
    ensure!(requested == truth.pages("requested")?, "requested");
    ensure!(requested == sum, "the ledger does not balance");
    ensure!(
        traced.number("anomalies")? == Some(0),
        "the tracer marks it as not to be trusted"
    );
    Ok(())
}

/// What a view shows, too: the report's ledger is the sum of the driver's.
fn sums_are_equal(run: &Trace) -> Result<()> {
    for row in ["requested"].iter().chain(&ROWS) {
        let truth = sum(&run.truth, row)?;
        let reported = &run.report["ledger"][row];
        ensure!(
            reported == truth,
            "the report says {row} = {reported}, the driver {truth}"
        );
    }
    Ok(())
}

/// The driver lost no call either, and its lines add up to the sums that it keeps apart from them.
fn the_truth_is_whole(run: &Trace) -> Result<()> {
    let totals = &run.totals;
    let lines = run.truth.len() as u64;
    for (name, expected) in [("migrations", lines), ("log_lost", 0), ("unbalanced", 0)] {
        ensure!(
            totals[name] == expected,
            "the driver says {name} = {}",
            totals[name]
        );
    }
    let kinds = totals["by_kind"]
        .as_array()
        .context("the driver has no sums")?;
    for row in ["requested"].iter().chain(&ROWS) {
        let total: u64 = kinds.iter().filter_map(|kind| kind[row].as_u64()).sum();
        let lines = sum(&run.truth, row)?;
        ensure!(
            total == lines,
            "the driver sums up {row} = {total}, its calls {lines}"
        );
    }
    Ok(())
}

fn nothing_is_lost(run: &Trace) -> Result<()> {
    let report = &run.report;
    let migrations = run.truth.len() as u64;
    for (name, expected) in [
        ("migrations", migrations),
        ("ended", migrations),
        ("lost", 0),
        ("unbalanced", 0),
    ] {
        ensure!(
            report[name] == expected,
            "the report says {name} = {}",
            report[name]
        );
    }
    let losses = report["losses"]
        .as_object()
        .context("the report has no losses")?;
    ensure!(losses.values().all(|count| count == 0), "lost: {losses:?}");
    Ok(())
}

/// A row that nothing ever stood in proves nothing.
fn everything_occurred(run: &Trace) -> Result<()> {
    for row in ROWS.iter().filter(|row| **row != "wasted_fill") {
        ensure!(sum(&run.truth, row)? > 0, "no page was {row}");
    }
    for injected in ["pinned", "referenced", "whole"] {
        ensure!(sum(&run.truth, injected)? > 0, "no page was {injected}");
    }
    let occurs = |what: &str, test: &dyn Fn(&Line) -> bool| {
        ensure!(run.truth.iter().any(test), "there was no {what}");
        Ok(())
    };
    occurs("migration to the device", &|line| {
        line.direction.as_deref() == Some("to_device")
    })?;
    occurs("migration to the system", &|line| {
        line.direction.as_deref() == Some("to_system")
    })?;
    occurs("CPU fault", &|line| {
        line.trigger.as_deref() == Some("fault")
    })?;
    occurs("call by the driver", &|line| {
        line.trigger.as_deref() == Some("driver")
    })?;
    for pages in (0..10).map(|power| 1 << power) {
        occurs(&format!("batch of {pages}"), &|line| {
            line.pages("requested").is_ok_and(|count| count == pages)
        })?;
    }
    Ok(())
}

fn sum(lines: &[Line], row: &str) -> Result<u64> {
    lines.iter().map(|line| line.pages(row)).sum()
}

fn summary(run: &Trace) -> Result<String> {
    let mut text = format!("  {} migrations, all equal:", run.truth.len());
    for row in ["requested"].iter().chain(&ROWS) {
        text += &format!(" {row} {}", sum(&run.truth, row)?);
    }
    Ok(text)
}
