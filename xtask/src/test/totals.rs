//! What the kernel adds up by itself: equal to what the driver counted, whatever becomes of the
//! records.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::all_is_told;
use super::compare::{compare, sum};
use super::tally::Tally;
use super::trace::{Line, ROWS, Recorder, STEPS, Trace, tell, trace_by};

/// How far a quantile of the totals may be from that of the records, of the larger.
const SHARE: f64 = 0.01;
const QUANTILES: [&str; 4] = ["p50", "p90", "p99", "p999"];

/// Records are lost by the thousand: the ring is small, and its reader is stopped. Nothing else is.
pub(super) fn stay_exact_when_records_are_lost(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--ring-size", "64K"],
        asleep: true,
    };
    let arguments = ["storm", "--calls", "20000", "--seed", "5"];
    let trace = trace_by(context, "lossy", by, &[&arguments], |vm| vm)?;
    let run = trace.only()?;
    Tally::of(run)?.expect(&[("batch 1", 20_000), ("threads", 2)])?;
    let calls = run.truth.len() as u64;
    let (received, lost) = (run.traced.len() as u64, number(&trace.report, "lost")?);
    ensure!(lost > 0, "nothing was lost: this proves nothing");
    ensure!(
        number(&trace.report["losses"], "ring_full")? == lost,
        "{lost} lost, and not all in the ring: {}",
        trace.report["losses"]
    );
    all_is_told(&trace)?;
    ensure!(
        trace.report["coverage"]["from"] == "kernel",
        "the report is not from the kernel's totals"
    );
    equal_the_drivers(&trace)?;
    tell(
        context,
        "lossy",
        &format!("  {calls} calls, {received} records, {lost} lost, totals equal"),
    )
}

/// No records at all.
pub(super) fn are_all_there_is_when_asked_for(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--totals-only"],
        asleep: false,
    };
    let runs: [&[&str]; 2] = [
        &["mixed", "--calls", "1500", "--seed", "6"],
        &["sequences", "--calls", "150", "--seed", "6"],
    ];
    let trace = trace_by(context, "totals-only", by, &runs, |vm| vm)?;
    ensure!(
        trace.runs.iter().all(|run| run.traced.is_empty()),
        "there are records"
    );
    ensure!(number(&trace.report, "lost")? == 0, "records were lost");
    all_is_told(&trace)?;
    equal_the_drivers(&trace)
}

/// Every tenth is recorded, and all are counted.
pub(super) fn count_what_is_not_sampled(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--sample", "10"],
        asleep: false,
    };
    let arguments = ["mixed", "--calls", "1000", "--seed", "7"];
    let trace = trace_by(context, "sampled", by, &[&arguments], |vm| vm)?;
    let run = trace.only()?;
    let expected = run.truth.len().div_ceil(10);
    ensure!(
        run.traced.len() == expected,
        "{} records of {} calls",
        run.traced.len(),
        run.truth.len()
    );
    ensure!(
        number(&trace.report, "unaccounted")? == 0,
        "the report misses records that were not asked for"
    );
    all_is_told(&trace)?;
    equal_the_drivers(&trace)
}

/// Where nothing is lost, both tell the same.
pub(super) fn have_the_quantiles_of_the_records(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "4000", "--seed", "8"];
    let trace = compare(context, "quantiles", &[&arguments])?;
    let (exact, records) = (
        figures(&trace.report["exact"])?,
        figures(&trace.report["records"])?,
    );
    ensure!(
        exact.keys().eq(records.keys()) && exact.len() > 16,
        "the totals have {:?}, the records {:?}",
        exact.keys(),
        records.keys()
    );
    let mut largest = 0.0f64;
    for (name, exact) in &exact {
        let records = &records[name];
        for exactly in ["count", "sum"] {
            ensure!(exact[exactly] == records[exactly], "{exactly} of {name}");
        }
        for quantile in QUANTILES {
            // Too few values for it, on both sides.
            if exact[quantile].is_null() && records[quantile].is_null() {
                continue;
            }
            let (kernels, recorded) = (
                number(exact, quantile)? as f64,
                number(records, quantile)? as f64,
            );
            let off = (kernels - recorded).abs() / kernels.max(recorded).max(1.0);
            ensure!(
                off <= SHARE,
                "{quantile} of {name}: {kernels} in the kernel, {recorded} by the records"
            );
            largest = largest.max(off);
        }
    }
    let count = exact.len();
    tell(
        context,
        "quantiles",
        &format!("  {count} figures, the largest difference of a quantile: {largest}"),
    )
}

