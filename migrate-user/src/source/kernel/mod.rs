//! This machine's own kernel: loads the probes, attaches them and drains what they report. The only user of aya.

mod attach;
mod btf;
mod causes;
mod cgroups;
mod code;
mod decode;
mod error;
mod hooks;
mod log;
mod losses;
mod modules;
mod options;
mod peek;
mod regions;
mod requirements;
mod symbols;
mod totals;
mod trial;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use migrate_ebpf::wire::Loss;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

pub(crate) use btf::Types;
pub use error::TracerError;
pub(crate) use hooks::{HOOKS, Hook, MEMORY, Need, PARTS};
pub use options::{Attach, Only, Options, RING_BYTES};
pub(crate) use requirements::{has_ring_buffer, missing_helpers};
pub use trial::{Feature, try_out};

use super::{Batch, Source, Status, machine};
use crate::model::{Exact, Migration};
use crate::recording::{Details, Facts};
use attach::Attached;
use decode::Decoder;
use log::Log;
use losses::{Counted, Losses};
use symbols::Symbols;
use totals::Totals;
use watch::Watch;

/// How often the ring is drained. The probes wake nobody, which is cheaper for the traced thread than a wake-up
/// for each record; at the default size the ring takes 317,000 migrations per second at this pace.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How often a batch comes when nothing happened, so that views know that time passes.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// How often the kernel's totals are read, which are some 270 KiB for each direction and cause.
const TOTALS_EVERY: Duration = Duration::from_millis(500);

/// How often calls are looked for of which nothing more comes.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// A call that collected nothing is over when it has been silent for so long. A driver that goes on after that is
/// counted as a loss.
const SILENT: Duration = Duration::from_secs(1);
/// The same when tracing ends, and everything is over soon.
const SILENT_AT_END: Duration = Duration::from_millis(50);
/// How often the sweep is run again at once, at most. Many times what the table holds, for the case that calls come as fast as they
/// are ended.
const RUNS: u32 = 1024;
/// How long calls that are under way when tracing ends have to come to their own end.
const GRACE: Duration = Duration::from_millis(500);

/// Traces this kernel. Dropping it detaches every probe; so does the death of the process.
pub struct KernelSource {
    facts: Facts,
    ring: RingBuf<MapData>,
    losses: Losses,
    log: Log,
    totals: Totals,
    decoder: Decoder,
    watch: Watch,
    /// Taken out of the ring, and in no batch yet.
    pending: Vec<Migration>,
    drain: Interval,
    last_batch: Instant,
    last_sweep: Instant,
    last_totals: Option<Instant>,
    /// Calls that were under way when tracing ended.
    unfinished: u64,
    state: State,
    /// Holds the programs and their links; the probes live as long as this.
    tracer: Ebpf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Tracing,
    /// No new migration is followed, and those under way come to their end.
    Stopping(Instant),
    Ended,
}

