//! Where the time of the driver's own steps goes, and how fast it copies, held against the driver's
//! clock and its copy engine.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::compare::compare_by;
use super::trace::{Line, Recorder, Run, Trace, migscope, tell};

/// The driver's steps.
const STEPS: [&str; 2] = ["alloc_and_copy", "finalize_and_map"];
/// What their time can go to.
const PARTS: [&str; 4] = ["fence_ns", "lock_ns", "alloc_ns", "dma_map_ns"];
/// Calls of `waiting` wait in turn for a fence, and for a mutex, for so long.
const WAIT_NS: u64 = 5_000_000;
/// Those that wait for the copy engine, by its fence, are of so many pages, and no others are.
const COPIED: &str = "32";
/// Bytes that the engine copies in a second.
const ENGINE: f64 = 20e6;
/// The engine is a clock, and whoever signals its fence sleeps meanwhile: so much longer than the
/// engine takes it may be until the driver knows.
const LATE: f64 = 1.3;
/// How far two clocks' sums may be off.
const OFF: f64 = 0.05;

pub(super) fn are_what_the_driver_waits_for(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--sub-steps"],
        asleep: false,
    };
    let runs: [&[&str]; 2] = [
        &["waiting", "--calls", "72", "--seed", "13"],
        &["mixed", "--calls", "200", "--seed", "13"],
    ];
    let trace = compare_by(context, "driver-parts", by, &runs)?;
    let mut occurred = [0; PARTS.len()];
    for line in trace.runs.iter().flat_map(|run| &run.traced) {
        for step in STEPS {
            let whole = line.step_ns(step)?.unwrap_or(0);
            let parts = parts_of(line, step)?;
            ensure!(
                parts.iter().sum::<u64>() <= whole,
                "the parts are longer than {step}: {line:?}"
            );
            for (occurred, ns) in occurred.iter_mut().zip(parts) {
                *occurred += ns;
            }
        }
    }
    let [fence, lock, alloc, _] = occurred;
    ensure!(
        fence > 0 && lock > 0 && alloc > 0,
        "some never occurred: {PARTS:?}: {occurred:?}"
    );
    let waiting = trace.runs.first().context("nothing ran")?;
    for (part, truth) in [("fence_ns", "fence_ns"), ("lock_ns", "mutex_ns")] {
        as_long_as_the_driver_says(waiting, part, truth)?;
    }
    let rates = copies_are_as_fast_as_the_engine(context, by, &trace)?;
    tell(
        context,
        "driver-parts",
        &format!("  {PARTS:?}: {occurred:?} ns\n{rates}"),
    )
}

/// The engine's speed lies between the bounds that the report has, in both directions. And these
/// are as close as the driver's clock can make them.
fn copies_are_as_fast_as_the_engine(
    context: &Context<'_>,
    by: Recorder<'_>,
    trace: &Trace,
) -> Result<String> {
    let waiting = trace.runs.first().context("nothing ran")?;
    let arguments = ["report", "--json", "--min-pages", COPIED];
    let report = migscope(context, by, &arguments, &trace.recording)?;
    let report: Value = serde_json::from_slice(&report.stdout).context("the report is no JSON")?;
    let mut told = String::new();
    for direction in ["to_device", "to_system"] {
        let engine = Engine::of(waiting, direction)?;
        let rows = report["copies"].as_array().context("no copies")?;
        let is_it = |row: &&Value| row["direction"] == direction && row["by_fence"] == true;
        let row = rows.iter().find(is_it).context("no fence in a copy")?;
        let number = |name: &str| row[name].as_f64().with_context(|| format!("{name}: {row}"));
        ensure!(
            engine.calls >= 4 && number("migrations")? == engine.calls as f64,
            "{direction}: the driver had {} calls: {row}",
            engine.calls
        );
        ensure!(number("bytes")? == engine.bytes, "{engine:?}: {row}");
        let least = number("least_bytes_per_second")?;
        let most = number("most_bytes_per_second")?;
        ensure!(
            least <= ENGINE && ENGINE <= most * LATE,
            "{direction}: it copies {ENGINE} bytes a second: {row}"
        );
        for (bound, ns) in [(least, engine.between_ns), (most, engine.waited_ns)] {
            let by_driver = engine.bytes * 1e9 / ns as f64;
            ensure!(
                (bound / by_driver - 1.0).abs() <= OFF,
                "{direction}: {bound} is {by_driver} by the driver's clock: {row}"
            );
        }
        told += &format!("  {direction}: {least:.0} to {most:.0} bytes a second of {ENGINE}\n");
    }
    Ok(told.trim_end().to_owned())
}

