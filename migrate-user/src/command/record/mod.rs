//! `record`: this kernel's migrations to a file, pipe or socket.

mod gather;
mod progress;
mod recorder;
mod rotation;

use std::fs::File;
use std::process::ExitCode;

use tokio::time::sleep;

use super::confine::{confine, folder_of};
use super::replace::may_replace;
use super::stop::Stop;
use super::workload::Workload;
use super::{POLL, tell_note, tell_waiting, warn_about_names};
use crate::Error;
use crate::cli;
use crate::kernel::Options;
use crate::machine;
use crate::privilege::Needs;
use crate::recording::{Output, Recording};
use crate::source::{KernelSource, Source};
use crate::text::file_stamp;
use gather::{Gather, Pace};
use recorder::Recorder;
use rotation::Rotation;

/// Records until somebody asks for the end, or the command ends. Its exit status, if there is one.
pub(super) async fn record(options: cli::Record) -> Result<ExitCode, Error> {
    let tracing = Options::try_from(options.tracing)?;
    let asked = options.output.unwrap_or_else(default_output);
    if options.rotate.is_some() && !asked.is_file() {
        return Err(Error::RotatesNoFile {
            output: asked.to_string(),
        });
    }
    let mut rotation = Rotation::new(options.rotate, options.keep, &asked, options.force);
    let output = match options.rotate {
        Some(_) => rotation.first(),
        None => asked,
    };
    let replaces = may_replace(&output, None, options.force)?;
    if let Some(note) = rotation.note() {
        tell_note(&note);
    }
    // From the first hook on, Ctrl-C ends the recording and not the program.
    let mut stop = Stop::new()?;
    // Whoever reads comes before the first migration, and a file after nothing can fail any more.
    let reader = match output.waits_for_reader() {
        true => Some(wait_for_reader(&output, &mut stop).await?),
        false => None,
    };
    let source = KernelSource::open(&tracing, tell_note)?;
    warn_about_names(&source);
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let file = reader.map_or_else(|| output.open_or_replace(replaces), Ok)?;
    let recording = Recording::new(file, output.clone(), source.facts())?;
    rotation.tidy();
    let mut workload = Workload::start(&options.command)?;
    // The command keeps what it was started with.
    let needs = Needs {
        processes: tracing.user_stacks,
        signals: workload.is_there(),
        writes: options.rotate.and_then(|_| folder_of(&output)),
    };
    confine(&source, &needs);
    let pace = match options.write_every {
        Some(time) => Pace::at_most(time),
        None if output.is_file() => Pace::FILE,
        None => Pace::LIVE,
    };
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
async fn wait_for_reader(output: &Output, stop: &mut Stop) -> Result<File, Error> {
    let mut opening = output.opening(false);
    let mut told = false;
    loop {
        if let Some(file) = opening.try_open()? {
            return Ok(file);
        }
        if !std::mem::replace(&mut told, true) {
            tell_waiting(output);
        }
        tokio::select! {
            () = sleep(POLL) => {}
            () = stop.wait() => return Err(Error::ReaderGone),
        }
    }
}

fn default_output() -> Output {
    let now = machine::unix_time_ns().unwrap_or(0);
    Output::File(format!("migscope-{}.arrow", file_stamp(now)).into())
}
