//! A trace as a viewer makes it of packets: by the fields of the published schema.

use std::collections::HashMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Trace {
    #[prost(message, repeated, tag = "1")]
    pub(crate) packet: Vec<Packet>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Packet {
    #[prost(message, optional, tag = "6")]
    pub(crate) clock_snapshot: Option<ClockSnapshot>,
    #[prost(uint64, optional, tag = "8")]
    pub(crate) timestamp: Option<u64>,
    #[prost(uint32, tag = "10")]
    pub(crate) sequence: u32,
    #[prost(message, optional, tag = "11")]
    pub(crate) event: Option<Event>,
    #[prost(message, optional, tag = "12")]
    pub(crate) interned: Option<Interned>,
    #[prost(uint32, tag = "13")]
    pub(crate) flags: u32,
    #[prost(message, optional, tag = "45")]
    pub(crate) system: Option<System>,
    #[prost(bytes = "vec", optional, tag = "50")]
    pub(crate) compressed: Option<Vec<u8>>,
    #[prost(message, optional, tag = "59")]
    pub(crate) defaults: Option<Defaults>,
    #[prost(message, optional, tag = "60")]
    pub(crate) track: Option<Track>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClockSnapshot {
    #[prost(message, repeated, tag = "1")]
    pub(crate) clocks: Vec<Clock>,
    #[prost(uint32, tag = "2")]
    pub(crate) primary: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Clock {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    #[prost(uint64, tag = "2")]
    pub(crate) timestamp: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct System {
    #[prost(message, optional, tag = "1")]
    pub(crate) utsname: Option<Utsname>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Utsname {
    #[prost(string, tag = "3")]
    pub(crate) release: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Defaults {
    #[prost(uint32, optional, tag = "58")]
    pub(crate) clock: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Interned {
    #[prost(message, repeated, tag = "1")]
    pub(crate) categories: Vec<Name>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) names: Vec<Name>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Name {
    #[prost(uint64, tag = "1")]
    pub(crate) iid: u64,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Track {
    #[prost(uint64, tag = "1")]
    pub(crate) uuid: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) process: Option<Ids>,
    #[prost(message, optional, tag = "4")]
    pub(crate) thread: Option<Ids>,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) parent: Option<u64>,
}

/// Of a process, or a thread of one.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Ids {
    #[prost(int32, tag = "1")]
    pub(crate) pid: i32,
    #[prost(int64, tag = "2")]
    pub(crate) tid: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    pub(crate) categories: Vec<u64>,
    #[prost(int32, tag = "9")]
    pub(crate) kind: i32,
    #[prost(uint64, optional, tag = "10")]
    pub(crate) name_iid: Option<u64>,
    #[prost(uint64, tag = "11")]
    pub(crate) track: u64,
    #[prost(string, optional, tag = "23")]
    pub(crate) name: Option<String>,
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    pub(crate) flows: Vec<u64>,
}

/// A slice that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) depth: usize,
    pub(crate) track: u64,
}

/// A trace, played.
pub(crate) struct Played {
    /// In the order of their beginnings.
    pub(crate) slices: Vec<Slice>,
    pub(crate) tracks: HashMap<u64, Track>,
}

#[derive(Default)]
struct State {
    clock: Option<u32>,
    names: HashMap<u64, String>,
    categories: HashMap<u64, String>,
}

impl State {
    fn learn(&mut self, packet: &Packet) {
        if packet.flags & 1 != 0 {
            *self = Self::default();
        }
        if let Some(defaults) = &packet.defaults {
            self.clock = defaults.clock;
        }
        if let Some(data) = &packet.interned {
            let pairs = |all: &[Name]| -> Vec<_> {
                all.iter()
                    .map(|name| (name.iid, name.text.clone()))
                    .collect()
            };
            self.names.extend(pairs(&data.names));
            self.categories.extend(pairs(&data.categories));
        }
    }

    fn name(&self, event: &Event) -> String {
        let told = event.name_iid.map(|iid| self.names[&iid].clone());
        told.or_else(|| event.name.clone()).unwrap_or_default()
    }
}

impl Played {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut states: HashMap<u32, State> = HashMap::new();
        let (mut tracks, mut events) = (HashMap::new(), Vec::new());
        for packet in Trace::decode(bytes).unwrap().packet {
            let state = states.entry(packet.sequence).or_default();
            state.learn(&packet);
            if let Some(track) = packet.track {
                tracks.insert(track.uuid, track);
            }
            if let Some(event) = packet.event {
                // Boot time, which is the clock of traces that name none.
                assert_eq!(state.clock.unwrap_or(6), 6);
                let category = event.categories.first();
                let category = category.map(|iid| state.categories[iid].clone());
                let name = state.name(&event);
                events.push((
                    packet.timestamp.unwrap(),
                    event,
                    name,
                    category.unwrap_or_default(),
                ));
            }
        }
        events.sort_by_key(|(now, ..)| *now);
        let mut open: HashMap<u64, Vec<Slice>> = HashMap::new();
        let mut slices = Vec::new();
        for (now, event, name, category) in events {
            let stack = open.entry(event.track).or_default();
            match event.kind {
                1 => stack.push(Slice {
                    name,
                    category,
                    began: now,
                    ended: 0,
                    depth: stack.len(),
                    track: event.track,
                }),
                2 => slices.push(Slice {
                    ended: now,
                    ..stack.pop().expect("an end has a beginning")
                }),
                _ => {}
            }
        }
        assert!(open.values().all(Vec::is_empty), "a slice does not end");
        slices.sort_by_key(|slice| (slice.began, slice.depth));
        Self { slices, tracks }
    }

    /// The slices of a category.
    pub(crate) fn of_category(&self, category: &str) -> Vec<&Slice> {
        let slices = self.slices.iter();
        slices.filter(|slice| slice.category == category).collect()
    }

    /// The track of a slice.
    pub(crate) fn track(&self, slice: &Slice) -> &Track {
        &self.tracks[&slice.track]
    }

    /// The track above that of a slice.
    pub(crate) fn above(&self, slice: &Slice) -> &Track {
        &self.tracks[&self.track(slice).parent.unwrap()]
    }
}
