"""Merges a recording with traces of other tools, and holds what comes of it against both.

Usage: merge.py FOLDER MIGSCOPE, with run.arrow, and in `wall` and `boot` what CLOCK_REALTIME and CLOCK_BOOTTIME were just before the migrations and after them.
Prints a line for each kind of trace; any difference is an error.
"""

import collections
import datetime
import json
import pathlib
import sqlite3
import subprocess
import sys

import pyarrow.ipc
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto

FOLDER, MIGSCOPE = pathlib.Path(sys.argv[1]), sys.argv[2]
REALTIME, MONOTONIC, BOOTTIME = 1, 3, 6
SECOND = 10**9
# What clocks are told with: /proc/uptime has hundredths of a second.
HUNDREDTH = SECOND // 100
# Every so many migrations, another tool saw something at the same time.
EVERY = 7

Slice = collections.namedtuple("Slice", "name category began ended track")


def expect(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got}, and not {expected}")


def run(*words, status=0):
    done = subprocess.run([MIGSCOPE, *map(str, words)], capture_output=True, text=True)
    expect(f"status of {' '.join(map(str, words))}: {done.stderr}", done.returncode, status)
    return done


def metadata():
    with pyarrow.ipc.open_stream(FOLDER / "run.arrow") as stream:
        told = stream.schema.metadata
    return {name.decode().removeprefix("migscope."): value.decode() for name, value in told.items()}


def migrations():
    lines = run("export", FOLDER / "run.arrow", "--format", "json").stdout.splitlines()
    steps = ["setup", "alloc_and_copy", "pages", "finalize_and_map", "finalize"]
    for line in map(json.loads, lines):
        taken = sum(line[f"{step}_ns"] or 0 for step in steps) + line["probe_ns"]
        yield line["time_ns"], line["time_ns"] + taken


def clock(name):
    """A clock before and after the migrations, nanoseconds."""
    before, after = map(nanoseconds, (FOLDER / name).read_text().splitlines())
    return before, after


def nanoseconds(text):
    """Of `12.34 56.78`, as the kernel tells how long it runs, and of `2026-12-01 06:25:50.123456789`."""
    first, _, rest = text.partition(" ")
    if "-" not in first:
        whole, part = first.split(".")
    else:
        time, part = rest.split()[0].split(".")
        whole = datetime.datetime.fromisoformat(f"{first}T{time}+00:00").timestamp()
    return int(whole) * SECOND + int(part.ljust(9, "0"))


def merge(trace, *options):
    to = FOLDER / "both.pftrace"
    said = run("merge", FOLDER / "run.arrow", trace, "--force", "-o", to, *options).stderr
    return to.read_bytes(), said


def played(data):
    """The slices of a trace, as its published schema and the viewer's rules have them, and its tracks."""
    trace = perfetto.Trace()
    trace.ParseFromString(data)
    tracks, events, names, categories = {}, [], collections.defaultdict(dict), collections.defaultdict(dict)
    for packet in trace.packet:
        of = packet.trusted_packet_sequence_id
        if packet.sequence_flags & packet.SEQ_INCREMENTAL_STATE_CLEARED:
            names[of].clear()
            categories[of].clear()
        names[of].update((name.iid, name.name) for name in packet.interned_data.event_names)
        categories[of].update((name.iid, name.name) for name in packet.interned_data.event_categories)
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if packet.HasField("track_event"):
            event = packet.track_event
            name = event.name or names[of].get(event.name_iid)
            kind = [*event.categories, *(categories[of][iid] for iid in event.category_iids)]
            events.append((packet.timestamp, event, name, kind[0] if kind else None))
    events.sort(key=lambda event: event[0])
    stacks, slices = collections.defaultdict(list), []
    for now, event, name, category in events:
        if event.type == event.TYPE_SLICE_BEGIN:
            stacks[event.track_uuid].append((name, category, now))
        elif event.type == event.TYPE_SLICE_END:
            name, category, began = stacks[event.track_uuid].pop()
            slices.append(Slice(name, category, began, now, event.track_uuid))
    expect("slices that do not end", sum(map(len, stacks.values())), 0)
    return sorted(slices, key=lambda slice: slice.began), tracks, trace


