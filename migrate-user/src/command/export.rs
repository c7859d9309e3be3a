//! `export`: a recording, or what happens now, for other tools.

use std::iter;

use tokio::sync::mpsc;

use super::destination::Destination;
use super::stop::Stop;
use super::{check, tell_hints, tell_unknown, warn_about};
use crate::Error;
use crate::cli;
use crate::export::{Export, Format, Hgrm};
use crate::kernel::Options;
use crate::recording::Output;
use crate::source::{Inputs, KernelSource, Source};
use crate::tell_line;
use crate::text::counted;
use crate::trace::{Batch, Losses};

/// Batches that wait for whoever reads the export before the tracer's ring has to hold them.
const WAITING: usize = 64;

/// Converts a recording, or several that are one. What stands before any damage is converted too,
/// and the damage is an error.
pub(super) fn export(options: cli::Export) -> Result<(), Error> {
    let step = options.step;
    let hgrm = Hgrm { step };
    let format: &dyn Export = match options.format {
        Format::Hgrm => &hgrm,
        _ if step.is_some() => return Err(Error::OnlyWithHgrm),
        format => format.exporter(),
    };
    let inputs = Inputs(options.inputs);
    let to = destination(options.format, options.output, Some(&inputs), options.force)?;
    tell_hints(&options.only.0);
    let mut reader = inputs.open()?.choose(options.only.0)?;
    let facts = reader.facts().clone();
    let mut losses = None;
    let mut batches = reader.by_ref().inspect(|batch: &Batch| {
        losses = batch
            .status
            .as_ref()
            .map(|status| Losses::new(status.losses))
            .or(losses);
    });
    to.write(&mut |out| format.export(&facts, &mut batches, out))?;
    tell_losses(losses);
    tell_unknown(&reader.unknown());
    warn_about(reader.parts());
    check(reader.parts())
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
    let mut source = KernelSource::open(&tracing)?;
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let facts = source.facts().clone();
    let (batches, mut received) = mpsc::channel(WAITING);
    // Formats take batches when they want them, and wait for whoever reads: on a thread of their
    // own.
    let mut writing = tokio::task::spawn_blocking(move || {
        let format = format.exporter();
        let mut batches = iter::from_fn(|| received.blocking_recv());
        to.write(&mut |out| format.export(&facts, &mut batches, out))
    });
    let losses = pass_on(&mut source, &mut stop, batches).await?;
    tokio::select! {
        written = &mut writing => written.expect("an export does not panic")?,
        () = stop.wait() => return Err(Error::OutputStuck { path }),
    }
    tell_losses(losses);
    Ok(())
}

/// Sends the source's batches on until it ends, or nobody takes them any more. What was lost.
async fn pass_on(
    source: &mut impl Source,
    stop: &mut Stop,
    batches: mpsc::Sender<Batch>,
) -> Result<Option<Losses>, Error> {
    let mut losses = None;
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
                let status = batch.status.as_ref();
                losses = status.map(|status| Losses::new(status.losses)).or(losses);
                place.send(batch);
            }
            () = stop.wait() => if asked { break } else { source.stop() },
        }
    }
    Ok(losses)
}

fn tell_losses(losses: Option<Losses>) {
    let lost = losses.map_or(0, |losses| losses.lost());
    if lost > 0 {
        tell_line!(
            "migscope: {} lost while recording, and not exported.",
            counted(lost, "migration was", "migrations were")
        );
    }
}
