//! This machine's own kernel: loads the probes, attaches them and drains what they report. The only
//! user of aya.

mod attach;
mod btf;
mod causes;
mod cgroups;
mod changes;
mod code;
mod decode;
mod error;
mod hooks;
mod in_flight;
mod kprobes;
mod loading;
mod log;
mod losses;
mod mappings;
mod modules;
mod object;
mod options;
mod peek;
mod phases;
mod refusal;
mod regions;
mod requirements;
mod symbols;
mod told;
mod totals;
mod trial;
mod vmemmap;
mod watch;
mod within;

use std::thread;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Map, MapData, RingBuf};
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{Loss, names};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

pub(crate) use btf::Types;
pub use error::TracerError;
pub(crate) use hooks::{ASKS, DEVICE_SIDE, DRIVER_PARTS, HOOKS, Hook, MEMORY, Need, PARTS, WAITS};
pub use options::{Attach, Options, RING_BYTES};
pub use phases::mark;
pub use refusal::Refusal;
pub(crate) use requirements::{has_ring_buffer, missing_helpers};
pub use trial::{Feature, try_out};

use crate::machine;
use attach::{Attached, Held};
use decode::Decoder;
use log::Log;
use losses::Losses;
use migscope_recording::trace::{
    Batch, Details, ExactCount, Facts, InFlight, Migration, Status, Wait,
};
use symbols::Symbols;
use totals::Totals;
use watch::Watch;

/// How often the ring is drained. The probes wake nobody, which is cheaper for the traced thread
/// than a wake-up for each record; at the default size the ring takes 255,000 migrations per second
/// at this pace.
const DRAIN_EVERY: Duration = Duration::from_millis(50);
/// How often a batch comes when nothing happened, so that views know that time passes.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// How often the kernel's totals are read, which are some 270 KiB for each direction and cause, and
/// given with a batch.
const TOTALS_EVERY: Duration = Duration::from_millis(500);

/// How often it is tried to read records, counters and counts between two migrations. Each try
/// takes microseconds.
const TRIES: u32 = 64;

/// How often calls are looked for of which nothing more comes.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// A call that collected nothing is over when it has been silent for so long. A driver that goes on
/// after that is counted as a loss.
const SILENT: Duration = Duration::from_secs(1);
/// The same when tracing ends, and everything is over soon.
const SILENT_AT_END: Duration = Duration::from_millis(50);
/// How often the sweep is run again at once, at most. Many times what the table holds, for the case
/// that calls come as fast as they are ended.
const RUNS: u32 = 1024;
/// How long calls that are under way when tracing ends have to come to their own end.
const GRACE: Duration = Duration::from_millis(500);

/// Traces this kernel. Dropping it detaches every probe; so does the death of the process.
pub struct Tracer {
    facts: Facts,
    ring: RingBuf<MapData>,
    losses: Losses,
    log: Log,
    totals: Totals,
    in_flight: in_flight::Answer,
    decoder: Decoder,
    watch: Watch,
    /// Taken out of the ring, and in no batch yet; and how many there have been in all.
    pending: Vec<Migration>,
    received: u64,
    /// The same of waits.
    pending_waits: Vec<Wait>,
    drain: Interval,
    last_batch: Instant,
    last_sweep: Instant,
    last_totals: Option<Instant>,
    /// Calls that were under way when tracing ended.
    unfinished: u64,
    state: State,
    /// Hold the programs and their links; the probes live as long as these.
    held: Held,
    tracer: Ebpf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Tracing,
    /// No new migration is followed, and those under way come to their end.
    Stopping(Instant),
    Ended,
}