impl KernelSource {
    /// Loads and attaches the probes. Needs a tokio runtime with time.
    ///
    /// # Errors
    ///
    /// Says which of the requirements this kernel or this user does not meet, and what to do about it.
    pub fn open(options: &Options) -> Result<Self, TracerError> {
        requirements::check()?;
        let (mut config, structures) = btf::config()?;
        options.tell(&mut config);
        // All that takes long comes before the first hook.
        let symbols = Symbols::new();
        let (mut attached, watch) = attach::attach(&config, options, |tracer| {
            Watch::begin(tracer, structures, options, &symbols)
        })?;
        let tracer = &mut attached.tracer;
        let ring = tracer
            .take_map("RECORDS")
            .ok_or(TracerError::Object("RECORDS"))?;
        let ring = RingBuf::try_from(ring).map_err(TracerError::Map)?;
        let losses = Losses::open(tracer)?;
        let log = Log::open(tracer)?;
        let totals = Totals::open(tracer)?;
        let decoder = Decoder::open(tracer, symbols, options)?;
        let mut drain = interval(DRAIN_EVERY);
        drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            facts: facts(options, &attached),
            ring,
            losses,
            log,
            totals,
            decoder,
            watch,
            pending: Vec::new(),
            drain,
            last_batch: Instant::now(),
            last_sweep: Instant::now(),
            last_totals: None,
            unfinished: 0,
            state: State::Tracing,
            tracer: attached.tracer,
        })
    }

    /// Whether the kernel's functions have names, and so drivers.
    pub fn names_functions(&self) -> bool {
        self.decoder.names_functions()
    }

    /// Ends calls of which nothing more comes; how many are left under way.
    fn sweep(&mut self, silent: Duration) -> Result<u64, TracerError> {
        self.last_sweep = Instant::now();
        let following = self.state == State::Tracing;
        let mut left = 0;
        for _ in 0..RUNS {
            let swept = attach::sweep(&mut self.tracer, silent.as_nanos() as u64, following)?;
            left = swept.left;
            if !swept.may_be_more {
                break;
            }
            // Thousands of calls can be over at once: the ring takes their records as long as somebody reads there.
            self.take_out()?;
        }
        Ok(left)
    }

    /// Takes what lies in the ring now.
    fn take_out(&mut self) -> Result<(), TracerError> {
        while let Some(item) = self.ring.next() {
            let places = self.watch.places();
            self.pending.push(self.decoder.migration(&item, places)?);
        }
        Ok(())
    }

    /// Sweeps as the state asks for. At the end nothing is left in the table that has not been counted.
    fn tidy(&mut self) -> Result<(), TracerError> {
        match self.state {
            State::Tracing if self.last_sweep.elapsed() >= SWEEP_EVERY => {
                self.sweep(SILENT)?;
            }
            State::Stopping(since) => {
                if self.sweep(SILENT_AT_END)? == 0 || since.elapsed() >= GRACE {
                    self.unfinished = self.sweep(Duration::ZERO)?;
                    self.state = State::Ended;
                }
            }
            State::Tracing | State::Ended => {}
        }
        Ok(())
    }

    /// The kernel's totals, if it is time to read them. They are the last that is read.
    fn exact(&mut self, ended: u64) -> Result<Option<Arc<Exact>>, TracerError> {
        let due = self
            .last_totals
            .is_none_or(|at| at.elapsed() >= TOTALS_EVERY);
        if !due && self.state != State::Ended {
            return Ok(None);
        }
        self.last_totals = Some(Instant::now());
        self.totals.read(ended).map(Some)
    }

    /// Everything that lies in the ring now, and the state of the tracer after it.
    fn drain(&mut self) -> Result<Batch, TracerError> {
        // Names first: what is in the ring may be of memory, or of code, that is new.
        let changes = self.losses.read(&self.tracer)?.changes;
        if self.watch.is_behind(changes)
            && let Some(symbols) = self.decoder.symbols()
        {
            self.watch.follow(&mut self.tracer, symbols, changes)?;
        }
        self.take_out()?;
        self.log.read();
        let Counted {
            ended, mut losses, ..
        } = self.losses.read(&self.tracer)?;
        losses[Loss::Unfinished as usize] += self.unfinished;
        let status = Status {
            time_ns: machine::boot_time_ns(),
            ended,
            losses,
            exact: self.exact(ended)?,
        };
        Ok(Batch {
            migrations: std::mem::take(&mut self.pending).into(),
            status: Some(status),
        })
    }
}

/// What is known of a recording that begins now.
fn facts(options: &Options, attached: &Attached) -> Facts {
    Facts {
        attached: Some(attached.method.name().to_owned()),
        filter: options.only.words(),
        record_every: options.record_every,
        details: Details {
            kernel_stacks: options.kernel_stacks,
            user_stacks: options.user_stacks,
            sub_steps: options.sub_steps,
            off_cpu: options.off_cpu,
        },
        not_hooked: attached.not_hooked.clone(),
        started_ns: Some(attached.started_ns),
        started_unix_ns: attached.started_unix_ns,
        ..machine::facts()
    }
}

impl Source for KernelSource {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn next(&mut self) -> Result<Option<Batch>, crate::Error> {
        while self.state != State::Ended {
            self.drain.tick().await;
            // Nothing is awaited from here on: a batch that was taken out of the ring is returned.
            self.tidy()?;
            let batch = self.drain()?;
            let due = !batch.migrations.is_empty() || self.last_batch.elapsed() >= STATUS_EVERY;
            if due || self.state == State::Ended {
                self.last_batch = Instant::now();
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn stop(&mut self) {
        if self.state == State::Tracing {
            self.state = State::Stopping(Instant::now());
            // What begins from here on is not followed. Were it to fail, it would fail again, and be told.
            let _ = self.sweep(SILENT_AT_END);
        }
    }
}
