//! Perfetto traces: theirs is copied to the byte, and nothing of ours has a number of theirs.

use std::collections::HashSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use migscope::trace::Facts;
use migscope_testkit::facts;
use prost::Message as _;

use crate::played::{Clock, ClockSnapshot, Event, Ids, Packet, System, Trace, Track, Utsname};
use crate::scene::Scene;

const REALTIME: u32 = 1;
const MONOTONIC: u32 = 3;
const BOOTTIME: u32 = 6;

/// A snapshot, so long after the recording began.
fn snapshot(clocks: &[(u32, i64)], primary: u32) -> Packet {
    let clocks = clocks.iter().map(|(id, timestamp)| Clock {
        id: *id,
        timestamp: timestamp.cast_unsigned(),
    });
    Packet {
        sequence: 1,
        clock_snapshot: Some(ClockSnapshot {
            clocks: clocks.collect(),
            primary,
        }),
        ..Packet::default()
    }
}

fn began() -> (i64, i64) {
    let facts = facts();
    let [own, unix] = [facts.started_ns, facts.started_unix_ns].map(Option::unwrap);
    (own.cast_signed(), unix.cast_signed())
}

/// All three clocks of this boot, so long after the recording began.
fn clocks(after_ns: i64) -> Packet {
    let (own, unix) = began();
    let (own, unix) = (own + after_ns, unix + after_ns);
    snapshot(
        &[(BOOTTIME, own), (MONOTONIC, own), (REALTIME, unix)],
        BOOTTIME,
    )
}

fn track(uuid: u64, pid: i32) -> Packet {
    Packet {
        sequence: 1,
        track: Some(Track {
            uuid,
            process: Some(Ids { pid, tid: 0 }),
            ..Track::default()
        }),
        ..Packet::default()
    }
}

fn event(time_ns: u64, kind: i32, track: u64, flow: u64) -> Packet {
    Packet {
        sequence: 3,
        timestamp: Some(time_ns),
        event: Some(Event {
            kind,
            track,
            name: (kind == 1).then(|| "theirs".to_owned()),
            flows: vec![flow],
            ..Event::default()
        }),
        ..Packet::default()
    }
}

pub(crate) fn encoded(packets: &[Packet]) -> Vec<u8> {
    Trace {
        packet: packets.to_vec(),
    }
    .encode_to_vec()
}

/// A trace with two slices in the recording's time, on tracks of these numbers.
pub(crate) fn trace(scene: &Scene, uuids: &[u64]) -> Vec<Packet> {
    let mut packets = vec![clocks(5)];
    packets.extend(uuids.iter().map(|uuid| track(*uuid, 99)));
    for (at, uuid) in uuids.iter().enumerate() {
        let time_ns = scene.migrations()[at].time_ns;
        packets.push(event(time_ns + 1, 1, *uuid, at as u64));
        packets.push(event(time_ns + 3, 2, *uuid, at as u64));
    }
    packets
}

/// The bytes of a trace without the packets of some sequences.
fn without(bytes: &[u8], ours: &HashSet<u32>) -> Vec<u8> {
    let packets = Trace::decode(bytes).unwrap().packet;
    let theirs: Vec<_> = packets
        .into_iter()
        .filter(|packet| !ours.contains(&packet.sequence))
        .collect();
    encoded(&theirs)
}

#[test]
fn their_packets_are_as_they_were_and_ours_among_them() {
    let scene = Scene::new();
    // All numbers that the recording alone would have.
    scene.write(&encoded(&[clocks(0)]));
    let (alone, _) = scene.merged(&[]);
    let mut uuids: Vec<_> = alone.tracks.keys().copied().collect();
    uuids.sort_unstable();
    let theirs = trace(&scene, &uuids);
    scene.write(&encoded(&theirs));
    let (both, said) = scene.merged(&[]);
    assert!(said.contains("packets of the trace stand beside"), "{said}");
    // They have 1 and 3.
    assert_eq!(
        without(&scene.bytes(), &HashSet::from([2])),
        encoded(&theirs)
    );
    assert_eq!(both.tracks.len(), 2 * alone.tracks.len());
    let (of_theirs, of_ours): (Vec<_>, Vec<_>) =
        both.slices.iter().partition(|slice| slice.name == "theirs");
    assert_eq!(of_theirs.len(), uuids.len());
    assert_eq!(of_ours.len(), alone.slices.len());
    for (ours, alone) in of_ours.iter().zip(&alone.slices) {
        assert_eq!((ours.began, ours.ended), (alone.began, alone.ended));
        assert!(!uuids.contains(&ours.track));
    }
    // In the right order: the first of theirs begins within the first migration.
    assert_eq!(of_theirs[0].began, scene.migrations()[0].time_ns + 1);
    let flows: HashSet<_> = flows_of(&scene.bytes(), 2);
    assert!(!flows.is_empty() && flows.iter().all(|flow| *flow >= 1 << 40));
}