impl Tracer {
    /// Loads and attaches the probes. Needs a tokio runtime with time. When tracing is over, `tell`
    /// gets what the probes said of themselves, line by line.
    ///
    /// # Errors
    ///
    /// Says which of the requirements this kernel or this user does not meet, and what to do about
    /// it.
    pub fn open(options: &Options, tell: fn(&str)) -> Result<Self, TracerError> {
        requirements::check()?;
        // All that takes long comes before the first hook, and side by side.
        let (config, btf, mut symbols) = thread::scope(|scope| {
            let config = scope.spawn(btf::config);
            let btf = scope.spawn(attach::types);
            let symbols = Symbols::new();
            let read = "reading does not panic";
            (config.join().expect(read), btf.join().expect(read), symbols)
        });
        let (config, structures) = config?;
        let prepared = attach::attach(&config, &btf?, options, |tracer| {
            let phases = phases::begin(tracer, options, tell)?;
            let watch = Watch::begin(tracer, structures, options, &mut symbols)?;
            Ok((watch, phases))
        })?;
        let (mut attached, (watch, phases)) = prepared;
        let tracer = &mut attached.tracer;
        let ring = tracer
            .take_map(names::RECORDS)
            .ok_or(TracerError::Object(names::RECORDS))?;
        let ring = RingBuf::try_from(ring).map_err(TracerError::Map)?;
        let log = Log::open(tracer, tell)?;
        let losses = Losses::open(tracer)?;
        let totals = Totals::open(tracer)?;
        let in_flight = in_flight::Answer::open(tracer)?;
        let decoder = Decoder::open(tracer, symbols, phases, options)?;
        let mut drain = interval(DRAIN_EVERY);
        drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            facts: facts(options, &attached, options.tells_mappings(&config)),
            ring,
            losses,
            log,
            totals,
            in_flight,
            decoder,
            watch,
            pending: Vec::new(),
            received: 0,
            pending_waits: Vec::new(),
            drain,
            last_batch: Instant::now(),
            last_sweep: Instant::now(),
            last_totals: None,
            unfinished: 0,
            state: State::Tracing,
            held: attached.held,
            tracer: attached.tracer,
        })
    }

    /// What is known before the first batch: machine, kernel, clock.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The next batch; `None` at the end. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// If the kernel lets the tracer read no more, or a record makes no sense.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>, TracerError> {
        while self.state != State::Ended {
            self.drain.tick().await;
            // Nothing is awaited from here on: a batch that was taken out of the ring is returned.
            self.tidy()?;
            self.follow_changes()?;
            self.take_out()?;
            self.log.read();
            let with_totals = self.totals_are_due() || self.state == State::Ended;
            let is_due = !self.pending.is_empty()
                || !self.pending_waits.is_empty()
                || self.last_batch.elapsed() >= STATUS_EVERY;
            if is_due || with_totals {
                return Ok(Some(self.batch(with_totals)?));
            }
        }
        Ok(None)
    }

    /// Asks for totals: the next batch comes soon, and with them.
    pub fn want_totals(&mut self) {
        self.last_totals = None;
    }

    /// Asks for the end: what has happened so far still comes, the last batch with a status, then
    /// `None`.
    pub fn stop(&mut self) {
        if self.state == State::Tracing {
            self.losses.end(&self.tracer, &self.held);
            self.state = State::Stopping(Instant::now());
            // What begins from here on is not followed. Were it to fail, it would fail again, and
            // be told.
            let _ = self.sweep(SILENT_AT_END);
        }
    }

    /// Whether the kernel's functions have names, and so drivers.
    pub fn names_functions(&self) -> bool {
        self.decoder.names_functions()
    }

    /// The migrations that have been under way for longer than this, and where each is now.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to look, or to give its answer.
    pub fn in_flight(&mut self, older: Duration) -> Result<InFlight, TracerError> {
        self.follow_changes()?;
        let places = self.watch.places();
        self.in_flight
            .read(&mut self.tracer, &mut self.decoder, places, older)
    }

    /// How many calls are under way, whoever makes them: none of them is in the totals yet. Ends
    /// those that collected nothing and have been silent for a second, as happens anyway now and
    /// then: they are in the totals that are read next.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to look.
    pub fn under_way(&mut self) -> Result<u64, TracerError> {
        self.sweep(SILENT)
    }

    fn follow_changes(&mut self) -> Result<(), TracerError> {
        follow_changes(
            &mut self.watch,
            &mut self.tracer,
            &mut self.decoder,
            &self.losses,
        )
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
            // Thousands of calls can be over at once: the ring takes their records as long as
            // somebody reads there.
            self.take_out()?;
        }
        Ok(left)
    }

    /// Takes what lies in the ring now.
    fn take_out(&mut self) -> Result<(), TracerError> {
        while let Some(item) = self.ring.next() {
            // It may be of what came a moment ago.
            follow_changes(
                &mut self.watch,
                &mut self.tracer,
                &mut self.decoder,
                &self.losses,
            )?;
            let places = self.watch.places();
            if mappings::is_name(&item) {
                self.decoder.mappings().name(&item)?;
            } else if decode::is_wait(&item) {
                self.totals.told().count_wait(&decode::wait(&item)?.0);
                self.pending_waits.push(self.decoder.wait(&item)?);
            } else {
                self.totals.told().count(&decode::record(&item)?.0);
                self.pending.push(self.decoder.migration(&item, places)?);
                self.received += 1;
            }
        }
        Ok(())
    }

    /// Ends what was set aside; how many calls are left under way, none of which has ended
    /// meanwhile.
    fn give_up(&mut self) -> Result<u64, TracerError> {
        let mut tries = 0;
        loop {
            let before = self.losses.ended();
            let left = self.sweep(Duration::ZERO)?;
            tries += 1;
            if left == 0 || self.losses.ended() == before || tries == TRIES {
                return Ok(left);
            }
        }
    }

    /// Sweeps as the state asks for. At the end nothing is left in the table that has not been
    /// counted.
    fn tidy(&mut self) -> Result<(), TracerError> {
        match self.state {
            State::Tracing if self.last_sweep.elapsed() >= SWEEP_EVERY => {
                self.sweep(SILENT)?;
            }
            State::Stopping(since) => {
                if self.sweep(SILENT_AT_END)? == 0 || since.elapsed() >= GRACE {
                    self.unfinished = self.give_up()?;
                    self.state = State::Ended;
                }
            }
            State::Tracing | State::Ended => {}
        }
        Ok(())
    }

    /// Is it time to tell the kernel's totals?
    fn totals_are_due(&self) -> bool {
        let last = self.last_totals;
        last.is_none_or(|at| at.elapsed() >= TOTALS_EVERY)
    }

    /// A batch of what lies in the ring now, and the state of the tracer after it. The kernel's
    /// totals are read when they are asked for, and so never for a batch that does not come.
    fn batch(&mut self, with_totals: bool) -> Result<Batch, TracerError> {
        if with_totals {
            self.last_totals = Some(Instant::now());
            self.losses.ask(&self.tracer, &self.held)?;
        }
        let (mut status, counts) = self.cut(with_totals)?;
        status.losses[Loss::Unfinished as usize] += self.unfinished;
        status.exact = counts.map(|counts| self.totals.with_figures(status.ended, counts));
        self.last_batch = Instant::now();
        Ok(Batch {
            migrations: std::mem::take(&mut self.pending).into(),
            waits: std::mem::take(&mut self.pending_waits),
            status: Some(status),
        })
    }

    /// Records, counters and counts of the same migrations: read again as long as one comes in
    /// between, if that can be told. Where migrations come too fast for it, the counts may be a few
    /// ahead.
    fn cut(&mut self, with_counts: bool) -> Result<(Status, Option<Vec<ExactCount>>), TracerError> {
        let mut tries = 0;
        loop {
            self.take_out()?;
            let status = Status {
                time_ns: machine::boot_time_ns(),
                ended: self.losses.ended(),
                losses: self.losses.read(&self.tracer, &self.held)?,
                hanging_ns: Some(self.in_flight.hanging_ns(&mut self.tracer)?),
                phases_opened: self
                    .facts
                    .details
                    .phases
                    .then(|| self.losses.phases_opened()),
                exact: None,
            };
            let counts = with_counts.then(|| self.totals.counts());
            tries += 1;
            let is_one =
                self.losses.ended() == status.ended && self.is_one(&status, counts.as_deref());
            if is_one || tries == TRIES {
                return Ok((status, counts));
            }
        }
    }

    /// Are these of the same migrations? A migration takes its number first, is counted, and then
    /// written.
    fn is_one(&self, status: &Status, counts: Option<&[ExactCount]>) -> bool {
        let incomplete = status.losses[Loss::Incomplete as usize];
        let is_counted = counts.is_none_or(|counts| {
            let counted: u64 = counts.iter().map(|count| count.migrations).sum();
            counted + incomplete == status.ended
        });
        is_counted && (self.facts.record_every != 1 || status.accounts_for(self.received))
    }
}