/// The kernel's counters, its histograms' counts, and its sums of pages per call are those of the
/// driver, by direction, cause and outcome.
pub(super) fn equal_the_drivers(trace: &Trace) -> Result<()> {
    let lines: Vec<_> = trace.runs.iter().flat_map(|run| &run.truth).collect();
    exact_equals(&trace.report["exact"], &lines)
}

/// The same of any totals, and the driver's lines that they are of.
pub(super) fn exact_equals(exact: &Value, lines: &[&Line]) -> Result<()> {
    counts_are_equal(exact, lines)?;
    histograms_have_all(exact, lines)
}

fn counts_are_equal(exact: &Value, lines: &[&Line]) -> Result<()> {
    let mut expected = BTreeMap::<_, Vec<&Line>>::new();
    for line in lines {
        let key = format!("{} {}", kind(line), line.outcome);
        expected.entry(key).or_default().push(line);
    }
    let counted = exact["counts"].as_array().context("no totals")?;
    let key = |count: &Value| {
        let names = ["direction", "cause", "outcome"];
        names.map(|name| count[name].as_str().unwrap_or_default().to_owned())
    };
    let counted: BTreeMap<_, _> = counted
        .iter()
        .map(|count| (key(count).join(" "), count))
        .collect();
    ensure!(
        counted.keys().eq(expected.keys()),
        "the kernel counts {:?}, the driver {:?}",
        counted.keys(),
        expected.keys()
    );
    for (key, lines) in expected {
        let count = counted[&key];
        ensure!(
            count["migrations"] == lines.len() && count["unbalanced"] == 0,
            "{key}: the kernel counts {count}, the driver {}",
            lines.len()
        );
        for row in ["requested"].iter().chain(&ROWS) {
            let expected = sum(lines.iter().copied(), row)?;
            ensure!(
                count["ledger"][row] == expected,
                "{key}: the kernel counts {row} = {}, the driver {expected}",
                count["ledger"][row]
            );
        }
    }
    Ok(())
}

/// Each step is in its histogram as often as the driver saw it, and each call by its pages.
fn histograms_have_all(exact: &Value, lines: &[&Line]) -> Result<()> {
    let figures = figures(exact)?;
    let mut kinds = BTreeMap::<_, Vec<&Line>>::new();
    for line in lines {
        kinds.entry(kind(line)).or_default().push(line);
    }
    for (kind, lines) in kinds {
        let count = |figure: &str| match figures.get(&format!("{kind} {figure}")) {
            Some(found) => number(found, "count"),
            None => Ok(0),
        };
        for step in STEPS {
            let mut seen = 0;
            for line in &lines {
                seen += u64::from(line.step_ns(step)?.is_some());
            }
            let counted = count(&format!("{step}_ns"))?;
            ensure!(
                counted == seen,
                "{kind}: {counted} of {step} in the kernel's histogram, the driver saw {seen}"
            );
        }
        let calls = count("pages_per_call")?;
        ensure!(
            calls == lines.len() as u64 && count("total_ns")? == calls,
            "{kind}: {calls} calls in the kernel's histogram, the driver made {}",
            lines.len()
        );
        let pages = &figures[&format!("{kind} pages_per_call")]["sum"];
        ensure!(
            *pages == sum(lines.iter().copied(), "requested")?,
            "{kind}: {pages} pages in the kernel's histogram"
        );
    }
    Ok(())
}

fn kind(line: &Line) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    format!("{} {}", name(&line.direction), name(&line.cause))
}

/// Figures by direction, cause and name.
fn figures(totals: &Value) -> Result<BTreeMap<String, &Value>> {
    let figures = totals["figures"].as_array().context("no figures")?;
    let key = |figure: &Value| {
        let names = ["direction", "cause", "figure"];
        names.map(|name| figure[name].as_str().unwrap_or_default().to_owned())
    };
    Ok(figures
        .iter()
        .map(|figure| (key(figure).join(" "), figure))
        .collect())
}

fn number(object: &Value, name: &str) -> Result<u64> {
    object[name]
        .as_u64()
        .with_context(|| format!("{name} is {}", object[name]))
}