def compare(what, data, seen, category):
    """All migrations are there, and what the other tool saw is where it saw it."""
    slices, tracks, trace = played(data)
    ours = sorted((slice.began, slice.ended) for slice in slices if slice.name == "migration")
    expect(f"{what}, migrations", ours, sorted(MIGRATIONS))
    theirs = sorted((slice.began, slice.ended) for slice in slices if slice.category == category)
    expect(f"{what}, {category}", theirs, sorted(seen))
    return slices, tracks, trace


def around(what, slices, slack):
    """Whoever read the clocks before and after has all migrations in between."""
    (outer,) = [slice for slice in slices if slice.name == "workload"]
    inside = [slice for slice in slices if slice.name == "migration"]
    first, last = inside[0].began - outer.began, outer.ended - max(slice.ended for slice in inside)
    if first < -slack or last < -slack:
        raise SystemExit(f"{what}: migrations begin {first} ns after the clock was read, and end {last} ns before it was read again")
    return first, last


def database(name, sql, rows):
    path = FOLDER / name
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript(sql)
        for table, values in rows:
            places = ", ".join("?" * len(values))
            connection.execute(f'INSERT INTO "{table}" VALUES ({places})', values)
    connection.close()
    return path


NSYS = """
CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER, utcTime TEXT, localTime TEXT);
CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT NOT NULL, name TEXT NOT NULL, nameEnum INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL, contextId INTEGER NOT NULL,
    streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER, demangledName INTEGER NOT NULL, shortName INTEGER NOT NULL);
CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, end INTEGER, eventType INTEGER NOT NULL, text TEXT, textId INTEGER, globalTid INTEGER);
"""


def nsys(host, session):
    """An export of a session that began at a time of the wall clock."""
    began, unix = int(FACTS["started_ns"]), int(FACTS["started_unix_ns"])
    told = lambda time: time - began + unix - session
    rows = [("StringIds", (1, "kernel")), ("TARGET_INFO_SESSION_START_TIME", (session, "", ""))]
    rows.append(("TARGET_INFO_SYSTEM_ENV", (0, "", "Hostname", 1, host)))
    for start, end in SEEN:
        rows.append(("CUPTI_ACTIVITY_KIND_KERNEL", (told(start), told(end), 0, 1, 7, 1, 5 << 24, 1, 1)))
    before, after = clock("wall")
    rows.append(("NVTX_EVENTS", (before - session, after - session, 59, "workload", None, 5 << 24 | 6)))
    return database("nsys.sqlite", NSYS, rows)


