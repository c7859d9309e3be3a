//! `merge`: a recording beside the trace of a GPU's profiler.

use std::io;

use super::destination::Destination;
use super::missing::Missing;
use super::{check, tell_note, warn_about};
use crate::Error;
use crate::cli;
use crate::export::{Event, Notes};
use crate::merge::{Stop, Trace};
use crate::source::{Input, Inputs};
use crate::tell_line;
use crate::trace::Batch;

/// Writes both as one trace. Nothing is left where they do not fit.
pub(super) fn merge(options: cli::Merge) -> Result<(), Error> {
    let trace = options.trace;
    let read = Inputs(vec![options.recording.clone(), Input::File(trace.clone())]);
    let to = Destination::new(options.output, Some(&read), options.force)?.for_binary()?;
    let mut reader = Inputs(vec![options.recording]).open()?;
    let facts = reader.facts().clone();
    let found = Trace::open(&trace, &facts, options.same_machine);
    let mut found = Some(found.map_err(|refusal| refusal.of(&trace))?);
    let mut missing = Missing::new(&facts, false);
    let mut batches = reader
        .by_ref()
        .inspect(|batch: &Batch| missing.pass(batch.status.as_ref()));
    let (mut notes, mut refused) = (Notes::new(), None);
    let written = to.write(&mut |out| {
        let Some(found) = found.take() else {
            return Ok(());
        };
        notes = found
            .write(&facts, &mut batches, out)
            .map_err(|stop| match stop {
                Stop::Out(cause) => cause,
                Stop::Refused(refusal) => {
                    refused = Some(refusal);
                    io::ErrorKind::InvalidData.into()
                }
            })?;
        Ok(())
    });
    if let Some(refusal) = refused {
        return Err(refusal.of(&trace));
    }
    written?;
    notes.iter().for_each(|note| tell_note(note));
    for sentence in missing.sentences(false, &[Event::Migration, Event::Wait]) {
        tell_line!("migscope: {sentence}");
    }
    warn_about(reader.parts());
    check(reader.parts())
}
