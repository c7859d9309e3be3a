//! Where the time of the driver's own steps goes, held against the driver's clock.

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::compare::compare_by;
use super::trace::{Line, Recorder, Run, tell};

/// The driver's steps.
const STEPS: [&str; 2] = ["alloc_and_copy", "finalize_and_map"];
/// What their time can go to.
const PARTS: [&str; 4] = ["fence_ns", "lock_ns", "alloc_ns", "dma_map_ns"];
/// Half of the calls of `waiting` wait for a fence, half for a mutex, for so long.
const WAIT_NS: u64 = 5_000_000;

pub(super) fn are_what_the_driver_waits_for(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--sub-steps"],
        asleep: false,
    };
    let runs: [&[&str]; 2] = [
        &["waiting", "--calls", "48", "--seed", "13"],
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
    tell(
        context,
        "driver-parts",
        &format!("  {PARTS:?}: {occurred:?} ns"),
    )
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
