//! `export`: a recording for other tools.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{stdout_failed, warn_about};
use crate::Error;
use crate::cli;
use crate::export::{AtomicFile, exporter};
use crate::model::Losses;
use crate::source::Batch;
use crate::tell_line;
use crate::text::counted;

/// Converts a recording. What stands before any damage is converted too, and the damage is an error.
pub(super) fn export(options: &cli::Export) -> Result<(), Error> {
    let format = exporter(options.format);
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
    let mut write = |out: &mut dyn Write| format.export(&facts, &mut batches, out);
    match &options.output {
        Some(path) => to_file(path, &mut write),
        None => to_stdout(&mut write),
    }?;
    let lost = losses.map_or(0, |losses| losses.lost());
    if lost > 0 {
        tell_line!(
            "migscope: {} lost while recording, and not exported.",
            counted(lost, "migration was", "migrations were")
        );
    }
    reader.ending().map_or(Ok(()), |ending| {
        warn_about(ending);
        options.input.check(ending)
    })
}

/// Writes the export.
pub(super) type Writing<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

fn to_stdout(write: Writing<'_>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout().lock());
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
