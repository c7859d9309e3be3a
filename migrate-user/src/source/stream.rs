//! Batches from a recording: a file, standard input, or a socket, finished or still growing.

use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{Inputs, Joined, Part, Source};
use crate::source::Error;
use crate::trace::{Batch, Ending, Facts, Filter};

/// Batches that wait for the view before the reader waits for it too.
const WAITING: usize = 16;

/// The memory that they may take, KiB. A single one may be larger: it waits alone.
const WAITING_KIB: usize = 16 << 10;

#[expect(
    clippy::large_enum_variant,
    reason = "a few wait, and nearly all are batches"
)]
enum Event {
    /// With its place among those that wait, which is free when it has been taken.
    Batch(Batch, OwnedSemaphorePermit),
    Ended(Vec<Part>, Vec<String>),
}

/// Reads a recording on a thread of its own, so that a slow or silent stream never holds up the
/// view.
pub struct StreamSource {
    inputs: Inputs,
    filter: Filter,
    facts: Facts,
    events: mpsc::Receiver<Event>,
    parts: Vec<Part>,
    unknown: Vec<String>,
}

impl StreamSource {
    /// Opens the inputs and waits for their facts. Only what the filter lets through comes.
    pub async fn open(inputs: Inputs, filter: Filter) -> Result<Self, Error> {
        let (opened, facts) = oneshot::channel();
        let kept = (inputs.clone(), filter.clone());
        let (sender, events) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        // Nobody joins it: it may sit in a read for ever, and ends with the program.
        thread::spawn(
            move || match inputs.open().and_then(|joined| joined.choose(filter)) {
                Ok(reader) => {
                    let _ = opened.send(Ok(reader.facts().clone()));
                    forward(reader, &sender, &runtime);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            },
        );
        let facts = facts.await.expect("the reader's thread answers first")?;
        Ok(Self {
            inputs: kept.0,
            filter: kept.1,
            facts,
            events,
            parts: Vec::new(),
            unknown: Vec::new(),
        })
    }
}

/// Sends everything on. Ends early when the other side has gone.
fn forward(mut reader: Joined, sender: &mpsc::Sender<Event>, runtime: &Handle) {
    let room = Arc::new(Semaphore::new(WAITING_KIB));
    for batch in reader.by_ref() {
        let kib = (batch.bytes() >> 10).min(WAITING_KIB) as u32;
        let place = runtime.block_on(Arc::clone(&room).acquire_many_owned(kib));
        // Nobody closes the room.
        let Ok(place) = place else { return };
        if sender.blocking_send(Event::Batch(batch, place)).is_err() {
            return;
        }
    }
    let _ = sender.blocking_send(Event::Ended(reader.parts().to_vec(), reader.unknown()));
}

impl Source for StreamSource {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        match self.events.recv().await {
            Some(Event::Batch(batch, place)) => {
                drop(place);
                Ok(Some(batch))
            }
            Some(Event::Ended(parts, unknown)) => {
                self.parts = parts;
                self.unknown = unknown;
                Ok(None)
            }
            None => {
                if self.parts.is_empty() {
                    self.parts = vec![died(&self.inputs)];
                }
                Ok(None)
            }
        }
    }

    fn inputs(&self) -> Option<&Inputs> {
        Some(&self.inputs)
    }

    async fn again(&self) -> Option<Result<Self, Error>> {
        Some(Self::open(self.file()?.clone(), self.filter.clone()).await)
    }

    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// The reader's thread is gone without a word.
fn died(inputs: &Inputs) -> Part {
    let found = "the reader stopped".to_owned();
    Part::new(inputs, Ending::Damaged { at: 0, found })
}
