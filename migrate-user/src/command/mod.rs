//! What each command does: puts source, model, view and export together.

mod confine;
mod destination;
mod diff;
mod doctor;
mod export;
mod harmless;
mod live;
mod man;
mod mark;
mod merge;
mod missing;
mod record;
mod replace;
mod report;
mod serve;
mod stat;
mod stop;
mod stuck;
mod tracing;
mod workload;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use crate::Error;
use crate::cli::{Cli, Command, Live};
use crate::recording::Output;
use crate::source::{KernelSource, Part};
use crate::tell_line;
use crate::text::printable;
use crate::trace::Filter;

/// How long an output that waits for its reader is left alone before it is tried again.
const POLL: Duration = Duration::from_millis(20);

/// Runs a command to its end. The exit status is the answer where there was a question.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|cause| Error::Io {
        action: "start",
        path: "the event loop".to_owned(),
        cause,
        advice: "The system is out of file descriptors or memory.",
    })?;
    let done = runtime.block_on(async {
        match cli
            .command
            .unwrap_or_else(|| Command::Live(Live::default()))
        {
            Command::Live(options) => live::live(options).await,
            Command::Replay(options) => live::replay(options).await,
            Command::Record(options) => return record::record(options).await,
            Command::Stat(options) => return stat::stat(options).await,
            Command::Report(options) => report::report(options).await,
            Command::Export(options) => export::export(options),
            Command::Merge(options) => merge::merge(options),
            Command::Serve(options) => serve::serve(options).await,
            Command::Mark(options) => {
                mark::mark(&options);
                Ok(())
            }
            Command::Man(options) => man::man(&options),
            Command::Completions(options) => man::completions(&options),
            Command::Diff(options) => return diff::diff(options),
            Command::Stuck(options) => return stuck::stuck(&options).await,
            Command::Doctor(options) => return doctor::doctor(&options),
        }?;
        Ok(ExitCode::SUCCESS)
    });
    // A write to a pipe that nobody reads must not keep the program from ending.
    runtime.shutdown_background();
    done
}

/// Why standard output did not take it. A reader that has gone has seen enough.
fn stdout_failed(cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::BrokenPipe => Error::ReaderGone,
        _ => Error::Io {
            action: "write",
            path: "standard output".to_owned(),
            cause,
            advice: "Make room where it goes to.",
        },
    }
}

/// Says on standard error what a lower layer has to say.
fn tell_note(sentence: &str) {
    tell_line!("migscope: {sentence}");
}

/// Says on standard error what it waits for.
fn tell_waiting(output: &Output) {
    let output = output.to_string();
    tell_line!(
        "migscope: waiting for a reader at {}. Ctrl-C gives up.",
        printable(&output)
    );
}

/// Says on standard error what records will lack.
fn warn_about_names(source: &KernelSource) {
    if !source.names_functions() {
        tell_line!(
            "migscope: drivers and the kernel's stacks stay unnamed: this user is shown no addresses of the kernel \
             (`migscope doctor` says why)."
        );
    }
}

/// Says on standard error what a reader should know about how recordings were read. Damage is told
/// as an error, at the end.
fn warn_about(parts: &[Part]) {
    let whole = parts.iter().filter(|part| part.check().is_ok());
    for note in whole.flat_map(Part::notes) {
        tell_line!("migscope: {note}");
    }
}

/// Says on standard error what a user may not know of a filter.
fn tell_hints(filter: &Filter) {
    for hint in filter.hints() {
        tell_line!("migscope: {hint}.");
    }
}

/// Says on standard error what a filter asks for and the recording does not have.
fn tell_unknown(unknown: &[String]) {
    for what in unknown {
        tell_line!("migscope: {what}.");
    }
}

/// The first of the recordings that could not be read as it should, as an error.
fn check(parts: &[Part]) -> Result<(), Error> {
    Ok(parts.iter().try_for_each(Part::check)?)
}
