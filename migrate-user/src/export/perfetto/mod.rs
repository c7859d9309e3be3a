//! A trace for Perfetto's viewer and trace processor: for each thread a track with a slice for each
//! migration and in it one for each of its steps, below it one with a slice for each wait, and
//! counters of the pages and bytes that arrived, by direction. The ledger stands in the migration's
//! annotations. Arrows go from a wait to the migration that it made, and to a mark in the one of
//! somebody else that it waited for, where that can be only one.
//!
//! The tracer's own time is in no step: it is what lies between them. A migration in whose middle
//! the thread makes another, to evict, has a track below the thread's: the time that the tracer
//! took for the other is in none of its steps either, so that it would seem to end too early.

mod interned;
mod links;
mod messages;
mod notes;
mod threads;

use std::io;

use prost::Message as _;

use super::{Event, Export, Notes, Out};
use crate::trace::{Batch, Direction, Facts, Migration, Step, Wait, ledger};
use interned::Interned;
use links::{Link, Links};
use messages::{
    Clock, ClockSnapshot, CounterDescriptor, EventType, NEEDS_STATE, STATE_CLEARED, Trace,
    TracePacket, TracePacketDefaults, TrackDescriptor, TrackEvent, Unit,
};
use notes::{annotations, notes, notes_of_wait};
use threads::{Stay, Threads};

/// Numbers of clocks in a trace.
const REALTIME: u32 = 1;
const MONOTONIC: u32 = 3;
const BOOTTIME: u32 = 6;

/// All packets are of one sequence.
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
        let mut trace = Tracing::new(facts, out);
        trace.begin(facts)?;
        for batch in batches {
            for migration in &batch.migrations {
                trace.migration(migration)?;
            }
            for wait in &batch.waits {
                trace.wait(wait)?;
            }
            let now_ns = batch.status.as_ref().map_or(0, |status| status.time_ns);
            trace.arrows(Some(now_ns))?;
            trace.out.flush()?;
        }
        trace.arrows(None)?;
        Ok(Notes::new())
    }
}

/// A trace in the making.
struct Tracing<'a> {
    out: Out<'a>,
    clock: u32,
    page_size: u64,
    has_waits: bool,
    threads: Threads,
    links: Links,
    interned: Interned,
    /// Pages that have arrived, by direction.
    arrived: [u64; Direction::ALL.len()],
}

impl<'a> Tracing<'a> {
    fn new(facts: &Facts, out: Out<'a>) -> Self {
        Self {
            out,
            clock: if facts.clock == "CLOCK_MONOTONIC" {
                MONOTONIC
            } else {
                BOOTTIME
            },
            page_size: facts.page_size,
            has_waits: facts.details.has_waits(),
            threads: Threads::default(),
            links: Links::default(),
            interned: Interned::default(),
            arrived: [0; Direction::ALL.len()],
        }
    }

