//! What can be asked of the tracer: other hooks, stacks, parts of setup, time asleep, filters.

#[path = "../../../migrate-user/testkit/src/filters.rs"]
#[expect(
    unreachable_pub,
    reason = "it is of a library, too large to be built for this table"
)]
mod filters;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::compare::compare_by;
use super::steps::median;
use super::tally::Tally;
use super::trace::{Line, ROWS, Recorder, Run, STEPS, Trace, tell, trace_by};
use crate::arch::Arch;

const DRIVER: &str = "migrate_test";

/// Kprobes see what trampolines see: each as much as the driver, call for call, and of runs with
/// the same seed the same ledgers.
pub(super) fn kprobes_see_the_same(context: &Context<'_>) -> Result<()> {
    // Where a page is of 64 KiB, a huge one is of 512 MiB.
    let huge = match context.lab.setup.arch {
        Arch::X86_64 => "60",
        Arch::Aarch64 => "12",
    };
    let runs: [&[&str]; 3] = [
        &["sequences", "--calls", "150", "--seed", "9"],
        &["mixed", "--calls", "600", "--seed", "9"],
        &["huge", "--calls", huge, "--seed", "9"],
    ];
    let mut ledgers = Vec::new();
    let ways = [
        ("fentry", "fentry"),
        ("kprobe", "fprobe"),
        ("single-kprobe", "kprobe"),
    ];
    for (how, attached) in ways {
        let by = Recorder {
            options: &["--attach", how],
            asleep: false,
        };
        let trace = compare_by(context, &format!("by-{how}"), by, &runs)?;
        ensure!(
            trace.report["attached"] == attached,
            "it is not by {attached}"
        );
        ledgers.push(
            trace
                .runs
                .iter()
                .map(ledgers_of)
                .collect::<Result<Vec<_>>>()?,
        );
    }
    // Not of all sequences: which pages an eviction finds differs from boot to boot.
    for (index, arguments) in runs.iter().enumerate().skip(1) {
        for other in &ledgers[1..] {
            let (fentry, kprobe) = (&ledgers[0][index], &other[index]);
            let differ = fentry
                .iter()
                .zip(kprobe)
                .position(|(one, other)| one != other);
            ensure!(
                fentry == kprobe,
                "{}: {} and {} migrations; the first that differs is {differ:?}",
                arguments.join(" "),
                fentry.len(),
                kprobe.len()
            );
        }
    }
    Ok(())
}

/// What became of the pages of each migration of a run, in no order: threads take turns as they
/// like.
fn ledgers_of(run: &Run) -> Result<Vec<(Vec<u64>, String)>> {
    let ledger = |line: &Line| {
        let rows = ["requested"].iter().chain(&ROWS);
        let pages = rows.map(|row| line.pages(row)).collect::<Result<_>>()?;
        Ok((pages, format!("{:?} {}", line.direction, line.outcome)))
    };
    let mut ledgers: Vec<_> = run.traced.iter().map(ledger).collect::<Result<_>>()?;
    ledgers.sort_unstable();
    Ok(ledgers)
}

/// Every migration has its driver, the path through it, and the program that led there.
pub(super) fn stacks_name_the_driver_and_the_program(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--kernel-stacks", "--user-stacks"],
        asleep: false,
    };
    let runs: [&[&str]; 2] = [
        &["mixed", "--calls", "400", "--seed", "10"],
        &["oversubscribe", "--calls", "60", "--seed", "10"],
    ];
    let trace = compare_by(context, "stacks", by, &runs)?;
    Tally::of(&trace.runs[1])?.expect(&[("cause eviction", 1)])?;
    for line in trace.runs.iter().flat_map(|run| &run.traced) {
        ensure!(line.text("driver")? == DRIVER, "the driver of {line:?}");
        let kernel = line.text("kernel_stack")?;
        let innermost = kernel.rsplit(';').next().unwrap_or_default();
        ensure!(
            kernel.contains("_[k];") && !innermost.contains("unknown"),
            "the stack is {kernel}"
        );
        line.text("user_stack")?;
    }
    Ok(())
}

/// Without being asked for stacks, the driver is known all the same.
pub(super) fn the_driver_is_known_anyway(context: &Context<'_>) -> Result<()> {
    let arguments = ["sequences", "--calls", "100", "--seed", "11"];
    let trace = compare_by(context, "driver", Recorder::default(), &[&arguments])?;
    for line in &trace.only()?.traced {
        ensure!(line.text("driver")? == DRIVER, "the driver of {line:?}");
        ensure!(
            line.text("kernel_stack").is_err(),
            "a stack nobody asked for"
        );
    }
    Ok(())
}

