//! Looking a trace through before it is copied: its clocks, its machine, the numbers that it uses.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::Survey;
use super::messages::{ClockSnapshot, Packet};
use super::packets::{Broken, Reader, inside};
use crate::export::perfetto::{REALTIME, Taken, clock_of};
use crate::merge::Refusal;
use crate::merge::clocks::{check_boot, check_machine};
use crate::merge::kind::unreadable;
use crate::text::duration;
use crate::trace::Facts;

/// The most tracks and sequences of a trace.
const MOST_NUMBERS: usize = 4 << 20;

/// By how much two clocks of a trace may run apart in it. Where it is more, the machine was
/// suspended meanwhile, or a clock was set.
const APART_NS: u64 = 1_000_000;

const COPY_AGAIN: &str = "Copy it again, in binary mode, or trace again.";

/// What is known so far.
struct Looking<'a> {
    facts: &'a Facts,
    same_machine: bool,
    /// The recording's clock.
    own: u32,
    taken: Taken,
    packets: u64,
    /// Where the first snapshot with the recording's clock ends.
    behind: Option<u64>,
    /// The clock that the trace's own times are on; `None` until that is said.
    primary: Option<u32>,
    /// The trace's clock less the recording's, at the first snapshot of both.
    between_ns: Option<i128>,
    tells_boot: bool,
}

impl Survey {
    pub(in crate::merge) fn of(
        path: &Path,
        facts: &Facts,
        same_machine: bool,
    ) -> Result<Self, Refusal> {
        let open = || -> io::Result<(File, u64)> {
            let file = File::open(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(|cause| unreadable(&cause))?;
        let mut reader = Reader::new(BufReader::new(file));
        let mut looking = Looking::new(facts, same_machine)?;
        while let Some(packet) = reader.next().map_err(broken)? {
            looking.packet(&packet, reader.whole())?;
        }
        let whole = reader.whole();
        let Some(behind) = looking.behind else {
            return Err(looking.no_clock());
        };
        let numbers = looking.taken.rest().ok_or_else(|| {
            Refusal::new(
                "it uses so many numbers of tracks or arrows that none are left for the recording",
                "Trace for a shorter time.",
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
            numbers,
            packets: looking.packets,
            behind,
            whole,
            rest: bytes.saturating_sub(whole),
            tells_boot: looking.tells_boot,
        })
    }
}

fn broken(error: Broken) -> Refusal {
    Refusal::new(error.to_string(), COPY_AGAIN)
}

impl<'a> Looking<'a> {
    fn new(facts: &'a Facts, same_machine: bool) -> Result<Self, Refusal> {
        if !["CLOCK_BOOTTIME", "CLOCK_MONOTONIC"].contains(&facts.clock.as_str()) {
            let why = format!(
                "the recording's clock is {:?}, which no trace has",
                facts.clock
            );
            return Err(Refusal::new(why, "Record again with this version."));
        }
        Ok(Self {
            facts,
            same_machine,
            own: clock_of(facts),
            taken: Taken::default(),
            packets: 0,
            behind: None,
            primary: None,
            between_ns: None,
            tells_boot: false,
        })
    }

    /// Takes in a packet that ends at `end`, and those in it.
    fn packet(&mut self, packet: &Packet, end: u64) -> Result<(), Refusal> {
        self.packets += 1;
        self.take(packet, end)?;
        let found = inside(packet);
        let found = found.map_err(|found| Refusal::new(format!("it holds {found}"), COPY_AGAIN))?;
        found.iter().try_for_each(|packet| self.take(packet, end))
    }

    fn take(&mut self, packet: &Packet, end: u64) -> Result<(), Refusal> {
        self.number(packet)?;
        // What other machines say of their clocks is of those.
        if packet.machine_id != 0 {
            return Ok(());
        }
        if let Some(snapshot) = &packet.clock_snapshot {
            self.snapshot(snapshot, end)?;
        }
        let system = packet.system_info.as_ref();
        if let Some(name) = system.and_then(|system| system.utsname.as_ref()) {
            let release = String::from_utf8_lossy(&name.release);
            check_machine(None, Some(&release), self.facts)?;
        }
        Ok(())
    }

    /// Takes the numbers that it uses.
    fn number(&mut self, packet: &Packet) -> Result<(), Refusal> {
        self.taken.sequence(packet.trusted_packet_sequence_id);
        if let Some(track) = packet.track_descriptor {
            self.taken.track(track.uuid);
            self.taken.track(track.parent_uuid);
        }
        let defaults = packet.trace_packet_defaults.as_ref();
        let defaults = defaults.and_then(|defaults| defaults.track_event_defaults.as_ref());
        for event in packet.track_event.iter().chain(defaults) {
            event.tracks().for_each(|uuid| self.taken.track(uuid));
            event.flows().for_each(|id| self.taken.flow(id));
        }
        if self.taken.remembered() > MOST_NUMBERS {
            let why = format!("it has more than {MOST_NUMBERS} tracks");
            return Err(Refusal::new(why, "Trace for a shorter time."));
        }
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &ClockSnapshot, end: u64) -> Result<(), Refusal> {
        let of = |id: u32| {
            let mut clocks = snapshot.clocks.iter();
            let clock = clocks.find(|clock| clock.clock_id == id)?;
            let counts_ns = !clock.is_incremental && clock.unit_multiplier_ns <= 1;
            counts_ns.then_some(clock.timestamp)
        };
        if self.primary.is_none() && snapshot.primary_trace_clock != 0 {
            self.primary = Some(snapshot.primary_trace_clock);
        }
        let Some(own_ns) = of(self.own) else {
            return Ok(());
        };
        self.behind.get_or_insert(end);
        if let Some(unix_ns) = of(REALTIME) {
            if !self.same_machine {
                check_boot(own_ns, unix_ns, self.facts)?;
            }
            self.tells_boot = self.facts.started_unix_ns.is_some();
        }
        if let Some(primary_ns) = self.primary.and_then(of) {
            self.runs_apart(i128::from(primary_ns) - i128::from(own_ns))?;
        }
        Ok(())
    }

    /// Packets of ours stand behind the first snapshot: readers know of no later one there.
    fn runs_apart(&mut self, between_ns: i128) -> Result<(), Refusal> {
        let first = *self.between_ns.get_or_insert(between_ns);
        let apart = u64::try_from((between_ns - first).unsigned_abs()).unwrap_or(u64::MAX);
        if apart <= APART_NS {
            return Ok(());
        }
        let why = format!(
            "its clock and the recording's went {} apart while it was made: the machine was suspended, or a clock was set",
            duration(apart)
        );
        Err(Refusal::new(
            why,
            "Trace by CLOCK_BOOTTIME, which Perfetto does unless it is told otherwise, or without a pause.",
        ))
    }

    /// It never says what the recording's clock was.
    fn no_clock(&self) -> Refusal {
        if self.packets == 0 {
            return Refusal::new("it has no whole packet", COPY_AGAIN);
        }
        let why = format!(
            "it has no snapshot of {}, the recording's clock",
            self.facts.clock
        );
        Refusal::new(
            why,
            "Write it by Perfetto's tracing service or its library, which put one into each trace.",
        )
    }
}
