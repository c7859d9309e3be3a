//! `export`: a recording, or what happens now, for other tools.

use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::Path;

use tokio::sync::mpsc;

use super::stop::Stop;
use super::{stdout_failed, warn_about};
use crate::Error;
use crate::cli::{self, Format};
use crate::export::{AtomicFile, Export, Hgrm, Out, exporter};
use crate::model::Losses;
use crate::source::kernel::KernelSource;
use crate::source::{Batch, Source};
use crate::tell_line;
use crate::text::counted;

/// Batches that wait for whoever reads the export before the tracer's ring has to hold them.
const WAITING: usize = 64;

/// Converts a recording. What stands before any damage is converted too, and the damage is an error.
pub(super) fn export(options: &cli::Export) -> Result<(), Error> {
    let (step, direction) = (options.step, options.direction);
    let hgrm = Hgrm { step, direction };
    let format: &dyn Export = match options.format {
        Format::Hgrm => &hgrm,
        _ if step.is_some() || direction.is_some() => return Err(Error::OnlyWithHgrm),
        format => exporter(format),
    };
    let mut reader = options.input.open()?;
    let facts = reader.facts().clone();
    let mut losses = None;
    let mut batches = reader.by_ref().inspect(|batch: &Batch| {
        losses = batch
            .status
            .as_ref()
            .map(|status| Losses::new(status.losses))
            .or(losses);
    });
    write(options.output.as_deref(), &mut |out| {
        format.export(&facts, &mut batches, out)
    })?;
    tell_losses(losses);
    reader.ending().map_or(Ok(()), |ending| {
        warn_about(ending);
        options.input.check(ending)
    })
}

/// Converts what this kernel does, until somebody asks for the end.
pub(super) async fn live(format: Format, options: cli::Live) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    let mut source = KernelSource::open(&options.tracing.into())?;
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let facts = source.facts().clone();
    let (batches, mut received) = mpsc::channel(WAITING);
    let path = options.output.clone();
    // Formats take batches when they want them, and wait for whoever reads: on a thread of their own.
    let mut writing = tokio::task::spawn_blocking(move || {
        let format = exporter(format);
        let mut batches = iter::from_fn(|| received.blocking_recv());
        write(path.as_deref(), &mut |out| {
            format.export(&facts, &mut batches, out)
        })
    });
    let losses = pass_on(&mut source, &mut stop, batches).await?;
    tokio::select! {
        written = &mut writing => written.expect("an export does not panic")?,
        () = stop.wait() => {
            let path = options.output.as_deref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
            return Err(Error::OutputStuck { path });
        }
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
        // A place first: whoever reads slowly makes the ring overflow, which is counted, and not this program grow.
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

/// Writes the export.
pub(super) type Writing<'a> = &'a mut dyn FnMut(Out<'_>) -> io::Result<()>;

fn write(path: Option<&Path>, write: Writing<'_>) -> Result<(), Error> {
    match path {
        Some(path) => to_file(path, write),
        None => to_stdout(write),
    }
}

fn to_stdout(write: Writing<'_>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout());
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(stdout_failed)
}

/// Writes a file that appears when it is whole.
pub(super) fn to_file(path: &Path, write: Writing<'_>) -> Result<(), Error> {
    let failed = |action, advice| {
        move |cause| Error::Io {
            action,
            path: path.display().to_string(),
            cause,
            advice,
        }
    };
    let file = AtomicFile::create(path).map_err(failed(
        "create",
        "Name a file in a folder that you may write to with -o.",
    ))?;
    let mut out = BufWriter::new(file);
    write(&mut out)
        .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
        .and_then(AtomicFile::commit)
        .map_err(failed(
            "write",
            "Nothing was left behind. Make room, or name a file on another disk with -o.",
        ))
}
