//! A trace for Perfetto's viewer and trace processor: for each thread a track with a slice for each migration and in it
//! one for each of its steps, and counters of the pages and bytes that arrived, by direction. The ledger stands in the
//! migration's annotations.
//!
//! The tracer's own time is in no step: it is what lies between them. A migration in whose middle the thread makes another,
//! to evict, has a track below the thread's: the time that the tracer took for the other is in none of its steps either,
//! so that it would seem to end too early.

mod messages;
mod threads;

use std::io;

use prost::Message as _;

use super::{Export, Out};
use crate::model::{Direction, Migration, Step, ledger};
use crate::recording::Facts;
use crate::source::Batch;
use messages::{
    Clock, ClockSnapshot, CounterDescriptor, DebugAnnotation, EventType, Trace, TracePacket,
    TrackDescriptor, TrackEvent, Unit, Value,
};
use threads::Threads;

/// Numbers of clocks in a trace.
const REALTIME: u32 = 1;
const MONOTONIC: u32 = 3;
const BOOTTIME: u32 = 6;

/// All packets are of one sequence.
const SEQUENCE: u32 = 1;

/// Tracks of counters have numbers from here on, two for each direction.
const COUNTERS: u64 = 1 << 63;

/// A Perfetto trace.
pub struct Perfetto;

impl Export for Perfetto {
    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()> {
        let mut trace = Tracing::new(facts, out);
        trace.begin(facts)?;
        for batch in batches {
            for migration in &batch.migrations {
                trace.migration(migration)?;
            }
            trace.out.flush()?;
        }
        Ok(())
    }
}

