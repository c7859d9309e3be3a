//! Traces, decoded and resolved as their schema says, and held against the migrations that they
//! were made of.

use std::collections::HashMap;

use prost::Message as _;

use super::messages::{DebugAnnotation, InternedString, NEEDS_STATE, STATE_CLEARED, Trace, Value};
use super::notes::Note;
use super::*;
use crate::trace::{WaitKind, WaitResult};
use migscope_testkit::{Synthetic, facts};

/// A slice that has ended: where, when, its name, its depth and its annotations.
struct Slice {
    track: u64,
    began: u64,
    ended: u64,
    name: String,
    depth: usize,
    notes: Vec<(String, Read)>,
    flows: Vec<u64>,
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
struct Happened {
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

    fn resolve(&self, packet: TracePacket) -> Option<Happened> {
        let (event, now) = (packet.track_event?, packet.timestamp?);
        assert_eq!(packet.sequence_flags, Some(NEEDS_STATE));
        assert!(self.is_valid);
        assert_eq!(self.clock, Some(BOOTTIME));
        for category in &event.category_iids {
            let category = self.categories[category].as_str();
            assert!(["migration", "wait"].contains(&category));
        }
        Some(Happened {
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
    /// Of each counter, every moment and value.
    rates: HashMap<u64, Vec<(u64, i64)>>,
    /// Of each mark: the slice that it is in, by when that began, and the arrow that ends there.
    marks: Vec<(u64, u64)>,
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
    let (mut slices, mut counters, mut marks) = (Vec::new(), HashMap::new(), Vec::new());
    let mut rates: HashMap<u64, Vec<_>> = HashMap::new();
    let mut open: HashMap<u64, Vec<Happened>> = HashMap::new();
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
                    flows: began.event.flow_ids,
                });
            }
            EventType::Counter => {
                let value = event.event.counter_value.unwrap();
                counters.insert(track, value);
                rates.entry(track).or_default().push((event.now, value));
            }
            EventType::Instant => {
                assert_eq!(event.name.as_deref(), Some("waited for"));
                marks.push((stack[0].now, event.event.terminating_flow_ids[0]));
            }
            EventType::Unspecified => panic!("an event of no type"),
        }
    }
    assert!(open.values().all(Vec::is_empty));
    Played {
        slices,
        counters,
        rates,
        marks,
        cleared: state.cleared,
    }
}

