//! Packets of one sequence: what holds until it is said again, and numbers that nobody else has.

use std::collections::HashSet;
use std::io;

use prost::Message as _;

use super::interned::Interned;
use super::messages::{
    EventType, NEEDS_STATE, STATE_CLEARED, Trace, TracePacket, TracePacketDefaults,
    TrackDescriptor, TrackEvent,
};
use crate::export::Out;

/// No number of a track of a recording has this bit. Where another trace has the same number, ours
/// is that with this bit.
pub(super) const ANOTHER: u64 = 1 << 63;

/// An arrow's number is below this, where nothing says otherwise.
const FLOWS: u32 = 40;

/// Numbers that must be left to another trace, in the middle of which these packets stand.
#[derive(Debug)]
pub struct Taken {
    tracks: HashSet<u64>,
    /// A bit for each value of what stands above [`FLOWS`] in numbers of arrows.
    flows: Vec<u64>,
    sequences: HashSet<u32>,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            tracks: HashSet::new(),
            flows: vec![0; 1 << (64 - FLOWS - 6)],
            sequences: HashSet::new(),
        }
    }
}

impl Taken {
    /// Takes a track's number.
    pub fn track(&mut self, uuid: u64) {
        self.tracks.insert(uuid);
    }

    /// Takes an arrow's number.
    pub fn flow(&mut self, id: u64) {
        let above = id >> FLOWS;
        self.flows[(above / 64) as usize] |= 1 << (above % 64);
    }

    /// Takes a sequence's number.
    pub fn sequence(&mut self, id: u32) {
        self.sequences.insert(id);
    }

    /// How many numbers are remembered one by one: of tracks and sequences.
    pub fn remembered(&self) -> usize {
        self.tracks.len() + self.sequences.len()
    }

    /// What is left for packets of our own; `None` where that cannot be told apart from what is
    /// taken.
    pub fn rest(self) -> Option<Numbers> {
        let is_taken = |uuid: &u64| self.tracks.contains(&(uuid ^ ANOTHER));
        if self.tracks.iter().any(is_taken) {
            return None;
        }
        let free = |word: &u64| *word != u64::MAX;
        let word = self.flows.iter().position(free)?;
        let above = word as u64 * 64 + u64::from(self.flows[word].trailing_ones());
        Some(Numbers {
            sequence: (1..).find(|id| !self.sequences.contains(id))?,
            flows: above << FLOWS,
            tracks: self.tracks,
        })
    }
}

/// The numbers that packets of ours have.
#[derive(Debug)]
pub struct Numbers {
    pub(super) sequence: u32,
    /// What stands above [`FLOWS`] in numbers of arrows.
    flows: u64,
    /// Tracks of another trace.
    tracks: HashSet<u64>,
}

impl Numbers {
    /// Those of a trace that is ours alone.
    pub fn all(sequence: u32) -> Self {
        Self {
            sequence,
            flows: 0,
            tracks: HashSet::new(),
        }
    }

    fn track(&self, uuid: u64) -> u64 {
        match self.tracks.contains(&uuid) {
            true => uuid ^ ANOTHER,
            false => uuid,
        }
    }

    fn flow(&self, id: u64) -> u64 {
        match self.flows {
            0 => id,
            flows => flows | (id & ((1 << FLOWS) - 1)),
        }
    }
}

/// Writes packets.
pub(super) struct Packets<'a> {
    out: Out<'a>,
    numbers: &'a Numbers,
    clock: u32,
    pub(super) interned: Interned,
}

impl<'a> Packets<'a> {
    /// Times will be of this clock.
    pub(super) fn new(numbers: &'a Numbers, clock: u32, out: Out<'a>) -> Self {
        Self {
            out,
            numbers,
            clock,
            interned: Interned::default(),
        }
    }

    /// Says, before what needs it, what holds until it is said again: strings are counted from here
    /// on, and times are of this clock.
    pub(super) fn begin_state(&mut self) -> io::Result<()> {
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

    /// The beginning of a slice, still without a track.
    pub(super) fn slice(&mut self, category: &str, name: &str) -> TrackEvent {
        TrackEvent {
            r#type: EventType::SliceBegin.into(),
            category_iids: vec![self.interned.categories.number(category)],
            name_iid: Some(self.interned.names.number(name)),
            ..TrackEvent::default()
        }
    }

    pub(super) fn event(
        &mut self,
        timestamp: u64,
        track_uuid: u64,
        mut event: TrackEvent,
    ) -> io::Result<()> {
        let flows = event.flow_ids.iter_mut();
        for id in flows.chain(&mut event.terminating_flow_ids) {
            *id = self.numbers.flow(*id);
        }
        let interned_data = self.interned.take();
        self.write(TracePacket {
            timestamp: Some(timestamp),
            sequence_flags: Some(NEEDS_STATE),
            interned_data,
            track_event: Some(TrackEvent {
                track_uuid: self.numbers.track(track_uuid),
                ..event
            }),
            ..TracePacket::default()
        })
    }

    pub(super) fn track(&mut self, descriptor: TrackDescriptor) -> io::Result<()> {
        let number = |uuid| self.numbers.track(uuid);
        let track_descriptor = Some(TrackDescriptor {
            uuid: number(descriptor.uuid),
            parent_uuid: descriptor.parent_uuid.map(number),
            ..descriptor
        });
        self.write(TracePacket {
            track_descriptor,
            ..TracePacket::default()
        })
    }

    pub(super) fn write(&mut self, packet: TracePacket) -> io::Result<()> {
        let packet = TracePacket {
            trusted_packet_sequence_id: self.numbers.sequence,
            ..packet
        };
        let trace = Trace {
            packet: vec![packet],
        };
        self.out.write_all(&trace.encode_to_vec())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_nobody_has() {
        let mut taken = Taken::default();
        for track in [2, 1 << 62] {
            taken.track(track);
        }
        for sequence in [1, 2, 4] {
            taken.sequence(sequence);
        }
        for flow in [0, 7, 1 << 40, u64::MAX, 65 << 40] {
            taken.flow(flow);
        }
        assert_eq!(taken.remembered(), 5);
        let numbers = taken.rest().unwrap();
        assert_eq!(numbers.sequence, 3);
        assert_eq!(numbers.track(2), ANOTHER | 2);
        assert_eq!(
            (numbers.track(3), numbers.track(ANOTHER | 3)),
            (3, ANOTHER | 3)
        );
        assert_eq!((numbers.flow(0), numbers.flow(7)), (2 << 40, 2 << 40 | 7));
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_numbered() {
        let mut taken = Taken::default();
        taken.track(5);
        taken.track(ANOTHER | 5);
        assert!(taken.rest().is_none());
        let mut taken = Taken::default();
        for above in 0..1 << (64 - FLOWS) {
            taken.flow(above << FLOWS);
        }
        assert!(taken.rest().is_none());
    }
}
