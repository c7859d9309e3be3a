//! What the tracer exports equals what the driver counted: page for page, call for call.

use anyhow::{Result, ensure};

use super::Context;
use super::compare::{compare, sum};
use super::tally::Tally;
use super::trace::{ROWS, Run, tell};
use crate::arch::Arch;

/// How many migrations must agree. CPU faults come on top of the calls that the scenario makes.
const LEAST: usize = 20_000;

pub(super) fn tracer_equals_driver_in_every_call(context: &Context<'_>) -> Result<()> {
    // Where a huge page is of 512 MiB, more of its calls are of a CPU that comes for one page.
    let calls = match context.lab.setup.arch {
        Arch::X86_64 => "12000",
        Arch::Aarch64 => "9000",
    };
    let arguments = ["mixed", "--calls", calls, "--seed", "1", "--threads", "1"];
    let trace = compare(context, "ledger", &[&arguments])?;
    let run = trace.only()?;
    ensure!(
        run.truth.len() >= LEAST,
        "only {} migrations",
        run.truth.len()
    );
    let tally = Tally::of(run)?;
    for row in ROWS.iter().filter(|row| **row != "wasted_fill") {
        tally.expect(&[(row, 1)])?;
    }
    for pages in (0..10).map(|power| 1 << power) {
        tally.expect(&[(&format!("batch {pages}"), 1)])?;
    }
    tell(context, "ledger", &summary(run)?)
}

/// Threads that migrate at the same time are told apart.
pub(super) fn threads_are_told_apart(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "1500", "--seed", "3", "--threads", "4"];
    let trace = compare(context, "threads", &[&arguments])?;
    let run = trace.only()?;
    Tally::of(run)?.expect(&[("threads", 4)])?;
    tell(context, "threads", &summary(run)?)
}

/// How many migrations, and where their pages went.
pub(super) fn summary(run: &Run) -> Result<String> {
    let mut text = format!("  {} migrations, all equal:", run.truth.len());
    for row in ["requested"].iter().chain(&ROWS) {
        text += &format!(" {row} {}", sum(&run.truth, row)?);
    }
    Ok(text)
}
