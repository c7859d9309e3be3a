//! Traces, decoded and resolved as their schema says, and held against the migrations that they
//! were made of.

use std::collections::HashMap;

use super::messages::{DebugAnnotation, InternedString, Value};
use super::notes::{Note, notes};
use super::*;
use migscope_testkit::{Synthetic, facts};

/// A slice that has ended: where, when, its name, its depth and its annotations.
struct Slice {
    track: u64,
    began: u64,
    ended: u64,
    name: String,
    depth: usize,
    notes: Vec<(String, Read)>,
}

/// What an annotation says, resolved.
#[derive(Debug, PartialEq)]
enum Read {
    Number(u64),
    Address(u64),
    Text(String),
}

impl From<Note<'_>> for Read {
    fn from(note: Note<'_>) -> Self {
        match note {
            Note::Number(number) => Self::Number(number),
            Note::Address(address) => Self::Address(address),
            Note::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

/// What a sequence has been told so far, for the packets that come.
#[derive(Default)]
struct State {
    is_valid: bool,
    clock: Option<u32>,
    categories: HashMap<u64, String>,
    names: HashMap<u64, String>,
    note_names: HashMap<u64, String>,
    note_values: HashMap<u64, String>,
    /// How often it was told to forget all.
    cleared: usize,
}

/// An event of the trace, resolved.
struct Event {
    now: u64,
    event: TrackEvent,
    name: Option<String>,
    notes: Vec<(String, Read)>,
}

impl State {
    /// Takes in what a packet tells, in the order in which the schema has it take effect.
    fn learn(&mut self, packet: &TracePacket) {
        if packet.sequence_flags == Some(STATE_CLEARED) {
            let cleared = self.cleared + 1;
            *self = Self {
                cleared,
                is_valid: true,
                ..Self::default()
            };
        }
        if let Some(defaults) = &packet.trace_packet_defaults {
            self.clock = defaults.timestamp_clock_id;
        }
        let Some(data) = &packet.interned_data else {
            return;
        };
        for (strings, new) in [
            (&mut self.categories, &data.event_categories),
            (&mut self.names, &data.event_names),
            (&mut self.note_names, &data.debug_annotation_names),
            (&mut self.note_values, &data.debug_annotation_string_values),
        ] {
            for InternedString { iid, text } in new {
                assert_ne!(*iid, 0, "no number of a string");
                assert!(strings.insert(*iid, text.clone()).is_none(), "{text} anew");
            }
        }
    }

    fn resolve(&self, packet: TracePacket) -> Option<Event> {
        let (event, now) = (packet.track_event?, packet.timestamp?);
        assert_eq!(packet.sequence_flags, Some(NEEDS_STATE));
        assert!(self.is_valid);
        assert_eq!(self.clock, Some(BOOTTIME));
        for category in &event.category_iids {
            assert_eq!(self.categories[category], "migration");
        }
        Some(Event {
            now,
            name: event.name_iid.map(|iid| self.names[&iid].clone()),
            notes: event
                .debug_annotations
                .iter()
                .map(|note| self.note(note))
                .collect(),
            event,
        })
    }

    fn note(&self, note: &DebugAnnotation) -> (String, Read) {
        let value = match note.value.as_ref().unwrap() {
            Value::Number(number) => Read::Number(*number),
            Value::Address(address) => Read::Address(*address),
            Value::Text(iid) => Read::Text(self.note_values[iid].clone()),
        };
        (self.note_names[&note.name_iid].clone(), value)
    }
}

/// A trace as a viewer makes it: slices in the order of their ends, and the last value of each
/// counter.
struct Played {
    slices: Vec<Slice>,
    counters: HashMap<u64, i64>,
    cleared: usize,
}

fn play(trace: Trace) -> Played {
    let mut state = State::default();
    let mut events = Vec::new();
    for packet in trace.packet {
        state.learn(&packet);
        events.extend(state.resolve(packet));
    }
    events.sort_by_key(|event| event.now);
    let (mut slices, mut counters) = (Vec::new(), HashMap::new());
    let mut open: HashMap<u64, Vec<Event>> = HashMap::new();
    for event in events {
        let track = event.event.track_uuid;
        let stack = open.entry(track).or_default();
        match event.event.r#type() {
            EventType::SliceBegin => stack.push(event),
            EventType::SliceEnd => {
                let began = stack.pop().expect("an end has a beginning");
                slices.push(Slice {
                    track,
                    began: began.now,
                    ended: event.now,
                    name: began.name.unwrap(),
                    depth: stack.len(),
                    notes: began.notes,
                });
            }
            EventType::Counter => {
                counters.insert(track, event.event.counter_value.unwrap());
            }
            EventType::Unspecified => panic!("an event of no type"),
        }
    }
    assert!(open.values().all(Vec::is_empty));
    Played {
        slices,
        counters,
        cleared: state.cleared,
    }
}

fn exported(batches: &[Batch]) -> Vec<u8> {
    let mut out = Vec::new();
    Perfetto
        .export(&facts(), &mut batches.iter().cloned(), &mut out)
        .unwrap();
    out
}

fn assert_slices(migrations: &[Migration], slices: Vec<Slice>) {
    let mut slices = slices.into_iter();
    for migration in migrations {
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
        let expected = notes(migration).into_iter();
        let expected: Vec<_> = expected
            .map(|(name, note)| (name.to_owned(), Read::from(note)))
            .collect();
        assert_eq!(slice.notes, expected);
        assert_ne!(slice.track, 0);
    }
    assert!(slices.next().is_none());
}

#[test]
fn steps_lie_in_their_migrations_and_counters_add_up() {
    let batch = Synthetic::new(3).batch(300);
    let played = play(Trace::decode(&exported(std::slice::from_ref(&batch))[..]).unwrap());
    assert_slices(batch.migrations.made(), played.slices);
    assert_eq!(played.cleared, 1);
    for direction in [Direction::ToDevice, Direction::ToSystem] {
        let of = batch.migrations.made().iter();
        let of = of.filter(|migration| migration.direction == direction);
        let pages: u64 = of.map(|migration| ledger::arrived(&migration.ledger)).sum();
        assert_eq!(played.counters[&counter(direction, 0)], pages as i64);
        assert_eq!(played.counters[&counter(direction, 1)], pages as i64 * 4096);
    }
}

#[test]
fn annotations_are_the_fields_of_the_migration() {
    let migration = Synthetic::new(3).migration();
    let notes: HashMap<_, _> = notes(&migration).into_iter().collect();
    let text = |name| match notes.get(name) {
        Some(Note::Text(text)) => Some(*text),
        _ => None,
    };
    assert_eq!(text("owner_comm"), migration.comm.as_deref());
    assert_eq!(text("cgroup"), migration.cgroup.as_deref());
    assert_eq!(text("outcome"), Some(migration.outcome.name()));
    assert_eq!(notes["moved"], Note::Number(migration.ledger.moved));
    assert_eq!(notes["sequence"], Note::Number(migration.sequence));
    assert_eq!(notes.contains_key("errno"), migration.errno.is_some());
}

#[test]
fn each_string_stands_in_the_trace_once() {
    let batch = Synthetic::new(3).batch(300);
    let bytes = exported(std::slice::from_ref(&batch));
    for text in [
        "alloc_and_copy",
        "wasted_copy",
        "/user.slice/job",
        "owner_comm",
    ] {
        let text = text.as_bytes();
        let found = bytes.windows(text.len()).filter(|found| *found == text);
        assert_eq!(found.count(), 1, "{}", text.escape_ascii());
    }
}

#[test]
fn a_trace_of_too_many_strings_forgets_and_begins_again() {
    let mut batch = Synthetic::new(3).batch(2000);
    for migration in batch.migrations.make() {
        migration.cgroup = Some(format!("/{}/{}", migration.sequence, "x".repeat(4000)).into());
    }
    let played = play(Trace::decode(&exported(std::slice::from_ref(&batch))[..]).unwrap());
    assert_eq!(played.cleared, 2);
    assert_slices(batch.migrations.made(), played.slices);
}
