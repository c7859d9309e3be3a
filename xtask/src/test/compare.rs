//! The tracer's account against the driver's: call for call, and in total.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::all_is_told;
use super::totals;
use super::trace::{Line, ROWS, Recorder, Run, Trace, trace_by};

/// Runs the workload with each of these arguments in one boot, and compares every call and all
/// sums.
pub(super) fn compare(context: &Context<'_>, name: &str, runs: &[&[&str]]) -> Result<Trace> {
    compare_by(context, name, Recorder::default(), runs)
}

/// The same with a tracer that runs in another way, and still records everything.
pub(super) fn compare_by(
    context: &Context<'_>,
    name: &str,
    by: Recorder<'_>,
    runs: &[&[&str]],
) -> Result<Trace> {
    let trace = trace_by(context, name, by, runs, |vm| vm)?;
    agree(&trace)?;
    Ok(trace)
}

/// Tracer and driver say the same of every call, and of all together.
pub(super) fn agree(trace: &Trace) -> Result<()> {
    for run in &trace.runs {
        calls_are_equal(run)
            .and_then(|()| the_truth_is_whole(run))
            .with_context(|| format!("workload run {}", run.name))?;
    }
    the_report_agrees(trace)?;
    totals::equal_the_drivers(trace)
}

fn calls_are_equal(run: &Run) -> Result<()> {
    let mut devices = Devices::default();
    run.pairs()?.into_iter().try_for_each(|(traced, truth)| {
        equal(traced, truth)
            .and_then(|()| places_are_equal(&mut devices, traced, truth))
            .with_context(|| format!("traced: {traced:?}\ndriver: {truth:?}"))
    })
}

/// Two accounts of one call.
fn equal(traced: &Line, truth: &Line) -> Result<()> {
    ensure!(traced.pid == truth.pid, "pid");
    ensure!(traced.address == truth.address, "address");
    // The export leaves out what it does not know; the driver says so.
    let known = |text: &Option<String>| text.clone().filter(|text| text != "unknown");
    ensure!(
        known(&traced.direction) == known(&truth.direction),
        "direction"
    );
    for name in TOLD_BY_BOTH {
        if let Some((traced, truth)) = told_by_both(traced, truth, name) {
            ensure!(
                traced == truth,
                "{name}: {traced} was traced, the driver says {truth}"
            );
        }
    }
    ensure!(known(&traced.cause) == known(&truth.cause), "cause");
    ensure!(traced.tid == truth.tid, "tid");
    ensure!(traced.worker_tid == truth.worker_tid, "worker_tid");
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

/// What of two accounts of one call is the same, beside the rows of the ledger.
const TOLD_BY_BOTH: [&str; 14] = [
    "comm",
    "mapping_start",
    "mapping_end",
    "worker_comm",
    "from",
    "to",
    "from_system_pages",
    "from_private_pages",
    "from_coherent_pages",
    "to_system_pages",
    "to_private_pages",
    "to_coherent_pages",
    "declined_holes",
    "free",
];

/// What both say under a name. Not every tracer's line has everything; what it does not know is
/// null.
fn told_by_both<'a>(
    traced: &'a Line,
    truth: &'a Line,
    name: &str,
) -> Option<(&'a Value, &'a Value)> {
    let told = (traced.value(name)?, truth.value(name)?);
    let unknown = name == "free" && (told.0.is_null() || told.1.is_null());
    (!unknown).then_some(told)
}

/// The names that the tracer has for devices, and the driver's.
#[derive(Default)]
struct Devices {
    by_traced: BTreeMap<String, String>,
    by_driver: BTreeMap<String, String>,
}

impl Devices {
    /// Whether two names stand for one device, and for no other.
    fn are_one(&mut self, traced: &str, driver: &str) -> bool {
        let of = |names: &mut BTreeMap<String, String>, from: &str, to: &str| {
            names
                .entry(from.to_owned())
                .or_insert_with(|| to.to_owned())
                == to
        };
        of(&mut self.by_traced, traced, driver) && of(&mut self.by_driver, driver, traced)
    }
}

