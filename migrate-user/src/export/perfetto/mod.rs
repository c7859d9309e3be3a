//! A trace for Perfetto's viewer and trace processor: for each thread a track with a slice for each
//! migration and in it one for each of its steps, below it one with a slice for each wait, and
//! counters of the pages and bytes that arrived, and how fast, by direction. The ledger stands in
//! the migration's annotations. Arrows go from a wait to the migration that it made, and to a mark
//! in the one of somebody else that it waited for, where that can be only one.
//!
//! The tracer's own time is in no step: it is what lies between them. A migration in whose middle
//! the thread makes another, to evict, has a track below the thread's: the time that the tracer
//! took for the other is in none of its steps either, so that it would seem to end too early.

mod interned;
mod links;
mod messages;
mod notes;
mod others;
mod packets;
mod rates;
mod threads;

use std::io;

use super::{Event, Export, Notes, Out};
use crate::trace::{Batch, Direction, Facts, Migration, Step, Wait, ledger};
use links::{Link, Links};
use messages::{
    Clock, ClockSnapshot, CounterDescriptor, EventType, TracePacket, TrackDescriptor, TrackEvent,
    Unit,
};
use notes::{annotations, notes, notes_of_wait};
pub use others::{Others, Place, Slice};
use packets::Packets;
pub use packets::{Numbers, Taken};
use rates::{Change, Rates};
use threads::{Stay, Threads};

/// Numbers of clocks in a trace.
pub const REALTIME: u32 = 1;
const MONOTONIC: u32 = 3;
const BOOTTIME: u32 = 6;

/// All packets of a recording are of one sequence.
const SEQUENCE: u32 = 1;

/// Categories of slices.
const MIGRATION: &str = "migration";
const WAIT: &str = "wait";

/// A Perfetto trace.
pub struct Perfetto;

impl Export for Perfetto {
    fn is_binary(&self) -> bool {
        true
    }

    fn events(&self) -> &[Event] {
        &[Event::Migration, Event::Wait]
    }

    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let numbers = Numbers::all(SEQUENCE);
        let mut trace = Tracing::new(facts, &numbers, out);
        trace.clocks(facts)?;
        trace.all(batches)?;
        Ok(Notes::new())
    }
}

impl Perfetto {
    /// Writes the same for a trace that has other packets, and snapshots of the clocks already.
    ///
    /// # Errors
    ///
    /// If `out` does not take it.
    pub fn beside(
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        numbers: &Numbers,
        out: Out<'_>,
    ) -> io::Result<()> {
        Tracing::new(facts, numbers, out).all(batches)
    }
}

/// The number in a trace of the clock that a recording's times are of.
pub fn clock_of(facts: &Facts) -> u32 {
    match facts.clock.as_str() {
        "CLOCK_MONOTONIC" => MONOTONIC,
        _ => BOOTTIME,
    }
}

/// A trace in the making.
struct Tracing<'a> {
    packets: Packets<'a>,
    page_size: u64,
    has_waits: bool,
    threads: Threads,
    links: Links,
    /// Pages that have arrived, by direction.
    arrived: [u64; Direction::ALL.len()],
    rates: Rates,
}

impl<'a> Tracing<'a> {
    fn new(facts: &Facts, numbers: &'a Numbers, out: Out<'a>) -> Self {
        Self {
            packets: Packets::new(numbers, clock_of(facts), out),
            page_size: facts.page_size,
            has_waits: facts.details.has_waits(),
            threads: Threads::default(),
            links: Links::default(),
            arrived: [0; Direction::ALL.len()],
            rates: Rates::default(),
        }
    }

    /// All that there is, but for the clocks.
    fn all(&mut self, batches: &mut dyn Iterator<Item = Batch>) -> io::Result<()> {
        self.counters()?;
        for batch in batches {
            for migration in &batch.migrations {
                self.migration(migration)?;
            }
            for wait in &batch.waits {
                self.wait(wait)?;
            }
            let now_ns = batch.status.as_ref().map_or(0, |status| status.time_ns);
            self.arrows(Some(now_ns))?;
            self.packets.flush()?;
        }
        let last = self.rates.end();
        self.changes(last)?;
        self.arrows(None)
    }

    /// What time it was.
    fn clocks(&mut self, facts: &Facts) -> io::Result<()> {
        let began = facts.started_ns.zip(facts.started_unix_ns);
        let clock = |(clock_id, timestamp)| Clock {
            clock_id,
            timestamp,
        };
        let Some((began_ns, began_unix_ns)) = began else {
            return Ok(());
        };
        let own = clock_of(facts);
        self.packets.write(TracePacket {
            clock_snapshot: Some(ClockSnapshot {
                clocks: [(own, began_ns), (REALTIME, began_unix_ns)]
                    .map(clock)
                    .to_vec(),
                primary_trace_clock: own,
            }),
            ..TracePacket::default()
        })
    }

    fn counters(&mut self) -> io::Result<()> {
        for &direction in Direction::ALL {
            for (uuid, name, unit) in [
                (counter(direction, 0), "pages", Unit::Count),
                (counter(direction, 1), "bytes", Unit::SizeBytes),
                (rate(direction), "bytes/s", Unit::SizeBytes),
            ] {
                self.packets.track(TrackDescriptor {
                    uuid,
                    name: Some(format!("{name} {}", direction.name())),
                    counter: Some(CounterDescriptor { unit: unit.into() }),
                    ..TrackDescriptor::default()
                })?;
            }
        }
        Ok(())
    }