fn exported(batches: &[Batch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut facts = facts();
    facts.details.waits = batches.iter().any(|batch| !batch.waits.is_empty());
    Perfetto
        .export(&facts, &mut batches.iter().cloned(), &mut out)
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
        // Each rate holds until the next, and the last is that nothing arrives.
        let changes = &played.rates[&rate(direction)];
        let held = changes.windows(2).map(|pair| {
            let seconds = (pair[1].0 - pair[0].0) as i128;
            i128::from(pair[0].1) * seconds
        });
        assert_eq!(held.sum::<i128>() / 1_000_000_000, i128::from(pages) * 4096);
        assert_eq!(changes.last().unwrap().1, 0);
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

/// What lies on tracks of waits, and what on those of migrations.
fn apart(slices: Vec<Slice>) -> (Vec<Slice>, Vec<Slice>) {
    let kinds = WaitKind::ALL.iter().map(|kind| kind.name());
    let of_waits: Vec<_> = kinds
        .chain(["before_setup", "in_migration", "after"])
        .collect();
    let is_of_wait = |slice: &Slice| of_waits.contains(&slice.name.as_str());
    slices.into_iter().partition(is_of_wait)
}

#[test]
fn waits_have_slices_of_their_own_with_their_parts_in_them() {
    let batch = Synthetic::new(4).with_details().with_waits().batch(300);
    let played = play(Trace::decode(&exported(std::slice::from_ref(&batch))[..]).unwrap());
    let (of_waits, _) = apart(played.slices);
    let (outer, inner): (Vec<_>, Vec<_>) = of_waits.iter().partition(|slice| slice.depth == 0);
    assert_eq!(outer.len(), batch.waits.len());
    let mut parts = 0;
    for wait in &batch.waits {
        let is_it = |slice: &&&Slice| {
            let sequence = ("wait_sequence".to_owned(), Read::Number(wait.sequence));
            slice.notes.contains(&sequence)
        };
        let slice = outer.iter().find(is_it).unwrap();
        assert_eq!(slice.name, wait.kind.name());
        assert_eq!((slice.began, slice.ended), (wait.time_ns, wait.end_ns()));
        let expected = notes_of_wait(wait).into_iter();
        let expected: Vec<_> = expected
            .map(|(name, note)| (name.to_owned(), Read::from(note)))
            .collect();
        assert_eq!(slice.notes, expected);
        let within = |name: &str, began: u64, ns: u64| {
            let is_it = |part: &&Slice| {
                (part.track, part.name.as_str(), part.began, part.ended)
                    == (slice.track, name, began, began + ns)
            };
            assert!(inner.iter().copied().any(|part| is_it(&part)), "{name}");
        };
        if let (Some(before), Some(in_ns)) = (wait.before_setup_ns, wait.in_migration_ns) {
            let behind = wait.time_ns + before + in_ns;
            within("before_setup", wait.time_ns, before);
            within("in_migration", wait.time_ns + before, in_ns);
            within("after", behind, wait.end_ns() - behind);
            parts += 3;
        }
    }
    assert_eq!((inner.len(), parts > 0), (parts, true));
}

#[test]
fn an_arrow_leads_from_a_wait_to_the_migration_that_it_made() {
    let batch = Synthetic::new(4).with_waits().batch(300);
    let played = play(Trace::decode(&exported(std::slice::from_ref(&batch))[..]).unwrap());
    let (of_waits, of_migrations) = apart(played.slices);
    let mut arrows = 0;
    for wait in batch.waits.iter().filter(|wait| wait.migration.is_some()) {
        let sequence = wait.migration.unwrap();
        let flow = made(sequence);
        let has_it = |slice: &&Slice| slice.flows.contains(&flow);
        let from: Vec<_> = of_waits.iter().filter(has_it).collect();
        let to: Vec<_> = of_migrations.iter().filter(has_it).collect();
        assert_eq!((from.len(), to.len()), (1, 1));
        assert_eq!(from[0].began, wait.time_ns);
        let sequence = ("sequence".to_owned(), Read::Number(sequence));
        assert!(to[0].notes.contains(&sequence));
        arrows += 1;
    }
    assert!(arrows > 10);
}

/// In another process's migrations, and where it can be two, there is none.
#[test]
fn an_arrow_leads_from_a_wait_to_the_migration_of_somebody_else_that_it_is_for() {
    let mut early = Synthetic::new(4).with_waits().batch(3);
    let mut late = Synthetic::new(5).batch(3);
    let mut wait = early.waits.remove(0);
    (wait.kind, wait.result) = (WaitKind::Migrating, WaitResult::Done);
    early.waits = vec![wait];
    let migrations = late.migrations.make();
    migrations.retain(|migration| migration.address.is_some());
    let (wait, migration) = (&mut early.waits[0], &migrations[0]);
    (wait.pid, wait.address, wait.migration) = (migration.pid, migration.address, None);
    // It is over, and told, before the migration is.
    (wait.time_ns, wait.total_ns) = (migration.time_ns + 7, 5);
    let wait = wait.clone();
    early.migrations = Default::default();
    (early.status, late.status) = (None, None);
    let marks = |batches: &[Batch]| play(Trace::decode(&exported(batches)[..]).unwrap()).marks;
    let mark = (migration.time_ns, waited_for(wait.sequence));
    assert_eq!(marks(&[early.clone(), late.clone()]), [mark]);
    assert_eq!(marks(&[late.clone(), early.clone()]), [mark]);
    // Two at the same place and time.
    let mut twice = late.clone();
    let mut again = twice.migrations.make()[0].clone();
    again.sequence += 100;
    twice.migrations.make().insert(1, again);
    assert_eq!(marks(&[early, twice]), []);
}

#[test]
fn recordings_without_waits_have_no_arrows() {
    let batch = Synthetic::new(3).batch(30);
    let played = play(Trace::decode(&exported(std::slice::from_ref(&batch))[..]).unwrap());
    assert!(played.slices.iter().all(|slice| slice.flows.is_empty()));
}
