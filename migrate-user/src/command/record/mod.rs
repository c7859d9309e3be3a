//! `record`: this kernel's migrations to a file, pipe or socket.

mod gather;
mod progress;
mod recorder;
mod rotation;

use std::fs::File;
use std::process::ExitCode;

use super::replace::may_replace;
use super::stop::Stop;
use super::workload::Workload;
use super::{tell_note, warn_about_names};
use crate::Error;
use crate::cli;
use crate::kernel::Options;
use crate::machine;
use crate::recording::{Output, Recording};
use crate::source::{KernelSource, Source};
use crate::tell_line;
use crate::text::file_stamp;
use gather::{Gather, Pace};
use recorder::Recorder;
use rotation::Rotation;

/// Records until somebody asks for the end, or the command ends. Its exit status, if there is one.
pub(super) async fn record(options: cli::Record) -> Result<ExitCode, Error> {
    let tracing = Options::try_from(options.tracing)?;
    let output = options.output.unwrap_or_else(default_output);
    let replaces = may_replace(&output, None, options.force)?;
    // From the first hook on, Ctrl-C ends the recording and not the program.
    let mut stop = Stop::new()?;
    if options.rotate.is_some() && !output.is_file() {
        return Err(Error::RotatesNoFile {
            output: output.to_string(),
        });
    }
    if options.rotate.is_some() {
        Rotation::check(&output)?;
    }
    // Whoever reads comes before the first migration, and a file after nothing can fail any more.
    let reader = match &output {
        Output::Socket(_) => Some(open(&output, &mut stop).await?),
        Output::Stdout | Output::File(_) => None,
    };
    let source = KernelSource::open(&tracing, tell_note)?;
    warn_about_names(&source);
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let file = reader.map_or_else(|| output.open_or_replace(replaces), Ok)?;
    let recording = Recording::new(file, output.clone(), source.facts())?;
    let mut workload = Workload::start(&options.command)?;
    let pace = match options.write_every {
        Some(time) => Pace::at_most(time),
        None if output.is_file() => Pace::FILE,
        None => Pace::LIVE,
    };
    let rotation = Rotation::new(options.rotate, options.keep, &output);
    let mut recorder = Recorder::new(source, stop, Gather::new(pace), rotation);
    let recorded = recorder.run(recording, &mut workload).await;
    if let Ok(migrations) = &recorded {
        recorder.summary(*migrations, &output);
    }
    // A command that goes on is not left alone, and its status is the answer also to a recording
    // that was cut short.
    let ended = workload.wait(&mut recorder.stop).await?;
    let status = ended.map_or(0, |ended| ended.status);
    recorded.map(|_| ExitCode::from(status))
}

/// Opens an output that waits for its reader, or for the wish to end.
async fn open(output: &Output, stop: &mut Stop) -> Result<File, Error> {
    tell_line!("migscope: waiting for a reader at {output}.");
    let waiting = output.clone();
    tokio::select! {
        opened = tokio::task::spawn_blocking(move || waiting.open()) => Ok(opened.expect("opening does not panic")?),
        () = stop.wait() => Err(Error::ReaderGone),
    }
}

fn default_output() -> Output {
    let now = machine::unix_time_ns().unwrap_or(0);
    Output::File(format!("migscope-{}.arrow", file_stamp(now)).into())
}
