//! `export`: a recording, or what happens now, for other tools.

use std::{io, iter};

use clap::ValueEnum as _;
use tokio::sync::mpsc;

use super::confine::confine;
use super::destination::Destination;
use super::missing::Missing;
use super::stop::Stop;
use super::{check, tell_hints, tell_note, tell_unknown, warn_about};
use crate::Error;
use crate::cli;
use crate::export::{Event, Export, Format, Hgrm, Notes, Out};
use crate::kernel::Options;
use crate::privilege::Needs;
use crate::recording::Output;
use crate::source::{Inputs, KernelSource, Source};
use crate::tell_line;
use crate::trace::Batch;

/// Batches that wait for whoever reads the export before the tracer's ring has to hold them.
const WAITING: usize = 64;

/// Converts a recording, or several that are one. What stands before any damage is converted too,
/// and the damage is an error.
pub(super) fn export(options: cli::Export) -> Result<(), Error> {
    let step = options.step;
    let hgrm = Hgrm { step };
    let format: &dyn Export = match (options.event, options.format) {
        (Event::Wait, format) => of_waits(format)?,
        (Event::Migration, Format::Hgrm) => &hgrm,
        _ if step.is_some() => return Err(Error::OnlyWithHgrm),
        (Event::Migration, format) => format.exporter(),
    };
    let inputs = Inputs(options.inputs);
    let to = destination(options.format, options.output, Some(&inputs), options.force)?;
    tell_hints(&options.only.0);
    let is_of_migrations = options.only.0.is_of_migrations();
    let mut reader = inputs.open()?.choose(options.only.0)?;
    let facts = reader.facts().clone();
    let mut missing = Missing::new(&facts, is_of_migrations);
    let mut batches = reader
        .by_ref()
        .inspect(|batch: &Batch| missing.pass(batch.status.as_ref()));
    let notes = written(&to, |out| format.export(&facts, &mut batches, out))?;
    tell_notes(&notes);
    tell_missing(&missing, format);
    tell_unknown(&reader.unknown());
    warn_about(reader.parts());
    check(reader.parts())
}

/// What writes waits in this format.
fn of_waits(format: Format) -> Result<&'static dyn Export, Error> {
    format.exporter_of_waits().ok_or_else(|| {
        let name = format.to_possible_value();
        Error::NoFormatOfWaits {
            format: name.map_or_else(String::new, |name| name.get_name().to_owned()),
        }
    })
}

fn destination(
    format: Format,
    output: Option<Output>,
    inputs: Option<&Inputs>,
    force: bool,
) -> Result<Destination, Error> {
    let to = Destination::new(output, inputs, force)?;
    if format.exporter().is_binary() {
        to.for_binary()
    } else {
        Ok(to)
    }
}

/// Converts what this kernel does, until somebody asks for the end.
pub(super) async fn live(format: Format, options: cli::Live) -> Result<(), Error> {
    let tracing = Options::try_from(options.tracing)?;
    let to = destination(format, options.output, None, options.force)?;
    let path = to.name();
    let mut stop = Stop::new()?;
    let mut source = KernelSource::open(&tracing, tell_note)?;
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let needs = Needs {
        processes: tracing.user_stacks,
        writes: to.folder(),
        ..Needs::default()
    };
    confine(&source, &needs);
    let facts = source.facts().clone();
    // Waits alone are asked for of recordings only.
    let mut missing = Missing::new(&facts, false);
    let (batches, mut received) = mpsc::channel(WAITING);
    // Formats take batches when they want them, and wait for whoever reads: on a thread of their
    // own.
    let mut writing = tokio::task::spawn_blocking(move || {
        let format = format.exporter();
        let mut batches = iter::from_fn(|| received.blocking_recv());
        written(&to, |out| format.export(&facts, &mut batches, out))
    });
    pass_on(&mut source, &mut stop, batches, &mut missing).await?;
    let notes = tokio::select! {
        written = &mut writing => written.expect("an export does not panic")?,
        () = stop.wait() => return Err(Error::OutputStuck { path }),
    };
    tell_notes(&notes);
    tell_missing(&missing, format.exporter());
    Ok(())
}

/// Writes it to where it goes.
fn written(
    to: &Destination,
    mut export: impl FnMut(Out<'_>) -> io::Result<Notes>,
) -> Result<Notes, Error> {
    let mut notes = Notes::new();
    to.write(&mut |out| {
        notes = export(out)?;
        Ok(())
    })?;
    Ok(notes)
}

fn tell_notes(notes: &Notes) {
    notes.iter().for_each(|note| tell_note(note));
}

/// Sends the source's batches on until it ends, or nobody takes them any more.
async fn pass_on(
    source: &mut impl Source,
    stop: &mut Stop,
    batches: mpsc::Sender<Batch>,
    missing: &mut Missing,
) -> Result<(), Error> {
    loop {
        let asked = stop.asked();
        // A place first: whoever reads slowly makes the ring overflow, which is counted, and not
        // this program grow.
        let next = async {
            let Ok(place) = batches.reserve().await else {
                return Ok(None);
            };
            Ok::<_, Error>(source.next().await?.map(|batch| (place, batch)))
        };
        tokio::select! {
            next = next => {
                let Some((place, batch)) = next? else { break };
                missing.pass(batch.status.as_ref());
                place.send(batch);
            }
            () = stop.wait() => if asked { break } else { source.stop() },
        }
    }
    Ok(())
}

fn tell_missing(missing: &Missing, format: &dyn Export) {
    for sentence in missing.sentences(format.has_totals(), format.events()) {
        tell_line!("migscope: {sentence}");
    }
}
