//! `stat`: what migrates while a command runs, by the kernel's own totals; by phase, as records
//! tell.

mod counter;
mod lines;
mod target;

use std::process::ExitCode;

use super::replace::may_replace;
use super::stop::Stop;
use super::{tell_hints, tell_note};
use crate::Error;
use crate::cli;
use crate::kernel::{Options, RING_BYTES, TracerError};
use crate::report::stat::{Form, Run, Stat};
use crate::source::{KernelSource, Source};
use counter::Counter;
use lines::Lines;
use target::Target;

/// Runs the command, once or several times, and prints what was counted. The exit status of its
/// last run.
pub(super) async fn stat(options: cli::Stat) -> Result<ExitCode, Error> {
    let tracing = tracing(&options)?;
    let output = &options.output;
    let replaces = output
        .as_ref()
        .map_or(Ok(false), |output| may_replace(output, None, options.force))?;
    // From here on, Ctrl-C is the command's, and what was counted is printed.
    let stop = Stop::new()?;
    let source = KernelSource::open(&tracing, tell_note)?;
    let target = Target::open(output.as_ref(), replaces)?;
    count(source, stop, target, &options).await
}

/// No records, as totals cost least, unless phases are asked for: those only records tell.
fn tracing(options: &cli::Stat) -> Result<Options, TracerError> {
    let tracing = Options {
        attach: options.attach.into(),
        record_every: options.per_phase.is_some().into(),
        ring_bytes: options.ring_size.map_or(RING_BYTES, |size| size.0),
        mappings: false,
        phases: options.per_phase.clone(),
        waits: !options.no_waits,
        device_side: options.device_side,
        only: options.only.0.clone(),
        ..Options::default()
    };
    tracing.check()?;
    tell_hints(&tracing.only);
    Ok(tracing)
}

fn form(options: &cli::Stat) -> Form {
    match options.separator {
        _ if options.json => Form::Json,
        Some(separator) => Form::Separated(separator.0),
        None => Form::Text,
    }
}

async fn count(
    source: impl Source,
    stop: Stop,
    mut target: Target,
    options: &cli::Stat,
) -> Result<ExitCode, Error> {
    let form = form(options);
    let lines = options.interval.map(|every| Lines::new(every.0, form));
    let mut counter = Counter::new(source, stop, lines);
    let mut runs = Vec::new();
    let failed = loop {
        match counter.run(&options.command, &mut target).await {
            Ok(run) => runs.push(run),
            // What was counted before is printed all the same.
            Err(error) => break Some(error),
        }
        if is_last(&runs, options.repeat) || counter.is_interrupted() {
            break None;
        }
    };
    let stat = Stat {
        command: &name(options),
        asked: options.repeat,
        runs: &runs,
        interrupted: counter.is_interrupted(),
    };
    // Lines of intervals are a table of their own, which a page below would end.
    let has_page =
        !runs.is_empty() && !matches!((form, options.interval), (Form::Separated(_), Some(_)));
    if has_page {
        // What the command or the lines said stands right above it.
        let has_neighbours = matches!(target, Target::Stderr) || options.interval.is_some();
        let gap = if form == Form::Text && has_neighbours {
            "\n"
        } else {
            ""
        };
        target.write(&format!("{gap}{}", stat.write(form)))?;
    }
    let status = runs.last().map_or(0, |run| run.status);
    failed.map_or(Ok(ExitCode::from(status)), Err)
}

/// Is there no run after these? One that did not succeed is not like the others.
fn is_last(runs: &[Run], asked: u32) -> bool {
    runs.len() >= asked as usize || runs.last().is_some_and(|run| run.status != 0)
}

/// The command as it was called.
fn name(options: &cli::Stat) -> String {
    let words = options.command.iter().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.collect();
    let quoted = shlex::try_join(words.iter().map(AsRef::as_ref));
    quoted.unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests;
