//! This machine's own kernel: loads the probes, attaches them and drains what they report. The only user of aya.

mod attach;
mod btf;
mod cgroups;
mod decode;
mod error;
mod losses;
mod requirements;

use std::time::Duration;

use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

pub(crate) use btf::Types;
pub use error::TracerError;

use super::{Batch, Source, Status, machine};
use crate::recording::Facts;
use decode::Decoder;
use losses::Losses;

/// How often the ring is drained. The probes wake nobody, which is cheaper for the traced thread than a wake-up
/// for each record; at the default size the ring takes 317,000 migrations per second at this pace.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How often a batch comes when nothing happened, so that views know that time passes.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// Traces this kernel. Dropping it detaches every probe; so does the death of the process.
pub struct KernelSource {
    facts: Facts,
    ring: RingBuf<MapData>,
    losses: Losses,
    decoder: Decoder,
    drain: Interval,
    last_batch: Instant,
    state: State,
    /// Holds the programs and their links; the probes live as long as this.
    tracer: Ebpf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Tracing,
    /// No new migration is followed; one last batch is to come.
    Stopping,
    Ended,
}

impl KernelSource {
    /// Loads and attaches the probes. Needs a tokio runtime with time.
    ///
    /// # Errors
    ///
    /// Says which of the requirements this kernel or this user does not meet, and what to do about it.
    pub fn open() -> Result<Self, TracerError> {
        requirements::check()?;
        let config = btf::config()?;
        let mut tracer = attach::load(&config)?;
        let ring = tracer
            .take_map("RECORDS")
            .ok_or(TracerError::Object("RECORDS"))?;
        let ring = RingBuf::try_from(ring).map_err(TracerError::Map)?;
        let losses = Losses::open(&mut tracer)?;
        let facts = machine::facts();
        attach::attach(&mut tracer)?;
        let mut drain = interval(DRAIN_EVERY);
        drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            facts,
            ring,
            losses,
            decoder: Decoder::default(),
            drain,
            last_batch: Instant::now(),
            state: State::Tracing,
            tracer,
        })
    }

    /// Everything that lies in the ring now, and the state of the tracer after it.
    fn drain(&mut self) -> Result<Batch, TracerError> {
        let mut migrations = Vec::new();
        while let Some(item) = self.ring.next() {
            migrations.push(self.decoder.migration(&item)?);
        }
        let (ended, losses) = self.losses.read(&self.tracer)?;
        let status = Status {
            time_ns: machine::boot_time_ns(),
            ended,
            losses,
        };
        Ok(Batch {
            migrations,
            status: Some(status),
        })
    }
}

impl Source for KernelSource {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Option<Batch>, crate::Error> {
        while self.state == State::Tracing {
            self.drain.tick().await;
            // Nothing is awaited from here on: a batch that was taken out of the ring is returned.
            let batch = self.drain()?;
            if !batch.migrations.is_empty() || self.last_batch.elapsed() >= STATUS_EVERY {
                self.last_batch = Instant::now();
                return Ok(Some(batch));
            }
        }
        if self.state == State::Ended {
            return Ok(None);
        }
        self.state = State::Ended;
        Ok(Some(self.drain()?))
    }

    fn stop(&mut self) {
        if self.state == State::Tracing {
            attach::detach(&mut self.tracer);
            self.state = State::Stopping;
        }
    }
}