/// What the driver says of the calls that waited for its copy engine.
#[derive(Debug, Default)]
struct Engine {
    calls: u64,
    bytes: f64,
    /// How long it waited, by its clock.
    waited_ns: u64,
    /// From the end of setup to finalize.
    between_ns: u64,
}

impl Engine {
    fn of(run: &Run, direction: &str) -> Result<Self> {
        let mut all = Self::default();
        for line in &run.truth {
            let waited_ns = line.number("engine_ns")?.unwrap_or(0);
            if waited_ns == 0 || line.direction.as_deref() != Some(direction) {
                continue;
            }
            all.calls += 1;
            all.bytes += 4096.0 * (line.pages("moved")? + line.pages("wasted_copy")?) as f64;
            all.waited_ns += waited_ns;
            for step in ["alloc_and_copy", "pages", "finalize_and_map"] {
                all.between_ns += line.step_ns(step)?.unwrap_or(0);
            }
        }
        Ok(all)
    }
}

/// In the order of [`PARTS`].
fn parts_of(line: &Line, step: &str) -> Result<[u64; PARTS.len()]> {
    let mut parts = [0; PARTS.len()];
    for (ns, part) in parts.iter_mut().zip(PARTS) {
        let name = format!("{step}_{part}");
        *ns = line.number(&name)?.with_context(|| format!("no {name}"))?;
    }
    Ok(parts)
}

/// Each call that waits does so in one of the two steps, about as long as the driver says.
fn as_long_as_the_driver_says(run: &Run, part: &str, by_driver: &str) -> Result<()> {
    let (mut told_ns, mut truth_ns, mut calls) = (0, 0, 0);
    for (traced, truth) in run.pairs()? {
        let waited = truth.number(by_driver)?.unwrap_or(0);
        if waited < WAIT_NS / 2 {
            continue;
        }
        let mut of_steps = Vec::new();
        for step in STEPS {
            let name = format!("{step}_{part}");
            of_steps.push(
                traced
                    .number(&name)?
                    .with_context(|| format!("no {name}"))?,
            );
        }
        let [copy, map] = of_steps.as_slice() else {
            anyhow::bail!("{} steps", of_steps.len());
        };
        ensure!(
            (*copy.min(map)) * 10 <= *copy.max(map),
            "it waits in both steps: {traced:?}"
        );
        if part == "lock_ns" {
            who_has_the_lock(traced)?;
        }
        told_ns += copy + map;
        truth_ns += waited;
        calls += 1;
    }
    ensure!(
        calls >= 8 && told_ns.abs_diff(truth_ns) <= (truth_ns / 20).max(calls * 20_000),
        "{calls} calls: {part} is {told_ns} ns together, and {by_driver} {truth_ns} ns"
    );
    Ok(())
}

/// A worker, as the driver has it.
fn who_has_the_lock(line: &Line) -> Result<()> {
    let longest = line.number("lock_longest_ns")?.context("no lock")?;
    let holder = line.text("holder_comm")?;
    line.text("lock")?;
    ensure!(
        longest >= WAIT_NS / 2 && holder.starts_with("kworker"),
        "{holder} had the lock for {longest} ns"
    );
    Ok(())
}
