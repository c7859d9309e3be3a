//! `cargo xtask bench`: what tracing costs, against no tracing and against what people trace with
//! today.
//!
//! Costs are guest instructions, counted by an emulated processor: the same in every run, on every
//! host.

mod dashboard;
mod figures;
mod fit;
mod measure;
mod phases;
mod reader;
mod results;
mod table;
mod tool;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum as _};
use serde::de::DeserializeOwned;

use crate::build;
use crate::cache::write_whole;
use crate::errors::Status;
use crate::lab::Lab;
use crate::options::Options;
use crate::process::output;
use crate::progress::{Progress, Step};
use crate::setup::kernel::Flavour;
use crate::setup::programs::{Programs, TRACERS};
use crate::setup::{Part as _, Setup};
use results::{Measured, Results, absolute};
use tool::Tool;

/// The programs for the guest, calls that nobody watches, the figures, phases, the dashboard, and
/// the reader.
const FURTHER_STEPS: usize = 6;

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = "\
The VM's processor is emulated and counts what it does: a migration takes the same number of instructions in every run, \
on every machine. Each tool gets a boot of its own, in which the test driver moves pages to the device and back; what a \
call takes more than in a boot without a tool is what the tool costs. A line through the sizes says how much of that is \
for a call, and how much for each page. Then a thread touches pages one by one, on the device and in swap space: what \
that takes more with the tool migscope than with the tool no-waits is what it costs to follow waits. And it opens and \
closes phases: what that takes more than with an empty probe of bpftrace's at the same functions is what it costs to follow phases.

With the tool migscope, its programs, memory, ring and recorder are measured too.

Exit status: 0 if migscope costs no more than it may; 1 if it does, or something failed.

Examples:
  cargo xtask bench                                  everything; about 15 minutes
  cargo xtask bench --tool migscope --pages 1,512
  cargo xtask bench --tool migscope --tool no-waits  what waits cost
  cargo xtask bench --tool function-graph --tool bpftrace --json others.json")]
pub(crate) struct Bench {
    /// Only this tool; can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Vec<Tool>,
    /// How many pages a call moves, separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 8, 64, 512, 4096],
        value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) pages: Vec<u32>,
    /// Where the results are put as JSON [default: target/xtask/bench.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// Measures, prints the table, writes the JSON file. An error if migscope costs more than it may.
pub(crate) fn run(arguments: Bench, options: Options) -> Result<()> {
    let mut pages = arguments.pages;
    pages.sort_unstable();
    pages.dedup();
    let tools: Vec<_> = Tool::value_variants()
        .iter()
        .filter(|tool| arguments.tool.is_empty() || arguments.tool.contains(tool))
        .copied()
        .collect();
    options.must_be_of_this_machine()?;
    let setup = Setup::new(options, Flavour::Test)?;
    let (lab, progress) = Lab::open(setup, FURTHER_STEPS + tools.len())?;
    let results = measure_all(&lab, &progress, &tools, &pages)?;
    let json = serde_json::to_string_pretty(&results).context("the results as JSON")? + "\n";
    let path = arguments
        .json
        .unwrap_or_else(|| lab.setup.workspace.target("xtask/bench.json"));
    write_whole(&path, json.as_bytes())?;
    anstream::print!("{}", results.page());
    anstream::eprintln!("The same as JSON: {}", path.display());
    if results.are_within_bounds() {
        Ok(())
    } else {
        bail!(Status(1))
    }
}

fn measure_all(lab: &Lab, progress: &Progress, tools: &[Tool], pages: &[u32]) -> Result<Results> {
    let programs = Programs::new(&lab.setup.cache, TRACERS);
    let step = progress.step(&programs.title());
    if !programs.is_there()? {
        programs.make(&step)?;
    }
    step.done();
    let step = progress.step("calls that nobody watches");
    let untraced = absolute(&measure::costs(lab, &programs, None, pages)?.0);
    step.done();
    let mut measured = Vec::new();
    for tool in tools.iter().copied() {
        let step = progress.step(&format!("calls under {}", tool.name()));
        let (costs, lost) = measure::costs(lab, &programs, Some(tool), pages)
            .with_context(|| format!("calls under {}", tool.name()))?;
        measured.push(Measured::new(tool, &untraced, &costs, lost)?);
        step.done();
    }
    let figures = if tools.contains(&Tool::Migscope) {
        let step = progress.step("programs, memory, ring and recorder");
        let figures = figures::figures(lab, &programs, &step)?;
        step.done();
        Some(figures)
    } else {
        None
    };
    let step = progress.step("phases of programs");
    let phases = phases::measure(lab, &programs)?;
    step.done();
    let step = progress.step("the dashboard");
    let dashboard = dashboard::measure(lab, &step)?;
    step.done();
    let step = progress.step("reading");
    let reader = reader::measure(lab, &step)?;
    step.done();
    Ok(Results {
        kernel: release(lab)?,
        untraced,
        waits: results::waits(&measured),
        tools: measured,
        figures,
        phases,
        dashboard,
        reader,
    })
}

/// The kernel's version, as it names itself.
fn release(lab: &Lab) -> Result<String> {
    let file = lab
        .setup
        .kernel
        .built_tree()?
        .join("include/config/kernel.release");
    let release = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    Ok(release.trim_end().to_owned())
}

/// What an example program of migscope's measures on this machine, which it prints as JSON.
fn measured_by<T: DeserializeOwned>(example: &str, lab: &Lab, step: &Step) -> Result<T> {
    let ebpf = build::ebpf(&lab.setup, lab.setup.arch, step)?;
    let program = build::example(example, &lab.setup, &ebpf, step)?;
    Ok(serde_json::from_str(&output(&mut Command::new(program))?)?)
}
