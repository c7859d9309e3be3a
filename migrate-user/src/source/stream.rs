//! Batches from a recording: a file, standard input, or a socket, finished or still growing.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::{Batch, Ending, Source};
use crate::Error;
use crate::recording::{Facts, Reader};

/// Batches that wait for the view before the reader waits for it too.
const WAITING: usize = 16;

/// Where a recording is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input, `-`.
    Stdin,
    /// A unix socket that somebody listens on, `unix:PATH`.
    Socket(PathBuf),
    /// A file or a named pipe.
    File(PathBuf),
}

impl FromStr for Input {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("unix:") {
            Some(path) => Self::Socket(path.into()),
            None if text == "-" => Self::Stdin,
            None => Self::File(text.into()),
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Socket(path) | Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// Opens it and reads the facts. Waits for them if the stream has not begun.
    pub fn open(&self) -> Result<Reader<Box<dyn Read + Send>>, Error> {
        if *self == Self::Stdin && io::stdin().is_terminal() {
            return Err(Error::NoInput);
        }
        let stream = self.stream().map_err(|cause| Error::Io {
            action: "open",
            path: self.to_string(),
            cause,
            advice: "Name a recording, - for standard input, or unix:PATH for a socket that somebody listens on.",
        })?;
        Reader::new(&self.to_string(), stream)
    }

    fn stream(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::Socket(path) => Box::new(BufReader::new(UnixStream::connect(path)?)),
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
        })
    }

    /// The ending as an error, where it is one.
    pub fn check(&self, ending: &Ending) -> Result<(), Error> {
        match ending {
            Ending::Complete | Ending::Unfinished { .. } => Ok(()),
            Ending::Damaged { at, found } => Err(Error::Damaged {
                input: self.to_string(),
                at: *at,
                found: found.clone(),
            }),
        }
    }
}

enum Event {
    Batch(Batch),
    Ended(Ending),
}

/// Reads a recording on a thread of its own, so that a slow or silent stream never holds up the view.
pub struct StreamSource {
    input: Input,
    facts: Facts,
    events: mpsc::Receiver<Event>,
    ending: Option<Ending>,
}

impl StreamSource {
    /// Opens the input and waits for its facts.
    pub async fn open(input: Input) -> Result<Self, Error> {
        let (opened, facts) = oneshot::channel();
        let kept = input.clone();
        let (sender, events) = mpsc::channel(WAITING);
        // Nobody joins it: it may sit in a read for ever, and ends with the program.
        thread::spawn(move || match input.open() {
            Ok(reader) => {
                let _ = opened.send(Ok(reader.facts().clone()));
                forward(reader, &sender);
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        });
        let facts = facts.await.expect("the reader's thread answers first")?;
        Ok(Self {
            input: kept,
            facts,
            events,
            ending: None,
        })
    }
}

/// Sends everything on. Ends early when the other side has gone.
fn forward(mut reader: Reader<Box<dyn Read + Send>>, sender: &mpsc::Sender<Event>) {
    for batch in reader.by_ref() {
        if sender.blocking_send(Event::Batch(batch)).is_err() {
            return;
        }
    }
    if let Some(ending) = reader.ending() {
        let _ = sender.blocking_send(Event::Ended(ending.clone()));
    }
}

impl Source for StreamSource {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        match self.events.recv().await {
            Some(Event::Batch(batch)) => Ok(Some(batch)),
            Some(Event::Ended(ending)) => {
                self.ending = Some(ending);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn file(&self) -> Option<&Input> {
        match &self.input {
            Input::File(path) => path.is_file().then_some(&self.input),
            Input::Stdin | Input::Socket(_) => None,
        }
    }

    async fn again(&self) -> Option<Result<Self, Error>> {
        Some(Self::open(self.file()?.clone()).await)
    }

    fn ending(&self) -> Ending {
        let thread_died = || Ending::Damaged {
            at: 0,
            found: "the reader stopped".to_owned(),
        };
        self.ending.clone().unwrap_or_else(thread_died)
    }
}
