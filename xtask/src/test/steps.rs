//! The times of the steps, against the driver's own clock.
//!
//! In a machine that counts instructions as nanoseconds, so that what is measured is the same on
//! every host.
//!
//! The driver reads the same clock around its three calls. For the gaps between them, which no
//! probe works in, it must see what the tracer sees. What it sees of a call is the step and the
//! work of the probes at its entry and return, which the tracer keeps apart and tells per call.

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::trace::{Line, STEPS, tell, trace};
use crate::arch::Arch;
use crate::vm::Machine;

/// How far the median may be off, of the larger.
const SHARE: f64 = 0.02;
const NANOSECONDS: f64 = 300.0;
/// The same on 64-bit ARM: what enters a probe and leaves it takes more instructions there, of
/// which neither clock knows.
const OF_ARM: f64 = 600.0;

pub(super) fn tracer_agrees_with_the_drivers_clock(context: &Context<'_>) -> Result<()> {
    let arguments = ["mixed", "--calls", "3000", "--seed", "2", "--threads", "1"];
    let nested = [
        "oversubscribe",
        "--calls",
        "150",
        "--seed",
        "2",
        "--threads",
        "1",
    ];
    let most = match context.lab.setup.arch {
        Arch::X86_64 => NANOSECONDS,
        Arch::Aarch64 => OF_ARM,
    };
    let trace = trace(context, "steps", &[&arguments, &nested], |vm| {
        vm.machine(Machine::counting_instructions)
    })?;
    let pairs = trace.runs[0].pairs()?;
    let mut table = String::from("  step              driver's median    tracer's difference\n");
    for step in STEPS {
        let measured = differences(&pairs, step)?;
        ensure!(measured.len() >= 1000, "only {} of {step}", measured.len());
        let driver = median(measured.iter().map(|(driver, _)| *driver));
        let difference = median(measured.iter().map(|(_, difference)| *difference));
        table += &format!(
            "  {step:<16}{driver:>14} ns {difference:>+20} ns\n",
            driver = driver as i64,
            difference = difference as i64
        );
        let bound = most.max(SHARE * driver);
        ensure!(
            difference.abs() <= bound,
            "{step}: the median is {difference} ns off, {bound} ns are allowed\n{table}"
        );
    }
    scans_are_charged_to_nobody(&pairs, most)?;
    no_call_is_longer(&pairs)?;
    probes_of_inner_calls_are_in_no_step_around(&trace.runs[1].pairs()?, most)?;
    tell(context, "steps", table.trim_end())
}

/// The driver's time of a step, and how much more the tracer saw, in each call that has it.
fn differences(pairs: &[(&Line, &Line)], step: &str) -> Result<Vec<(f64, f64)>> {
    let mut differences = Vec::new();
    for (traced, truth) in pairs {
        let (Some(seen), Some(driver)) = (traced.step_ns(step)?, truth.step_ns(step)?) else {
            ensure!(
                traced.step_ns(step)? == truth.step_ns(step)?,
                "only one saw {step}: {traced:?} {truth:?}"
            );
            continue;
        };
        let probe = traced.number(&format!("probe_{step}_ns"));
        // The gaps have no probe time.
        let probe = if matches!(step, "setup" | "pages" | "finalize") {
            probe?.unwrap_or(0)
        } else {
            0
        };
        differences.push((driver as f64, (seen + probe) as f64 - driver as f64));
    }
    Ok(differences)
}

/// The probes walk arrays between a call's return and the driver's next step. Were that charged to
/// the driver, the difference would grow with the pages.
fn scans_are_charged_to_nobody(pairs: &[(&Line, &Line)], most: f64) -> Result<()> {
    for step in ["alloc_and_copy", "finalize_and_map"] {
        let of = |few: bool| -> Result<f64> {
            let chosen: Vec<_> = pairs
                .iter()
                .copied()
                .filter(|(traced, _)| {
                    traced
                        .pages("requested")
                        .is_ok_and(|pages| if few { pages <= 2 } else { pages >= 256 })
                })
                .collect();
            let measured = differences(&chosen, step)?;
            ensure!(measured.len() >= 50, "only {} of {step}", measured.len());
            Ok(median(measured.iter().map(|(_, difference)| *difference)))
        };
        let (few, many) = (of(true)?, of(false)?);
        ensure!(
            (many - few).abs() <= most,
            "{step} is off by {few} ns with 1 or 2 pages, and by {many} ns with 256 or more"
        );
    }
    Ok(())
}

/// Steps and probe time of a call lie within what the driver measured around all of it.
fn no_call_is_longer(pairs: &[(&Line, &Line)]) -> Result<()> {
    for (traced, truth) in pairs {
        let sum = |line: &Line| -> Result<u64> {
            STEPS
                .iter()
                .map(|step| Ok(line.step_ns(step)?.unwrap_or(0)))
                .sum()
        };
        let seen = sum(traced)? + traced.number("probe_ns")?.context("probe_ns is null")?;
        let driver = sum(truth)?;
        ensure!(
            seen <= driver,
            "the tracer saw {seen} ns, the driver {driver} ns: {traced:?}"
        );
    }
    Ok(())
}

/// A call with others in the middle of its `alloc_and_copy` has all of their time in it, without
/// the work of their probes.
fn probes_of_inner_calls_are_in_no_step_around(pairs: &[(&Line, &Line)], most: f64) -> Result<()> {
    let mut differences = Vec::new();
    for (traced, truth) in pairs {
        let step = "alloc_and_copy";
        let (Some(seen), Some(driver)) = (traced.step_ns(step)?, truth.step_ns(step)?) else {
            continue;
        };
        let begin = truth.time_ns + truth.step_ns("setup")?.unwrap_or(0);
        let inner = pairs.iter().filter(|(_, inner)| {
            inner.thread() == truth.thread() && (begin..begin + driver).contains(&inner.time_ns)
        });
        let probes: Vec<_> = inner
            .map(|(inner, _)| inner.number("probe_ns")?.context("probe_ns is null"))
            .collect::<Result<_>>()?;
        if !probes.is_empty() {
            let probes: u64 = probes.iter().sum();
            differences.push((seen + probes) as f64 - driver as f64);
        }
    }
    ensure!(
        differences.len() >= 20,
        "only {} with others in the middle",
        differences.len()
    );
    let difference = median(differences.into_iter());
    ensure!(
        difference.abs() <= most,
        "with others in the middle, alloc_and_copy is off by {difference} ns"
    );
    Ok(())
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert!(median(std::iter::empty()).is_nan());
    }
}