/// The numbers of arrows of a sequence.
fn flows_of(bytes: &[u8], sequence: u32) -> HashSet<u64> {
    let packets = Trace::decode(bytes).unwrap().packet.into_iter();
    let events = packets.filter(|packet| packet.sequence == sequence);
    events
        .filter_map(|packet| packet.event)
        .flat_map(|event| event.flows)
        .collect()
}

#[test]
fn ours_stand_behind_the_first_snapshot_of_our_clock() {
    let scene = Scene::new();
    let (own, unix) = began();
    let theirs = [
        track(70, 99),
        snapshot(&[(REALTIME, unix)], BOOTTIME),
        clocks(1),
        snapshot(&[(BOOTTIME, own + 9), (REALTIME, unix + 9)], BOOTTIME),
    ];
    scene.write(&encoded(&theirs));
    scene.merged(&[]);
    let packets = Trace::decode(&*scene.bytes()).unwrap().packet;
    assert_eq!(packets[..3], theirs[..3]);
    assert_eq!(packets.last(), theirs.last());
    assert!(packets.len() > 1000);
}

#[test]
fn what_is_compressed_is_looked_into() {
    let scene = Scene::new();
    let inner = encoded(&[clocks(5), track(1 << 62, 99)]);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&inner).unwrap();
    let packed = Packet {
        compressed: Some(encoder.finish().unwrap()),
        ..Packet::default()
    };
    scene.write(&encoded(&[packed]));
    scene.merged(&[]);
    let broken = Packet {
        compressed: Some(vec![1, 2, 3]),
        ..Packet::default()
    };
    scene.write(&encoded(&[clocks(5), broken]));
    scene.refused(&["packets that cannot be unpacked"]);
}

#[test]
fn a_trace_that_is_cut_is_read_to_its_last_whole_packet() {
    let scene = Scene::new();
    let theirs = trace(&scene, &[70]);
    let bytes = encoded(&theirs);
    scene.write(&bytes[..bytes.len() - 3]);
    let output = scene.merge(&[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("in the middle of a packet"),
        "{said}"
    );
    let whole = encoded(&theirs[..theirs.len() - 1]);
    assert_eq!(without(&scene.bytes(), &HashSet::from([2])), whole);
}

#[test]
fn other_clocks_boots_and_machines_are_refused() {
    let scene = Scene::new();
    let (own, unix) = began();
    let refused = |packets: &[Packet], words: &[&str]| {
        scene.write(&encoded(packets));
        scene.refused(words);
    };
    refused(
        &[snapshot(&[(MONOTONIC, own), (REALTIME, unix)], MONOTONIC)],
        &["no snapshot of CLOCK_BOOTTIME"],
    );
    refused(&[track(70, 99)], &["no snapshot of CLOCK_BOOTTIME"]);
    let of_boot = |unix| snapshot(&[(BOOTTIME, own), (REALTIME, unix)], BOOTTIME);
    refused(
        &[of_boot(unix + 2_100_000_000)],
        &["another boot or machine", "2.10 s apart"],
    );
    refused(
        &[of_boot(unix - 86_400_000_000_000)],
        &["another boot or machine"],
    );
    let system = Packet {
        system: Some(System {
            utsname: Some(Utsname {
                release: "6.8.0".to_owned(),
            }),
        }),
        ..Packet::default()
    };
    refused(&[clocks(0), system], &["made on Linux 6.8.0"]);
    // The machine slept for a second, which CLOCK_MONOTONIC does not know.
    let slept = |after, asleep| {
        let clocks = [(BOOTTIME, own + after), (MONOTONIC, own + after - asleep)];
        snapshot(&clocks, MONOTONIC)
    };
    refused(
        &[slept(0, 0), slept(5, 1_000_000_000)],
        &["1.00 s apart", "suspended"],
    );
    scene.write(&encoded(&[slept(0, 7), slept(5, 7)]));
    let (_, said) = scene.merged(&[]);
    assert!(
        said.contains("not known whether both are of the same boot"),
        "{said}"
    );
    let other = Facts {
        clock: "CLOCK_TAI".to_owned(),
        ..facts()
    };
    let scene = Scene::of(&other);
    scene.write(&encoded(&[clocks(0)]));
    scene.refused(&["CLOCK_TAI"]);
}

#[test]
fn what_is_no_trace_is_refused() {
    let scene = Scene::new();
    for (bytes, words) in [
        (&b""[..], ["empty", "nsys export"]),
        (b"\x1f\x8b\x08\x00", ["compressed", "gunzip"]),
        (
            b"{\"traceEvents\": []}",
            ["does not say which clock", "without guessing"],
        ),
        (b"PAR1", ["no trace that is known", "rocprofv3"]),
        (&[0x0a, 2, 0x12, 5], ["damaged at byte 0", "Copy it again"]),
    ] {
        scene.write(bytes);
        scene.refused(&words);
    }
    std::fs::remove_file(scene.path("trace")).unwrap();
    let output = scene.merge(&[]);
    crate::program::assert_refused(&output, &["there is no such file"]);
}
