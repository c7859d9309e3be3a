//! A recording beside the trace of a GPU's profiler, as one trace for Perfetto's viewer.
//!
//! Times are put on one clock by what both sides say of their clocks. What cannot be put so is
//! refused: an order of events that is guessed is worse than none.

mod clocks;
mod kind;
mod nsys;
mod pftrace;
mod rocpd;
mod source;
mod sqlite;
mod tables;

use std::io;
use std::path::Path;

use crate::Error;
use crate::export::{Notes, Out};
use crate::trace::{Batch, Facts};
use kind::Kind;
use pftrace::Survey;
use tables::Tables;

/// Why a trace cannot stand beside a recording.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it, as a clause.
    pub why: String,
    /// What to do, in sentences.
    pub advice: &'static str,
}

impl Refusal {
    fn new(why: impl Into<String>, advice: &'static str) -> Self {
        let why = why.into();
        Self { why, advice }
    }

    /// The same as an error about a trace.
    pub fn of(self, trace: &Path) -> Error {
        Error::NotMerged {
            trace: trace.display().to_string(),
            why: self.why,
            advice: self.advice,
        }
    }
}

/// Why writing ended early.
#[derive(Debug)]
pub enum Stop {
    /// The output does not take it.
    Out(io::Error),
    /// The trace turned out not to fit.
    Refused(Refusal),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A trace that fits a recording, as far as that can be known before they are read.
pub enum Trace {
    /// Tables of kernels and copies.
    Tables(Tables),
    /// Packets, which are copied.
    Packets(Survey),
}

impl Trace {
    /// Looks at it. `same_machine`: the user says that it is of the machine of the recording,
    /// whatever name that has in it.
    ///
    /// # Errors
    ///
    /// If it is no trace, or cannot stand beside the recording.
    pub fn open(path: &Path, facts: &Facts, same_machine: bool) -> Result<Self, Refusal> {
        Ok(match Kind::of(path)? {
            Kind::Sqlite => Self::Tables(Tables::open(path, facts, same_machine)?),
            Kind::Perfetto => Self::Packets(Survey::of(path, facts, same_machine)?),
        })
    }

    /// Writes both. What there is to say of it.
    ///
    /// # Errors
    ///
    /// If `out` does not take it, or the trace turns out not to fit.
    pub fn write(
        self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> Result<Notes, Stop> {
        match self {
            Self::Tables(tables) => tables.write(facts, batches, out),
            Self::Packets(survey) => survey.write(facts, batches, out),
        }
    }
}
