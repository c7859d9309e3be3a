//! `serve`: figures over HTTP, from this kernel or from a recording.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use tokio::task::LocalSet;

use super::confine::{confine, parent_of};
use super::stop::Stop;
use super::{check, tell_hints, tell_note, tell_unknown, warn_about_names};
use crate::Error;
use crate::cli;
use crate::export::metrics::{Constant, Tops};
use crate::kernel::Options;
use crate::model::Model;
use crate::privilege::Needs;
use crate::serve::{Address, Clock, Listener, Pusher, Shared, Started, State, start};
use crate::source::{Inputs, KernelSource, Part, Source, StreamSource};
use crate::tell_line;
use crate::text::printable;

/// Serves until somebody asks for the end.
pub(super) async fn serve(options: cli::Serve) -> Result<(), Error> {
    check_labels(&options.label)?;
    let tracing = tracing(&options)?;
    // An address that is taken is told before anything is traced.
    let listener = Listener::open(&options.listen).await?;
    let Some(input) = &options.input else {
        let mut source = KernelSource::open(&tracing, tell_note)?;
        if source.facts().record_every > 0 {
            warn_about_names(&source);
        }
        // From here on it talks to strangers.
        confine(&source, &needs(&options.listen));
        let clock = Clock::Live(Started::default());
        return serve_from(&mut source, clock, listener, &options)
            .await
            .map(drop);
    };
    let mut source =
        StreamSource::open(Inputs(vec![input.clone()]), options.only.0.clone()).await?;
    match serve_from(&mut source, Clock::Recorded, listener, &options).await? {
        Over::Yes => check(source.parts()),
        Over::No => Ok(()),
    }
}

fn check_labels(labels: &[Constant]) -> Result<(), Error> {
    let mut names = HashSet::new();
    let twice = labels.iter().find(|label| !names.insert(label.name()));
    twice.map_or(Ok(()), |label| {
        Err(Error::LabelTwice {
            name: label.name().to_owned(),
        })
    })
}

/// At the end a socket is removed from its folder.
fn needs(listen: &Address) -> Needs {
    let writes = match listen {
        Address::Network(_) => None,
        Address::Socket(path) => Some(parent_of(path)),
    };
    Needs {
        writes,
        ..Needs::default()
    }
}

/// Did the source end by itself?
enum Over {
    Yes,
    No,
}

/// Without records, unless they are asked for: totals cost least, and nobody has to keep up with
/// them.
fn tracing(options: &cli::Serve) -> Result<Options, Error> {
    let tracing = Options {
        attach: options.attach.into(),
        record_every: needs_records(options).into(),
        mappings: options.top_mappings > 0,
        phases: options.phases.clone(),
        only: options.only.0.clone(),
        ..Options::default()
    };
    // Of a recording everything can be asked.
    match &options.input {
        None => tracing.check()?,
        Some(_) => names_no_library(options)?,
    }
    tell_hints(&tracing.only);
    Ok(tracing)
}

/// Of a recording it is known which libraries were hooked: those of the recorder.
fn names_no_library(options: &cli::Serve) -> Result<(), Error> {
    let named = options.phases.as_ref().and_then(|named| named.first());
    named.map_or(Ok(()), |path| {
        Err(Error::LibraryOfRecording {
            path: printable(&path.to_string_lossy()),
        })
    })
}

fn needs_records(options: &cli::Serve) -> bool {
    let has_tops = options.top_mappings > 0 || options.phases.is_some();
    options.records || options.processes > 0 || has_tops
}

async fn serve_from(
    source: &mut impl Source,
    clock: Clock,
    listener: Listener,
    options: &cli::Serve,
) -> Result<Over, Error> {
    let mut stop = Stop::new()?;
    let phases = options
        .phases
        .as_ref()
        .map_or(0, |_| options.top_phases.into());
    let state = Rc::new(RefCell::new(State {
        model: Model::new(source.facts().clone()),
        running: true,
        per_octave: options.buckets,
        processes: options.processes.into(),
        tops: Tops::new(phases, options.top_mappings.into()),
        constants: options.label.clone(),
        clock,
    }));
    let serving = async {
        tell_line!("migscope: serving {listener}. Ctrl-C ends it.");
        if listener.is_public() {
            tell_line!("migscope: everybody who reaches that address can read it.");
        }
        start(listener, Rc::clone(&state));
        if let Some(endpoint) = &options.otlp {
            Pusher::start(endpoint.clone(), options.otlp_interval.0, &state, tell_note);
        }
        let over = follow(source, &mut stop, &state).await?;
        if let Some(endpoint) = &options.otlp {
            Pusher::last(endpoint.clone(), &state, tell_note).await;
        }
        Ok(over)
    };
    LocalSet::new().run_until(serving).await
}

/// Takes in what the source says until somebody asks for the end. Where the source ends by itself,
/// what it said stays.
async fn follow(source: &mut impl Source, stop: &mut Stop, state: &Shared) -> Result<Over, Error> {
    loop {
        let asked = stop.asked();
        let running = state.borrow().running;
        tokio::select! {
            batch = source.next(), if running => match batch? {
                Some(batch) => state.borrow_mut().apply(batch),
                None if asked => return Ok(Over::Yes),
                None => {
                    state.borrow_mut().running = false;
                    tell_unknown(source.unknown());
                    tell_end(source.parts());
                }
            },
            () = stop.wait() => match (running, asked) {
                (false, _) => return Ok(Over::Yes),
                (true, true) => return Ok(Over::No),
                (true, false) => source.stop(),
            },
        }
    }
}

/// Says at once how a recording ended; if it is damaged, that is the answer at the end, too.
fn tell_end(parts: &[Part]) {
    for note in parts.iter().flat_map(Part::notes) {
        tell_line!("migscope: {note}");
    }
    tell_line!("migscope: the recording has ended. Its figures are served until Ctrl-C.");
}