def by_nsys():
    session = clock("wall")[0] - 123_456_789
    data, said = merge(nsys(FACTS["host"], session))
    expect("what is said of Nsight Systems", "by the wall clock" in said, True)
    slices, tracks, _ = compare("Nsight Systems", data, SEEN, "kernel")
    # The two readings of the wall clock are of one clock, which nobody sets here.
    # A file's time is that of the kernel's last tick.
    first, last = around("Nsight Systems", slices, SECOND // 100)
    kernel = next(slice for slice in slices if slice.category == "kernel")
    expect("Nsight Systems, track", tracks[kernel.track].name, "GPU 0, stream 7")
    expect("Nsight Systems, process", tracks[tracks[kernel.track].parent_uuid].process.pid, 5)
    other = run("merge", FOLDER / "run.arrow", nsys("elsewhere", session), "--force", "-o", FOLDER / "none", status=2)
    expect("another machine", "of the machine elsewhere" in other.stderr, True)
    print(f"Nsight Systems: {len(SEEN)} kernels to the nanosecond; the first migration {first} ns after the wall clock was read, the last {last} ns before")


ROCPD = """
CREATE TABLE rocpd_info_node_a (id INTEGER NOT NULL PRIMARY KEY, hostname TEXT, release TEXT);
CREATE TABLE rocpd_info_process_a (id INTEGER NOT NULL PRIMARY KEY, pid INTEGER NOT NULL);
CREATE TABLE rocpd_info_agent_a (id INTEGER NOT NULL PRIMARY KEY, type TEXT, type_index INTEGER);
CREATE TABLE rocpd_info_queue_a (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
CREATE TABLE rocpd_info_kernel_symbol_a (id INTEGER NOT NULL PRIMARY KEY, kernel_name TEXT, display_name TEXT);
CREATE TABLE rocpd_kernel_dispatch_a (id INTEGER NOT NULL PRIMARY KEY, pid INTEGER NOT NULL, agent_id INTEGER NOT NULL, kernel_id INTEGER NOT NULL,
    queue_id INTEGER NOT NULL, start BIGINT NOT NULL, "end" BIGINT NOT NULL);
"""


def by_rocpd():
    rows = [("rocpd_info_node_a", (1, FACTS["host"], FACTS["kernel"])), ("rocpd_info_process_a", (1, 5))]
    rows += [("rocpd_info_agent_a", (1, "GPU", 0)), ("rocpd_info_queue_a", (1, "Queue 0"))]
    rows += [("rocpd_info_kernel_symbol_a", (1, "k.kd", "kernel")), ("rocpd_info_kernel_symbol_a", (2, "w.kd", "workload"))]
    for start, end in [*SEEN, clock("boot")]:
        number = 2 if (start, end) == clock("boot") else 1
        rows.append(("rocpd_kernel_dispatch_a", (None, 1, 1, number, 1, start, end)))
    data, _ = merge(database("rocpd.db", ROCPD, rows))
    slices, tracks, _ = compare("rocpd", data, [*SEEN, clock("boot")], "kernel")
    first, last = around("rocpd", slices, HUNDREDTH)
    kernel = next(slice for slice in slices if slice.category == "kernel")
    expect("rocpd, track", tracks[kernel.track].name, "GPU 0, Queue 0")
    print(f"rocpd: {len(SEEN)} kernels to the nanosecond; the first migration {first} ns after CLOCK_BOOTTIME was read, the last {last} ns before")


def by_perfetto():
    """A trace as a profiler writes one, with the numbers of tracks and sequences that a recording has, too."""
    began, unix = int(FACTS["started_ns"]), int(FACTS["started_unix_ns"])
    alone = FOLDER / "run.pftrace"
    run("export", FOLDER / "run.arrow", "--format", "perfetto", "--force", "-o", alone)
    uuids = sorted(played(alone.read_bytes())[1])
    theirs = perfetto.Trace()
    packet = theirs.packet.add(trusted_packet_sequence_id=1)
    packet.clock_snapshot.primary_trace_clock = BOOTTIME
    for number, time in [(BOOTTIME, began + SECOND), (MONOTONIC, began + SECOND), (REALTIME, unix + SECOND)]:
        packet.clock_snapshot.clocks.add(clock_id=number, timestamp=time)
    for uuid in uuids:
        track = theirs.packet.add(trusted_packet_sequence_id=1).track_descriptor
        track.uuid, track.name = uuid, "GPU"
    for at, (start, end) in enumerate(SEEN):
        for time, kind in [(start, perfetto.TrackEvent.TYPE_SLICE_BEGIN), (end, perfetto.TrackEvent.TYPE_SLICE_END)]:
            packet = theirs.packet.add(trusted_packet_sequence_id=2, timestamp=time)
            packet.track_event.type, packet.track_event.track_uuid = kind, uuids[at % len(uuids)]
            if kind == perfetto.TrackEvent.TYPE_SLICE_BEGIN:
                packet.track_event.name = "kernel"
                packet.track_event.categories.append("gpu")
    path = FOLDER / "theirs.pftrace"
    path.write_bytes(theirs.SerializeToString())
    data, _ = merge(path)
    _, tracks, both = compare("Perfetto", data, SEEN, "gpu")
    kept = perfetto.Trace(packet=[packet for packet in both.packet if packet.trusted_packet_sequence_id in [1, 2]])
    expect("Perfetto, their packets", kept.SerializeToString(), theirs.SerializeToString())
    expect("Perfetto, tracks", len(tracks), 2 * len(uuids))
    print(f"Perfetto: {len(SEEN)} slices and {len(theirs.packet)} packets as they were, {len(both.packet) - len(theirs.packet)} of the recording among them")


FACTS = metadata()
MIGRATIONS = list(migrations())
# One after another, as kernels of a queue are: migrations overlap where threads make them at once.
SEEN = []
for began, ended in sorted(MIGRATIONS)[::EVERY]:
    if not SEEN or began >= SEEN[-1][1]:
        SEEN.append((began, ended))
expect("enough to be compared", len(SEEN) > 20, True)
by_nsys()
by_rocpd()
by_perfetto()
