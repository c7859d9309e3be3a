//! What is looked at in packets of others, with the numbers of the published schema
//! (`perfetto_trace.proto`). Texts are bytes here: what is no UTF-8 is no concern of a copy.

use prost::Message;

/// Packets, as they stand in one that is compressed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Packets {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(super) packet: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Packet {
    #[prost(message, optional, tag = "6")]
    pub(super) clock_snapshot: Option<ClockSnapshot>,
    #[prost(uint32, tag = "10")]
    pub(super) trusted_packet_sequence_id: u32,
    #[prost(message, optional, tag = "11")]
    pub(super) track_event: Option<TrackEvent>,
    #[prost(message, optional, tag = "45")]
    pub(super) system_info: Option<SystemInfo>,
    /// Packets, packed by zlib.
    #[prost(bytes = "vec", optional, tag = "50")]
    pub(super) compressed_packets: Option<Vec<u8>>,
    #[prost(message, optional, tag = "59")]
    pub(super) trace_packet_defaults: Option<Defaults>,
    #[prost(message, optional, tag = "60")]
    pub(super) track_descriptor: Option<TrackDescriptor>,
    /// Another machine that was traced with this one; 0 is this one.
    #[prost(uint32, tag = "98")]
    pub(super) machine_id: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ClockSnapshot {
    #[prost(message, repeated, tag = "1")]
    pub(super) clocks: Vec<Clock>,
    #[prost(uint32, tag = "2")]
    pub(super) primary_trace_clock: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Clock {
    #[prost(uint32, tag = "1")]
    pub(super) clock_id: u32,
    #[prost(uint64, tag = "2")]
    pub(super) timestamp: u64,
    /// Does it count from the snapshot before?
    #[prost(bool, tag = "3")]
    pub(super) is_incremental: bool,
    /// Of its unit, nanoseconds; 0: one.
    #[prost(uint64, tag = "4")]
    pub(super) unit_multiplier_ns: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TrackEvent {
    #[prost(uint64, tag = "11")]
    pub(super) track_uuid: u64,
    #[prost(uint64, repeated, packed = "false", tag = "31")]
    pub(super) extra_counter_track_uuids: Vec<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "36")]
    pub(super) flow_ids_old: Vec<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "42")]
    pub(super) terminating_flow_ids_old: Vec<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "45")]
    pub(super) extra_double_counter_track_uuids: Vec<u64>,
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    pub(super) flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    pub(super) terminating_flow_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Defaults {
    /// Has the same numbers of fields as events.
    #[prost(message, optional, tag = "11")]
    pub(super) track_event_defaults: Option<TrackEvent>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct TrackDescriptor {
    #[prost(uint64, tag = "1")]
    pub(super) uuid: u64,
    #[prost(uint64, tag = "5")]
    pub(super) parent_uuid: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SystemInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) utsname: Option<Utsname>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Utsname {
    #[prost(bytes = "vec", tag = "3")]
    pub(super) release: Vec<u8>,
}

impl TrackEvent {
    /// The numbers of all tracks that it names.
    pub(super) fn tracks(&self) -> impl Iterator<Item = u64> {
        let extra = self.extra_counter_track_uuids.iter();
        let extra = extra.chain(&self.extra_double_counter_track_uuids);
        extra.copied().chain([self.track_uuid])
    }

    /// The numbers of all arrows that it names.
    pub(super) fn flows(&self) -> impl Iterator<Item = u64> {
        let old = self
            .flow_ids_old
            .iter()
            .chain(&self.terminating_flow_ids_old);
        let new = self.flow_ids.iter().chain(&self.terminating_flow_ids);
        old.chain(new).copied()
    }
}