/// Asks for names, if what is in the ring may be of memory, or of code, that is new.
fn follow_changes(
    watch: &mut Watch,
    tracer: &mut Ebpf,
    decoder: &mut Decoder,
    losses: &Losses,
) -> Result<(), TracerError> {
    let changes = || losses.changes();
    if watch.is_behind(changes())
        && let Some(symbols) = decoder.symbols()
    {
        watch.follow(tracer, symbols, changes)?;
    }
    Ok(())
}

/// A map, read as memory: its first so many words.
fn mapped(tracer: &Ebpf, name: &'static str, words: usize) -> Result<Mapped, TracerError> {
    match tracer.map(name) {
        Some(Map::Array(data)) => Mapped::new(data.fd(), words).map_err(TracerError::Mapped),
        _ => Err(TracerError::Object(name)),
    }
}

/// What is known of a recording that begins now; `mappings`: does it tell of them?
fn facts(options: &Options, attached: &Attached, mappings: bool) -> Facts {
    Facts {
        attached: Some(attached.method.name().to_owned()),
        filter: (!options.only.is_empty()).then(|| options.only.words()),
        record_every: options.record_every,
        details: Details {
            kernel_stacks: options.kernel_stacks,
            user_stacks: options.user_stacks,
            sub_steps: options.sub_steps,
            off_cpu: options.off_cpu,
            waits: options.waits,
            device_side: options.device_side,
            mappings,
            phases: options.phases.is_some(),
        },
        not_hooked: attached.not_hooked.clone(),
        started_ns: Some(attached.started_ns),
        started_unix_ns: attached.started_unix_ns,
        ..machine::facts()
    }
}