/// Nodes have their numbers. Devices have a name each, which only has to be the same every time.
fn places_are_equal(devices: &mut Devices, traced: &Line, truth: &Line) -> Result<()> {
    for name in ["from_place", "to_place"] {
        let Some((traced, truth)) = told_by_both(traced, truth, name) else {
            continue;
        };
        let equal = match (traced.as_str(), truth.as_str()) {
            (Some(traced), Some(truth)) if truth.starts_with("device") => {
                devices.are_one(traced, truth)
            }
            (traced, truth) => traced == truth,
        };
        ensure!(
            equal,
            "{name}: {traced} was traced, the driver says {truth}"
        );
    }
    Ok(())
}

/// The driver lost no call either, and its lines add up to the sums that it keeps apart from them,
/// by direction and cause.
fn the_truth_is_whole(run: &Run) -> Result<()> {
    let totals = &run.totals;
    let lines = run.truth.len() as u64;
    for (name, expected) in [("migrations", lines), ("log_lost", 0), ("unbalanced", 0)] {
        ensure!(
            totals[name] == expected,
            "the driver says {name} = {}",
            totals[name]
        );
    }
    let counted = totals["by_kind"]
        .as_array()
        .context("the driver has no sums")?;
    let counted: BTreeMap<_, _> = counted
        .iter()
        .map(|sums| (key(sums, &["direction", "cause"]), sums))
        .collect();
    let mut summed = BTreeMap::<String, Vec<&Line>>::new();
    for line in &run.truth {
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let kind = format!("{} {}", name(&line.direction), name(&line.cause));
        summed.entry(kind).or_default().push(line);
    }
    ensure!(
        counted.keys().eq(summed.keys()),
        "the driver has sums of {:?}, and calls of {:?}",
        counted.keys(),
        summed.keys()
    );
    for (kind, lines) in summed {
        let counted = counted[&kind];
        for row in ["requested"].iter().chain(&ROWS) {
            let sum = sum(lines.iter().copied(), row)?;
            ensure!(
                counted[row] == sum,
                "{kind}: the driver sums up {row} = {}, its calls {sum}",
                counted[row]
            );
        }
        ensure!(
            counted["migrations"] == lines.len(),
            "{kind}: the driver counts {}, and tells of {}",
            counted["migrations"],
            lines.len()
        );
    }
    Ok(())
}

/// What a view shows, too, and that nothing is missing from it.
fn the_report_agrees(trace: &Trace) -> Result<()> {
    let report = &trace.report;
    let truth = || trace.runs.iter().flat_map(|run| &run.truth);
    for row in ["requested"].iter().chain(&ROWS) {
        let truth = sum(truth(), row)?;
        let reported = &report["ledger"][row];
        ensure!(
            reported == truth,
            "the report says {row} = {reported}, the driver {truth}"
        );
    }
    let migrations = truth().count() as u64;
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
    all_is_told(trace)?;
    kinds_agree(report, truth())
}

fn kinds_agree<'a>(report: &Value, truth: impl Iterator<Item = &'a Line>) -> Result<()> {
    let mut expected = BTreeMap::<String, u64>::new();
    for line in truth {
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let kind = [
            name(&line.direction),
            name(&line.cause),
            line.outcome.clone(),
        ];
        *expected.entry(kind.join(" ")).or_default() += 1;
    }
    let kinds = report["kinds"]
        .as_array()
        .context("the report has no kinds")?;
    let reported: BTreeMap<_, _> = kinds
        .iter()
        .map(|kind| {
            let names = key(kind, &["direction", "cause", "outcome"]);
            (names, kind["migrations"].as_u64().unwrap_or_default())
        })
        .collect();
    ensure!(
        reported == expected,
        "the report counts {reported:?}, the driver {expected:?}"
    );
    Ok(())
}

/// The words under these names.
fn key(object: &Value, names: &[&str]) -> String {
    let words: Vec<_> = names
        .iter()
        .map(|name| object[name].as_str().unwrap_or_default())
        .collect();
    words.join(" ")
}

/// A number, added up.
pub(super) fn sum<'a>(lines: impl IntoIterator<Item = &'a Line>, row: &str) -> Result<u64> {
    lines.into_iter().map(|line| line.pages(row)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_name_and_no_other_has_it() {
        let mut devices = Devices::default();
        assert!(devices.are_one("migrate_test#0", "device0"));
        assert!(devices.are_one("migrate_test#1", "device1"));
        assert!(devices.are_one("migrate_test#0", "device0"));
        assert!(!devices.are_one("migrate_test#0", "device1"));
        assert!(!devices.are_one("migrate_test#2", "device1"));
    }
}
