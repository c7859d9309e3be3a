//! `report`: a recording's figures as text, JSON or HTML.

use std::io::{self, IsTerminal, Write};

use super::export::to_file;
use super::stop::Stop;
use super::{stdout_failed, warn_about};
use crate::Error;
use crate::cli;
use crate::config::Config;
use crate::model::Model;
use crate::recording::Output;
use crate::source::{Source, StreamSource};
use crate::tell_line;
use crate::view::report::Report;

/// Reads to the end, or until somebody asks for one, and prints.
pub(super) async fn report(options: cli::Report) -> Result<(), Error> {
    let thresholds = Config::load()?.findings;
    let mut source = StreamSource::open(options.input.clone()).await?;
    let mut stop = Stop::new()?;
    let mut model = Model::new(source.facts().clone());
    let interrupted = read(&mut source, &mut stop, &mut model).await?;
    let name = options.input.to_string();
    let report = Report::new(&model, &name, &thresholds);
    match &options.html {
        Some(Output::File(path)) => {
            to_file(path, &mut |out| out.write_all(report.html().as_bytes()))?;
        }
        Some(_) => print(&report.html())?,
        None if options.json => print(&report.json())?,
        None => print(&report.text(io::stdout().is_terminal()))?,
    }
    if interrupted {
        tell_line!("migscope: interrupted before the end of the recording.");
        return Ok(());
    }
    let ending = source.ending();
    warn_about(&ending);
    options.input.check(&ending)
}

/// Reads all. When somebody asks for the end, what the other end of a pipe still has to say is waited for a moment:
/// Ctrl-C goes to the recorder too. True if there was more.
async fn read(source: &mut impl Source, stop: &mut Stop, model: &mut Model) -> Result<bool, Error> {
    loop {
        let asked = stop.asked();
        tokio::select! {
            batch = source.next() => match batch? {
                Some(batch) => model.apply(batch),
                None => return Ok(false),
            },
            () = stop.wait() => if asked { return Ok(true) },
        }
    }
}

/// Prints to standard output.
pub(super) fn print(page: &str) -> Result<(), Error> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(stdout_failed)
}