    fn migration(&mut self, migration: &Migration) -> io::Result<()> {
        let track = self.track_of(&Stay::from(migration))?;
        let mut now = migration.time_ns;
        let mut began = TrackEvent {
            debug_annotations: annotations(notes(migration), &mut self.packets.interned),
            ..self.packets.slice(MIGRATION, MIGRATION)
        };
        if self.has_waits {
            began.flow_ids.push(made(migration.sequence));
            self.links.migration(migration, track, self.page_size);
        }
        self.packets.event(now, track, began)?;
        let [setup, pages, finalize] = migration.probe;
        let behind = [setup, 0, pages, 0, finalize];
        for ((step, ns), probe_ns) in Step::ALL.into_iter().zip(migration.steps).zip(behind) {
            if let Some(ns) = ns {
                let began = self.packets.slice(MIGRATION, step.name());
                self.packets.event(now, track, began)?;
                now = now.saturating_add(ns);
                self.packets.event(now, track, end())?;
            }
            now = now.saturating_add(probe_ns);
        }
        self.packets.event(migration.end_ns(), track, end())?;
        self.count(migration)
    }

    fn wait(&mut self, wait: &Wait) -> io::Result<()> {
        let track = self.track_of(&Stay::from(wait))?;
        let mut began = TrackEvent {
            debug_annotations: annotations(notes_of_wait(wait), &mut self.packets.interned),
            ..self.packets.slice(WAIT, wait.kind.name())
        };
        began.flow_ids.extend(wait.migration.map(made));
        if wait.is_for_others() {
            let flow = waited_for(wait.sequence);
            began.flow_ids.push(flow);
            self.links.wait(wait, flow);
        }
        self.packets.event(wait.time_ns, track, began)?;
        // Where it made several migrations, what lies between them is behind them here: only sums
        // are known.
        let parts = [
            ("before_setup", wait.before_setup_ns),
            ("in_migration", wait.in_migration_ns),
            ("after", wait.after_ns()),
        ];
        let (mut now, end_ns) = (wait.time_ns, wait.end_ns());
        for (name, ns) in parts {
            if let Some(ns) = ns {
                let began = self.packets.slice(WAIT, name);
                self.packets.event(now, track, began)?;
                now = now.saturating_add(ns).min(end_ns);
                self.packets.event(now, track, end())?;
            }
        }
        self.packets.event(end_ns, track, end())
    }

    /// The arrows that are known by now, to migrations of somebody else: those have been told
    /// already, so that a mark in them is where it ends.
    fn arrows(&mut self, now_ns: Option<u64>) -> io::Result<()> {
        for Link {
            flow,
            track,
            time_ns,
        } in self.links.due(now_ns)
        {
            self.packets.begin_state()?;
            let mark = TrackEvent {
                r#type: EventType::Instant.into(),
                terminating_flow_ids: vec![flow],
                ..self.packets.slice(WAIT, "waited for")
            };
            self.packets.event(time_ns, track, mark)?;
        }
        Ok(())
    }

    /// Where it goes, which is told if it is new.
    fn track_of(&mut self, stay: &Stay) -> io::Result<u64> {
        let (track, new) = self.threads.track(stay);
        new.into_iter()
            .try_for_each(|track| self.packets.track(track))?;
        self.packets.begin_state()?;
        Ok(track)
    }

    /// How much has arrived by now.
    fn count(&mut self, migration: &Migration) -> io::Result<()> {
        let pages = ledger::arrived(&migration.ledger);
        let direction = migration.direction;
        let sum = &mut self.arrived[direction as usize - 1];
        *sum = sum.saturating_add(pages);
        let sum = *sum;
        if pages == 0 {
            return Ok(());
        }
        let bytes = |pages: u64| pages.saturating_mul(self.page_size);
        let (arrived, sums) = (bytes(pages), [(0, sum), (1, bytes(sum))]);
        let now = migration.end_ns();
        for (of, value) in sums {
            self.counter(now, counter(direction, of), value)?;
        }
        let changes = self.rates.count(direction, now, arrived);
        self.changes(changes)
    }

    fn changes(&mut self, changes: Vec<Change>) -> io::Result<()> {
        for change in changes {
            let track = rate(change.direction);
            self.counter(change.time_ns, track, change.bytes_per_second)?;
        }
        Ok(())
    }

    fn counter(&mut self, time_ns: u64, track: u64, value: u64) -> io::Result<()> {
        let event = TrackEvent {
            r#type: EventType::Counter.into(),
            counter_value: Some(i64::try_from(value).unwrap_or(i64::MAX)),
            ..TrackEvent::default()
        };
        self.packets.event(time_ns, track, event)
    }
}

/// The track of a direction's pages (0) or bytes (1): two small numbers for each, which threads
/// have not.
fn counter(direction: Direction, of: u64) -> u64 {
    2 * direction as u64 + of
}

/// The track of a direction's rate.
fn rate(direction: Direction) -> u64 {
    counter(direction, 0) + 2 * (Direction::ALL.len() as u64 + 1)
}

/// The number of the arrow to a migration from the wait that made it.
fn made(sequence: u64) -> u64 {
    sequence << 1
}

/// The number of the arrow from a wait to a migration of somebody else.
fn waited_for(wait_sequence: u64) -> u64 {
    wait_sequence << 1 | 1
}

fn end() -> TrackEvent {
    TrackEvent {
        r#type: EventType::SliceEnd.into(),
        ..TrackEvent::default()
    }
}

#[cfg(test)]
mod tests;
