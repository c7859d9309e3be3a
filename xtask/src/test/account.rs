//! Every migration that the driver made is somewhere: received, lost, or left out.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::trace::Trace;

/// An error unless what came, what the report says is lost, and what was not to be recorded are
/// together what the driver made.
pub(super) fn adds_up(report: &Value, received: u64, made: u64) -> Result<()> {
    let (lost, left_out) = (
        number(&report["lost"])?,
        number(&report["coverage"]["left_out"])?,
    );
    ensure!(
        received + lost + left_out == made,
        "{received} received, {lost} lost and {left_out} left out of {made} that the driver made: {}",
        report["losses"]
    );
    Ok(())
}

/// The same of all runs of a trace.
pub(super) fn all_is_told(trace: &Trace) -> Result<()> {
    let sum = |of: fn(&super::trace::Run) -> usize| trace.runs.iter().map(of).sum::<usize>() as u64;
    let received = sum(|run| run.traced.len());
    adds_up(&trace.report, received, sum(|run| run.truth.len()))
}

/// A count of losses, by its name.
pub(super) fn loss(report: &Value, name: &str) -> Result<u64> {
    number(&report["losses"][name]).with_context(|| format!("loss {name}"))
}

/// An error unless every count of losses is 0.
pub(super) fn nothing_is_lost(report: &Value) -> Result<()> {
    let losses = report["losses"].as_object().context("no losses")?;
    let lost: Vec<_> = losses.iter().filter(|(_, count)| **count != 0).collect();
    ensure!(lost.is_empty(), "lost: {lost:?}");
    Ok(())
}

/// A number that must be there.
pub(super) fn number(value: &Value) -> Result<u64> {
    value
        .as_u64()
        .with_context(|| format!("{value} is no number"))
}
