//! A driver that breaks rules: what the tracer cannot count is marked, counted, and neither hidden
//! nor mended.

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::account::{all_is_told, loss};
use super::trace::{Line, ROWS, Recorder, Trace, tell, trace_by};

/// Calls of each scenario, of which every other breaks a rule.
const CALLS: &str = "400";
const BROKEN: u64 = 200;

/// How records are marked.
const UNBALANCED: u64 = 1 << 0;
const UNREADABLE: u64 = 1 << 1;

/// Pages of which setup collected nothing are marked as collected. They stand in two rows.
pub(super) fn ledgers_that_do_not_balance_are_counted(context: &Context<'_>) -> Result<()> {
    let is_broken = |truth: &Line| Ok(truth.pages("wasted_fill")? > 0);
    let trace = marked(context, "rogue-claim", "unbalanced", UNBALANCED, is_broken)?;
    for (traced, truth) in trace.only()?.pairs()? {
        let claimed = truth.pages("wasted_fill")?;
        // Setup gave it up, which was seen before the driver took it for a hole.
        let expected = [("skipped", claimed), ("wasted_fill", 0)];
        for row in ROWS {
            let more = expected.iter().find(|(name, _)| *name == row);
            let more = more.map_or(0, |(_, pages)| *pages);
            let (told, made) = (traced.pages(row)?, truth.pages(row)?);
            ensure!(
                told == made + more,
                "{row}: {told} of {traced:?}, {made} of {truth:?}"
            );
        }
    }
    let counted = &trace.report["unbalanced"];
    ensure!(*counted == BROKEN, "the kernel's totals have {counted}");
    Ok(())
}

/// Arrays that are not there any more when they are to be read.
pub(super) fn arrays_that_cannot_be_read_are_counted(context: &Context<'_>) -> Result<()> {
    // The others are left at setup.
    let is_broken = |truth: &Line| Ok(truth.outcome == "completed");
    marked(context, "rogue-vanish", "unreadable", UNREADABLE, is_broken).map(drop)
}

/// Runs a scenario: the calls that break a rule are marked so, the others not at all, and the count
/// is theirs.
fn marked(
    context: &Context<'_>,
    scenario: &str,
    name: &str,
    mark: u64,
    is_broken: impl Fn(&Line) -> Result<bool>,
) -> Result<Trace> {
    let arguments = [scenario, "--calls", CALLS];
    let trace = trace_by(
        context,
        scenario,
        Recorder::default(),
        &[&arguments],
        |vm| vm,
    )?;
    let mut broken = 0;
    for (traced, truth) in trace.only()?.pairs()? {
        let expected = if is_broken(truth)? { mark } else { 0 };
        broken += u64::from(expected != 0);
        ensure!(
            traced.number("anomalies")? == Some(expected),
            "not marked with {expected}: {traced:?}, of which the driver says {truth:?}"
        );
    }
    let told = loss(&trace.report, name)?;
    tell(
        context,
        scenario,
        &format!("  of {CALLS} calls {broken} broke a rule, {told} {name}"),
    )?;
    ensure!(
        broken == BROKEN && told == broken,
        "{broken} calls broke a rule, and {name} is {told}"
    );
    nothing_else_is_lost(&trace, name)?;
    Ok(trace)
}

fn nothing_else_is_lost(trace: &Trace, told: &str) -> Result<()> {
    let losses = trace.report["losses"].as_object().context("no losses")?;
    let others = losses
        .iter()
        .filter(|(name, count)| *name != told && **count != 0);
    let others: Vec<_> = others.collect();
    ensure!(others.is_empty(), "lost: {others:?}");
    all_is_told(trace)
}
