//! Kprobes do not see everything: what they miss is counted, and nothing is made of it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::account::{all_is_told, loss};
use super::trace::{Line, ROWS, Recorder, Trace, tell, trace_by};
use crate::tracer::ATTACHED_FUNCTIONS;
use crate::vm::builder::{Builder, Task};

/// How many times each workload runs.
const TIMES: usize = 10;

/// What may be lost where each call has room, of all.
const SHARE: f64 = 0.01;

/// Eight threads, ten times, by fprobes.
pub(super) fn many_threads_lose_nothing_untold(context: &Context<'_>) -> Result<()> {
    let runs = runs(&["mixed", "--calls", "400", "--threads", "8"]);
    let trace = traced(context, "kprobes-threads", "kprobe", &runs, |vm| vm)?;
    ensure!(
        trace.report["attached"] == "fprobe",
        "it is by {}",
        trace.report["attached"]
    );
    little_is_lost(&trace)
}

/// 32 threads that sleep within setup, ten times: a kretprobe has room for ten of them, an fprobe
/// for all.
pub(super) fn sleepers_lose_nothing_untold(context: &Context<'_>) -> Result<()> {
    let runs = runs(&["mirrored", "--calls", "320", "--threads", "32"]);
    let trace = traced(context, "kprobes-sleepers", "kprobe", &runs, |vm| vm)?;
    little_is_lost(&trace)
}

/// The same by kprobes of their own, which lose what they have no room for, and tell.
pub(super) fn sleepers_without_room_are_counted(context: &Context<'_>) -> Result<()> {
    let runs = runs(&["mirrored", "--calls", "320", "--threads", "32"]);
    let trace = traced(context, "kprobes-room", "single-kprobe", &runs, |vm| vm)?;
    ensure!(
        trace.report["attached"] == "kprobe",
        "it is by {}",
        trace.report["attached"]
    );
    // A processor that runs another program leaves a hook out as well, now and then; the kernel
    // counts it.
    let [incomplete, missed] =
        ["incomplete", "hook_missed"].map(|reason| loss(&trace.report, reason));
    let (incomplete, missed) = (incomplete?, missed?);
    ensure!(
        incomplete > 10 * missed && incomplete + missed == lost(&trace)?,
        "there was room for all of them, which proves nothing, or more was lost: {}",
        trace.report["losses"]
    );
    Ok(())
}

/// Somebody else reads a map all the time, and the kernel leaves out kprobes' programs where he
/// does: the beginning of many a migration among them, of which nothing else tells. What it leaves
/// out is counted.
pub(super) fn blind_moments_are_counted(context: &Context<'_>) -> Result<()> {
    let script = format!(
        "until grep -q migrate_vma_finalize {ATTACHED_FUNCTIONS}; do sleep 0.2; done
        exec workload blind 200"
    );
    for how in ["kprobe", "single-kprobe"] {
        let blind = Task::shell("blind", &script).background();
        let runs = runs(&["mixed", "--calls", "100", "--threads", "8"]);
        let name = format!("kprobes-blind-{how}");
        let trace = traced(context, &name, how, &runs[..3], |vm| vm.task(blind))?;
        ensure!(
            loss(&trace.report, "hook_missed")? > 0,
            "the kernel left out no beginning: this proves nothing"
        );
    }
    Ok(())
}

/// A workload as many times as there are to be, each with other choices.
fn runs(arguments: &[&'static str]) -> Vec<Vec<String>> {
    let run = |seed: usize| {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        arguments
            .chain(["--seed".to_owned(), (seed + 1).to_string()])
            .collect()
    };
    (0..TIMES).map(run).collect()
}

/// Traces them: what came and what is lost is what the driver made, and of what came nothing is the
/// tracer's own invention.
fn traced(
    context: &Context<'_>,
    name: &str,
    how: &str,
    runs: &[Vec<String>],
    prepare: impl FnOnce(Builder) -> Builder,
) -> Result<Trace> {
    let by = Recorder {
        options: &["--attach", how],
        asleep: false,
    };
    let runs: Vec<Vec<&str>> = runs
        .iter()
        .map(|run| run.iter().map(String::as_str).collect())
        .collect();
    let runs: Vec<&[&str]> = runs.iter().map(Vec::as_slice).collect();
    let trace = trace_by(context, name, by, &runs, prepare)?;
    for run in &trace.runs {
        nothing_is_invented(&run.traced, &run.truth).with_context(|| run.name.clone())?;
    }
    let made: usize = trace.runs.iter().map(|run| run.truth.len()).sum();
    let received: usize = trace.runs.iter().map(|run| run.traced.len()).sum();
    let lost = lost(&trace)?;
    let losses = &trace.report["losses"];
    tell(
        context,
        name,
        &format!("  {made} calls, {received} records, {lost} lost: {losses}"),
    )?;
    all_is_told(&trace)?;
    Ok(trace)
}

fn lost(trace: &Trace) -> Result<u64> {
    let lost = &trace.report["lost"];
    lost.as_u64().with_context(|| format!("lost is {lost}"))
}

fn little_is_lost(trace: &Trace) -> Result<()> {
    let made: usize = trace.runs.iter().map(|run| run.truth.len()).sum();
    let lost = lost(trace)?;
    ensure!(
        lost as f64 <= SHARE * made as f64,
        "{lost} of {made} are lost: {}",
        trace.report["losses"]
    );
    Ok(())
}

/// Is each record one of a call that the driver made?
fn nothing_is_invented(traced: &[Line], truth: &[Line]) -> Result<()> {
    let mut made = BTreeMap::<String, u64>::new();
    for line in truth {
        *made.entry(told(line)?).or_default() += 1;
    }
    for line in traced {
        let told = told(line)?;
        let left = made.get_mut(&told).filter(|left| **left > 0);
        *left.with_context(|| format!("the driver made no such call: {told}"))? -= 1;
        ensure!(
            line.number("anomalies")? == Some(0),
            "it is marked as not to be trusted: {told}"
        );
    }
    Ok(())
}

/// What both say of a call, but for its times.
fn told(line: &Line) -> Result<String> {
    let ledger = ["requested"].iter().chain(&ROWS);
    let ledger: Vec<_> = ledger
        .map(|row| Ok(format!("{row} {}", line.pages(row)?)))
        .collect::<Result<_>>()?;
    Ok(format!(
        "thread {:?} address {:?} {} errno {:?} {}",
        line.tid,
        line.address,
        line.outcome,
        line.errno,
        ledger.join(" ")
    ))
}