/// A trace in the making.
struct Tracing<'a> {
    out: Out<'a>,
    clock: u32,
    page_size: u64,
    threads: Threads,
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
            threads: Threads::default(),
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
        let (track, new) = self.threads.track(migration);
        new.into_iter().try_for_each(|track| self.track(track))?;
        let mut now = migration.time_ns;
        let began = TrackEvent {
            debug_annotations: annotations(migration),
            ..slice("migration")
        };
        self.event(now, track, began)?;
        let [setup, pages, finalize] = migration.probe;
        let behind = [setup, 0, pages, 0, finalize];
        for ((step, ns), probe_ns) in Step::ALL.into_iter().zip(migration.steps).zip(behind) {
            if let Some(ns) = ns {
                self.event(now, track, slice(step.name()))?;
                now = now.saturating_add(ns);
                self.event(now, track, end())?;
            }
            now = now.saturating_add(probe_ns);
        }
        self.event(migration.end_ns(), track, end())?;
        self.count(migration)
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

    fn event(&mut self, timestamp: u64, track_uuid: u64, event: TrackEvent) -> io::Result<()> {
        self.write(TracePacket {
            timestamp: Some(timestamp),
            timestamp_clock_id: Some(self.clock),
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

/// The track of a direction's pages (0) or bytes (1).
fn counter(direction: Direction, of: u64) -> u64 {
    COUNTERS + 2 * direction as u64 + of
}

fn slice(name: &str) -> TrackEvent {
    TrackEvent {
        r#type: EventType::SliceBegin.into(),
        categories: vec!["migration".to_owned()],
        name: Some(name.to_owned()),
        ..TrackEvent::default()
    }
}

fn end() -> TrackEvent {
    TrackEvent {
        r#type: EventType::SliceEnd.into(),
        ..TrackEvent::default()
    }
}

/// What is known of a migration beside its times; what is not is left out.
fn annotations(migration: &Migration) -> Vec<DebugAnnotation> {
    let text =
        |name: &str, text: Option<&str>| (name.to_owned(), text.map(|t| Value::Text(t.to_owned())));
    let number = |name: &str, number: Option<u64>| (name.to_owned(), number.map(Value::Number));
    let skips = migration.skips;
    let mut all = vec![
        number("sequence", Some(migration.sequence)),
        number("owner_pid", migration.pid.map(u64::from)),
        text("owner_comm", migration.comm.as_deref()),
        text("driver", migration.driver.as_deref()),
        text("cgroup", migration.cgroup.as_deref()),
        text("direction", migration.known_direction()),
        text("cause", migration.known_cause()),
        text("from", migration.from.kind()),
        text("from_place", migration.from.place.as_deref()),
        text("to", migration.to.kind()),
        text("to_place", migration.to.place.as_deref()),
        text("outcome", Some(migration.outcome.name())),
        number("errno", migration.errno.map(u64::from)),
        ("address".to_owned(), migration.address.map(Value::Address)),
        number("requested", Some(migration.ledger.requested)),
    ];
    all.extend(ledger::Row::ALL.map(|row| number(row.name(), Some(row.of(&migration.ledger)))));
    all.extend([
        number("not_collected", skips.map(|skips| skips.not_collected)),
        number("unmap_failed", skips.map(|skips| skips.unmap_failed)),
        number("probe_ns", Some(migration.probe_ns())),
    ]);
    all.into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, value)| DebugAnnotation { name, value })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::support::{Synthetic, facts};

    /// A slice that has ended: where, when, its name, its depth and its annotations.
    struct Slice {
        track: u64,
        began: u64,
        ended: u64,
        name: String,
        depth: usize,
        notes: Vec<DebugAnnotation>,
    }

    /// Slices in the order of their ends, and the last value of each counter, as a viewer makes them of a trace.
    fn play(trace: Trace) -> (Vec<Slice>, HashMap<u64, i64>) {
        let mut events: Vec<_> = trace
            .packet
            .into_iter()
            .filter_map(|packet| packet.track_event.zip(packet.timestamp))
            .collect();
        events.sort_by_key(|(_, timestamp)| *timestamp);
        let (mut slices, mut counters) = (Vec::new(), HashMap::new());
        let mut open: HashMap<u64, Vec<(TrackEvent, u64)>> = HashMap::new();
        for (event, now) in events {
            let track = event.track_uuid;
            let stack = open.entry(track).or_default();
            match event.r#type() {
                EventType::SliceBegin => stack.push((event, now)),
                EventType::SliceEnd => {
                    let (begin, began) = stack.pop().expect("an end has a beginning");
                    slices.push(Slice {
                        track,
                        began,
                        ended: now,
                        name: begin.name.unwrap(),
                        depth: stack.len(),
                        notes: begin.debug_annotations,
                    });
                }
                EventType::Counter => {
                    counters.insert(track, event.counter_value.unwrap());
                }
                EventType::Unspecified => panic!("an event of no type"),
            }
        }
        assert!(open.values().all(Vec::is_empty));
        (slices, counters)
    }

    #[test]
    fn steps_lie_in_their_migrations_and_counters_add_up() {
        let batch = Synthetic::new(3).batch(300);
        let mut out = Vec::new();
        Perfetto
            .export(&facts(), &mut std::iter::once(batch.clone()), &mut out)
            .unwrap();
        let (slices, counters) = play(Trace::decode(&out[..]).unwrap());
        let mut slices = slices.into_iter();
        for migration in &batch.migrations {
            for (step, ns) in Step::ALL.into_iter().zip(migration.steps) {
                let Some(ns) = ns else { continue };
                let slice = slices.next().unwrap();
                assert_eq!((slice.name.as_str(), slice.depth), (step.name(), 1));
                assert_eq!(slice.ended - slice.began, ns);
            }
            let slice = slices.next().unwrap();
            assert_eq!((slice.name.as_str(), slice.depth), ("migration", 0));
            assert_eq!(
                (slice.began, slice.ended),
                (migration.time_ns, migration.end_ns())
            );
            assert_eq!(slice.notes, annotations(migration));
            assert_ne!(slice.track, 0);
        }
        assert!(slices.next().is_none());
        for direction in [Direction::ToDevice, Direction::ToSystem] {
            let of = batch.migrations.iter();
            let of = of.filter(|migration| migration.direction == direction);
            let pages: u64 = of.map(|migration| ledger::arrived(&migration.ledger)).sum();
            assert_eq!(counters[&counter(direction, 0)], pages as i64);
            assert_eq!(counters[&counter(direction, 1)], pages as i64 * 4096);
        }
    }
}
