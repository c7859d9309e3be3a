//! This kernel as a source: what the tracer yields, as it comes.

use std::time::Duration;

use super::{Error, Source};
use crate::kernel::{Options, Tracer, TracerError};
use crate::machine;
use crate::trace::{Batch, Facts, InFlight};

/// Traces this kernel. Dropping it detaches every probe; so does the death of the process.
pub struct KernelSource(Tracer);

impl KernelSource {
    /// Loads and attaches the probes. Needs a tokio runtime with time. What they say of themselves
    /// `tell` gets when tracing is over: a dashboard may have the terminal until then.
    ///
    /// # Errors
    ///
    /// Says which of the requirements this kernel or this user does not meet, and what to do about
    /// it.
    pub fn open(options: &Options, tell: fn(&str)) -> Result<Self, TracerError> {
        Tracer::open(options, tell).map(Self)
    }

    /// The migrations that have been under way for longer than this.
    ///
    /// # Errors
    ///
    /// As [`Tracer::in_flight`].
    pub fn in_flight(&mut self, older: Duration) -> Result<InFlight, TracerError> {
        self.0.in_flight(older)
    }

    /// Whether the kernel's functions have names, and so drivers.
    pub fn names_functions(&self) -> bool {
        self.0.names_functions()
    }
}

impl Source for KernelSource {
    fn facts(&self) -> &Facts {
        self.0.facts()
    }

    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        Ok(self.0.next_batch().await?)
    }

    fn unix_ns(&self, time_ns: u64) -> Option<u64> {
        machine::now()?.unix_ns(time_ns)
    }

    fn want_totals(&mut self) {
        self.0.want_totals();
    }

    fn under_way(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.0.under_way()?))
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}