    /// What time it was, and the counters.
    fn begin(&mut self, facts: &Facts) -> io::Result<()> {
        let began = facts.started_ns.zip(facts.started_unix_ns);
        let clock = |(clock_id, timestamp)| Clock {
            clock_id,
            timestamp,
        };
        if let Some((began_ns, began_unix_ns)) = began {
            self.write(TracePacket {
                clock_snapshot: Some(ClockSnapshot {
                    clocks: [(self.clock, began_ns), (REALTIME, began_unix_ns)]
                        .map(clock)
                        .to_vec(),
                    primary_trace_clock: self.clock,
                }),
                ..TracePacket::default()
            })?;
        }
        for &direction in Direction::ALL {
            for (of, name, unit) in [(0, "pages", Unit::Count), (1, "bytes", Unit::SizeBytes)] {
                self.track(TrackDescriptor {
                    uuid: counter(direction, of),
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
            debug_annotations: annotations(notes(migration), &mut self.interned),
            ..self.slice(MIGRATION, MIGRATION)
        };
        if self.has_waits {
            began.flow_ids.push(made(migration.sequence));
            self.links.migration(migration, track, self.page_size);
        }
        self.event(now, track, began)?;
        let [setup, pages, finalize] = migration.probe;
        let behind = [setup, 0, pages, 0, finalize];
        for ((step, ns), probe_ns) in Step::ALL.into_iter().zip(migration.steps).zip(behind) {
            if let Some(ns) = ns {
                let began = self.slice(MIGRATION, step.name());
                self.event(now, track, began)?;
                now = now.saturating_add(ns);
                self.event(now, track, end())?;
            }
            now = now.saturating_add(probe_ns);
        }
        self.event(migration.end_ns(), track, end())?;
        self.count(migration)
    }

    fn wait(&mut self, wait: &Wait) -> io::Result<()> {
        let track = self.track_of(&Stay::from(wait))?;
        let mut began = TrackEvent {
            debug_annotations: annotations(notes_of_wait(wait), &mut self.interned),
            ..self.slice(WAIT, wait.kind.name())
        };
        began.flow_ids.extend(wait.migration.map(made));
        if wait.is_for_others() {
            let flow = waited_for(wait.sequence);
            began.flow_ids.push(flow);
            self.links.wait(wait, flow);
        }
        self.event(wait.time_ns, track, began)?;
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
                let began = self.slice(WAIT, name);
                self.event(now, track, began)?;
                now = now.saturating_add(ns).min(end_ns);
                self.event(now, track, end())?;
            }
        }
        self.event(end_ns, track, end())
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
            self.begin_state()?;
            let mark = TrackEvent {
                r#type: EventType::Instant.into(),
                terminating_flow_ids: vec![flow],
                ..self.slice(WAIT, "waited for")
            };
            self.event(time_ns, track, mark)?;
        }
        Ok(())
    }

    /// Where it goes, which is told if it is new.
    fn track_of(&mut self, stay: &Stay) -> io::Result<u64> {
        let (track, new) = self.threads.track(stay);
        new.into_iter().try_for_each(|track| self.track(track))?;
        self.begin_state()?;
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
        for (of, value) in [(0, sum), (1, sum.saturating_mul(self.page_size))] {
            let event = TrackEvent {
                r#type: EventType::Counter.into(),
                counter_value: Some(i64::try_from(value).unwrap_or(i64::MAX)),
                ..TrackEvent::default()
            };
            self.event(migration.end_ns(), counter(direction, of), event)?;
        }
        Ok(())
    }

    /// Says, before what needs it, what holds until it is said again: strings are counted from here
    /// on, and times are of this clock.
    fn begin_state(&mut self) -> io::Result<()> {
        if !self.interned.begin() {
            return Ok(());
        }
        self.write(TracePacket {
            sequence_flags: Some(STATE_CLEARED),
            trace_packet_defaults: Some(TracePacketDefaults {
                timestamp_clock_id: Some(self.clock),
            }),
            ..TracePacket::default()
        })
    }

    fn slice(&mut self, category: &str, name: &str) -> TrackEvent {
        TrackEvent {
            r#type: EventType::SliceBegin.into(),
            category_iids: vec![self.interned.categories.number(category)],
            name_iid: Some(self.interned.names.number(name)),
            ..TrackEvent::default()
        }
    }

    fn event(&mut self, timestamp: u64, track_uuid: u64, event: TrackEvent) -> io::Result<()> {
        let interned_data = self.interned.take();
        self.write(TracePacket {
            timestamp: Some(timestamp),
            sequence_flags: Some(NEEDS_STATE),
            interned_data,
            track_event: Some(TrackEvent {
                track_uuid,
                ..event
            }),
            ..TracePacket::default()
        })
    }

    fn track(&mut self, descriptor: TrackDescriptor) -> io::Result<()> {
        self.write(TracePacket {
            track_descriptor: Some(descriptor),
            ..TracePacket::default()
        })
    }

    fn write(&mut self, packet: TracePacket) -> io::Result<()> {
        let packet = TracePacket {
            trusted_packet_sequence_id: SEQUENCE,
            ..packet
        };
        let trace = Trace {
            packet: vec![packet],
        };
        self.out.write_all(&trace.encode_to_vec())
    }
}

/// The track of a direction's pages (0) or bytes (1): two small numbers for each, which threads
/// have not.
fn counter(direction: Direction, of: u64) -> u64 {
    2 * direction as u64 + of
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
