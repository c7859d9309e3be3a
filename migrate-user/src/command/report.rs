//! `report`: a recording's figures as text, JSON or HTML.

use std::io::{self, IsTerminal, Write};

use super::destination::Destination;
use super::stop::Stop;
use super::{check, stdout_failed, tell_hints, tell_unknown, warn_about};
use crate::Error;
use crate::cli;
use crate::config;
use crate::model::Model;
use crate::report::{INTERRUPTED, Report};
use crate::source::{Inputs, Source, StreamSource};
use crate::tell_line;

/// Reads to the end, or until somebody asks for one, and prints.
pub(super) async fn report(options: cli::Report) -> Result<(), Error> {
    let thresholds = config::load()?.findings;
    let inputs = Inputs(options.inputs);
    let json = options.json;
    let html = options.html.is_some();
    let to = Destination::new(options.html, Some(&inputs), options.force)?;
    tell_hints(&options.only.0);
    let mut source = StreamSource::open(inputs.clone(), options.only.0).await?;
    let mut stop = Stop::new()?;
    let mut model = Model::new(source.facts().clone());
    let interrupted = read(&mut source, &mut stop, &mut model).await?;
    let name = inputs.to_string();
    let parts = source.parts();
    let report = Report::new(&model, &name, &thresholds).of_parts(parts, interrupted);
    match () {
        () if html => to.write(&mut |out| out.write_all(report.html().as_bytes()))?,
        () if json => print(&report.json())?,
        () => print(&report.text(io::stdout().is_terminal()))?,
    }
    if interrupted {
        tell_line!("migscope: {INTERRUPTED}");
        return Ok(());
    }
    tell_unknown(source.unknown());
    warn_about(parts);
    check(parts)
}

/// Reads all. When somebody asks for the end, what the other end of a pipe still has to say is
/// waited for a moment: Ctrl-C goes to the recorder too. True if there was more.
pub(super) async fn read(
    source: &mut impl Source,
    stop: &mut Stop,
    model: &mut Model,
) -> Result<bool, Error> {
    loop {
        let asked = stop.asked();
        tokio::select! {
            batch = source.next() => match batch? {
                Some(batch) => model.apply(batch),
                None => return Ok(false),
            },
            () = stop.wait() => if asked { return Ok(true) } else { source.stop() },
        }
    }
}

/// Prints to standard output.
pub(super) fn print(page: &str) -> Result<(), Error> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(stdout_failed)
}