/// Parts of setup occur, and are not longer than the migration; who sleeps is off the CPU as long
/// as that.
pub(super) fn parts_and_sleep_are_within_the_steps(context: &Context<'_>) -> Result<()> {
    let by = Recorder {
        options: &["--sub-steps", "--off-cpu"],
        asleep: false,
    };
    let runs: [&[&str]; 5] = [
        &["mixed", "--calls", "600", "--seed", "12"],
        &["huge", "--calls", "60", "--seed", "12"],
        &["mirrored", "--calls", "60", "--seed", "12"],
        &["handover", "--calls", "60", "--seed", "12"],
        &["batching", "--calls", "60", "--seed", "12"],
    ];
    let trace = compare_by(context, "parts", by, &runs)?;
    let mut occurred = [0u64; PARTS.len()];
    for line in trace.runs.iter().flat_map(|run| &run.traced) {
        let total = steps_ns(line)?;
        let mut sum = 0;
        for (part, occurred) in PARTS.iter().zip(&mut occurred) {
            let ns = line.number(part)?.with_context(|| format!("no {part}"))?;
            sum += ns;
            *occurred += ns;
        }
        ensure!(
            sum <= total,
            "the parts are longer than the steps: {line:?}"
        );
        for step in STEPS {
            let (off, whole) = (
                line.number(&format!("off_cpu_{step}_ns"))?
                    .context("no off-CPU time")?,
                line.step_ns(step)?.unwrap_or(0),
            );
            ensure!(off <= whole, "off the CPU for longer than {step}: {line:?}");
        }
    }
    for (part, ns) in PARTS.iter().zip(occurred) {
        ensure!(ns > 0, "{part} never occurred");
    }
    mirrors_take_what_they_say(&trace)?;
    who_waits_for_the_engine_sleeps(&trace)?;
    tell(context, "parts", &format!("  {PARTS:?}: {occurred:?} ns"))
}

const PARTS: [&str; 4] = ["lru_drain_ns", "invalidate_ns", "rmap_ns", "split_ns"];

fn steps_ns(line: &Line) -> Result<u64> {
    let mut total = 0;
    for step in STEPS {
        total += line.step_ns(step)?.unwrap_or(0);
    }
    Ok(total)
}

/// In `mirrored` the driver takes the time of its own notifier. The kernel's way to it and back
/// comes on top.
fn mirrors_take_what_they_say(trace: &Trace) -> Result<()> {
    const WAY_NS: f64 = 50_000.0;
    let mut runs = trace.runs.iter();
    let run = runs.find(|run| run.name.starts_with("mirrored"));
    let mut ways = Vec::new();
    for (traced, truth) in run.context("it did not run")?.pairs()? {
        let of = |line: &Line| line.number("invalidate_ns")?.context("no invalidate_ns");
        let (seen, mirror) = (of(traced)?, of(truth)?);
        ensure!(
            mirror > 0 && seen >= mirror,
            "the mirror took {mirror} ns, of which {seen} were seen: {traced:?}"
        );
        ways.push((seen - mirror) as f64);
    }
    let median = median(ways.into_iter());
    ensure!(
        median < WAY_NS,
        "half of the time invalidation takes {median} ns longer than its only mirror"
    );
    Ok(())
}

/// `batching` has a copy engine that takes a millisecond for each call, for which the driver
/// sleeps.
fn who_waits_for_the_engine_sleeps(trace: &Trace) -> Result<()> {
    const ENGINE_NS: u64 = 1_000_000;
    let batching = trace.runs.last().context("nothing ran")?;
    let moved = batching.traced.iter().filter(|line| {
        line.cause.as_deref() == Some("driver") && line.pages("moved").is_ok_and(|moved| moved > 0)
    });
    let mut calls = 0;
    for line in moved {
        let mut off = 0;
        for step in ["alloc_and_copy", "finalize_and_map"] {
            off += line.number(&format!("off_cpu_{step}_ns"))?.unwrap_or(0);
        }
        // Who has much to do besides is asleep for less.
        calls += u64::from(off > ENGINE_NS / 2);
    }
    ensure!(calls > 10, "only {calls} calls slept");
    Ok(())
}

/// What a filter does not let through leaves no trace; the rest is as exact as ever.
pub(super) fn filters_let_through_what_is_asked_for(context: &Context<'_>) -> Result<()> {
    let cases = filters::CASES.iter().filter(|case| case.by_probes);
    for (index, case) in cases.enumerate() {
        let wanted = |line: &Line| (case.takes)(&|name| field(line, name));
        // The words are those of the command line.
        let options: Vec<_> = case
            .words
            .split(' ')
            .map(|word| format!("--{word}"))
            .collect();
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let by = Recorder {
            options: &options,
            asleep: false,
        };
        let arguments = ["mixed", "--calls", "300", "--seed", "13"];
        let trace = trace_by(
            context,
            &format!("filter-{index}"),
            by,
            &[&arguments],
            |vm| vm,
        )?;
        let run = trace.only()?;
        let expected = run.truth.iter().filter(|line| wanted(line)).count();
        ensure!(
            run.traced.len() == expected && run.traced.iter().all(wanted),
            "{options:?}: {} records, {expected} expected",
            run.traced.len()
        );
        let counts = trace.report["exact"]["counts"].as_array();
        let counted: u64 = counts
            .into_iter()
            .flatten()
            .filter_map(|count| count["migrations"].as_u64())
            .sum();
        ensure!(
            counted == expected as u64,
            "{options:?}: the kernel counts {counted}, {expected} expected"
        );
        let told = &trace.report["coverage"]["filter"];
        ensure!(
            told == case.words,
            "the report tells of the filter {told}, and not of {}",
            case.words
        );
    }
    Ok(())
}

/// What an export of the line tells under a name. All that the driver knows of is its own.
fn field(line: &Line, name: &str) -> Value {
    match name {
        "pid" => line.pid.into(),
        "direction" => line.direction.clone().into(),
        "cause" => line.cause.clone().into(),
        "outcome" => line.outcome.clone().into(),
        "errno" => line.errno.into(),
        "address" => line.address.into(),
        _ => match line.value(name) {
            Some(value) => value.clone(),
            None if name == "driver" => DRIVER.into(),
            None => Value::Null,
        },
    }
}
