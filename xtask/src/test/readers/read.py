"""Reads what migscope wrote with tools that know nothing of it, and holds their sums against `migscope report --json`.

Usage: read.py FOLDER, with run.arrow, report.json, run.json, run.csv, run.parquet, waits.json, waits.parquet, run.hlog, setup.hgrm, run.pftrace, and recording.md,
whose examples are run as they stand there.
Prints a line for each reader; any difference is an error.
"""

import collections
import io
import json
import math
import os
import pathlib
import re
import sys

import duckdb
import polars
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet
from google.protobuf.unknown_fields import UnknownFieldSet
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto

FOLDER = pathlib.Path(sys.argv[1])
ROWS = ["requested", "moved", "populated", "skipped", "declined", "wasted_copy", "wasted_fill", "rolled_back", "rejected"]
STEPS = ["setup", "alloc_and_copy", "pages", "finalize_and_map", "finalize"]
DIRECTIONS = ["to_device", "to_system", "device_to_device", "system_to_system", "unknown"]
# What a histogram with two significant digits may be off by.
PRECISION = 0.01


def path(name):
    return str(FOLDER / name)


def expect(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got}, and not {expected}")


def near(what, got, expected):
    if abs(got - expected) > PRECISION * expected + 1:
        raise SystemExit(f"{what}: {got}, which is not within 1% of {expected}")


def told(report):
    """The sums that every reader must find: of the ledger, and of each step."""
    sums = {row: report["ledger"][row] for row in ROWS}
    for step in STEPS:
        sums[f"{step}_ns"] = report["steps"]["both"][step]["sum_ns"]
    sums["migrations"] = report["migrations"]
    return sums


def by_pyarrow(table):
    total = lambda column: pyarrow.compute.sum(table[column]).as_py()
    sums = {name: total(name) for name in columns()}
    return sums | {"migrations": table.num_rows}


def columns():
    return ROWS + [f"{step}_ns" for step in STEPS]


def by_polars(frame):
    sums = frame.select(polars.col(name).sum() for name in columns()).row(0, named=True)
    return sums | {"migrations": frame.height}


def by_duckdb(source):
    sums = ", ".join(f"sum({name})" for name in columns())
    row = duckdb.sql(f"select {sums}, count(*) from {source}").fetchall()[0]
    return dict(zip(columns() + ["migrations"], (int(value) for value in row)))


def recording(expected):
    with pyarrow.ipc.open_stream(path("run.arrow")) as stream:
        table = stream.read_all()
    is_migration = pyarrow.compute.equal(table["event"].cast("string"), "migration")
    # Waits and statuses are null in what is added up.
    everything = {name: pyarrow.compute.sum(table[name]).as_py() for name in columns()}
    migrations = table.filter(is_migration)
    expect("pyarrow, all rows", everything | {"migrations": migrations.num_rows}, expected)
    expect("pyarrow, recording", by_pyarrow(migrations), expected)
    frame = polars.read_ipc_stream(path("run.arrow")).filter(polars.col("event") == "migration")
    expect("polars, recording", by_polars(frame), expected)
    duckdb.register("recording", table)
    expect("DuckDB, recording", by_duckdb("recording where event = 'migration'"), expected)
    print(f"recording: {len(expected)} sums by pyarrow, polars and DuckDB")
    return table


def examples(report):
    """What the documentation tells people to type, and what comes of it."""
    text = (FOLDER / "recording.md").read_text()
    blocks = re.findall(r"(?<=\n\n)(?:    .+\n)+", text)
    code = "".join(line[4:] for block in blocks for line in block.splitlines(keepends=True))
    expect("examples, what they import", re.findall(r"^import ([a-z]+)", code, re.MULTILINE), ["polars", "pyarrow", "duckdb"])
    os.chdir(FOLDER)
    got = {}
    exec(compile(code, "recording.md", "exec"), got)
    moved = report["ledger"]["moved"]
    expect("example, polars", got["by_polars"]["moved"].sum(), moved)
    expect("example, polars", got["by_polars"]["wasted_copy"].sum(), report["ledger"]["wasted_copy"])
    expect("example, DuckDB", int(sum(row[1] for row in got["by_duckdb"].fetchall())), moved)
    expect("example, pandas", int(got["by_pandas"].sum()), moved)
    print(f"examples: {len(blocks)} of recording.md by polars, pyarrow, DuckDB and pandas")


def totals(table, report):
    """The kernel's own histograms, with HdrHistogram's decoder."""
    statuses = [json.loads(text) for text in table["status"].drop_null().to_pylist()]
    last = [status["totals"] for status in statuses if "totals" in status][-1]
    values = sum(
        HdrHistogram.decode(figure["histogram"]).get_total_count()
        for figure in last["figures"]
        if figure["figure"] == "setup_ns"
    )
    expect("HdrHistogram, totals", values, report["steps"]["both"]["setup"]["count"])
    print(f"totals: {len(last['figures'])} histograms by HdrHistogram")


def files(expected):
    expect("pyarrow, Parquet", by_pyarrow(pyarrow.parquet.read_table(path("run.parquet"))), expected)
    expect("polars, Parquet", by_polars(polars.read_parquet(path("run.parquet"))), expected)
    expect("DuckDB, Parquet", by_duckdb(f"'{path('run.parquet')}'"), expected)
    expect("polars, CSV", by_polars(polars.read_csv(path("run.csv"), infer_schema_length=None)), expected)
    expect("DuckDB, CSV", by_duckdb(f"'{path('run.csv')}'"), expected)
    expect("DuckDB, JSON", by_duckdb(f"read_json('{path('run.json')}', format = 'newline_delimited')"), expected)
    print("Parquet, CSV and JSON: the same sums by pyarrow, polars and DuckDB")


def waits(table):
    """Rows of waits, and what the kernel counted of them. Without any, there are no columns for them."""
    rows = table.filter(pyarrow.compute.equal(table["event"].cast("string"), "wait"))
    lines = [json.loads(line) for line in (FOLDER / "waits.json").open()]
    expect("waits, JSON", len(lines), rows.num_rows)
    parquet = pyarrow.parquet.read_table(path("waits.parquet"))
    expect("waits, Parquet", parquet.num_rows, rows.num_rows)
    for name in ["wait_ns", "page_lock_ns", "wait_pages"]:
        there = sum(line[name] or 0 for line in lines)
        expect(f"waits, {name} in Parquet", pyarrow.compute.sum(parquet[name]).as_py() or 0, there)
        if name in table.column_names:
            expect(f"waits, {name}", pyarrow.compute.sum(table[name]).as_py() or 0, there)
    print(f"waits: {len(lines)} by pyarrow")
    return {line["wait_sequence"]: line for line in lines}


def values_of(table, step, direction):
    """The times of a step, sorted. An unknown direction is null."""
    names = table["direction"].cast("string").fill_null("unknown")
    there = pyarrow.compute.equal(names, direction)
    return sorted(table.filter(there)[f"{step}_ns"].drop_null().to_pylist())


def histograms(table, report):
    """The interval log, and the percentiles of setup."""
    log = HistogramLogReader(path("run.hlog"), HdrHistogram(1, 2**40 - 1, 2))
    merged = collections.defaultdict(lambda: HdrHistogram(1, 2**40 - 1, 2))
    while (interval := log.get_next_interval_histogram()) is not None:
        merged[interval.get_tag()].add(interval)
    values = 0
    for direction in DIRECTIONS:
        for step in STEPS:
            times = report["steps"].get(direction, {}).get(step)
            if not times or not times["count"]:
                continue
            histogram = merged[f"{step}.{direction}"]
            expect(f"hlog, {step}.{direction}", histogram.get_total_count(), times["count"])
            exact = values_of(table, step, direction)
            for percentile, name in [(50, "p50_ns"), (90, "p90_ns"), (99, "p99_ns"), (99.9, "p999_ns")]:
                # Theirs rounds the rank, ours takes the next: for a few values that is another.
                rank = percentile / 100 * len(exact)
                what = f"{step}.{direction} {name}"
                theirs = histogram.get_value_at_percentile(percentile)
                near(f"hlog, {what}", theirs, exact[max(int(rank + 0.5), 1) - 1])
                if len(exact) * (100 - percentile) < 100 - 1e-6:
                    # No value lies beyond it, so it is none.
                    expect(f"report, {what}", times[name], None)
                    continue
                near(f"report, {what}", times[name], exact[max(math.ceil(rank - 1e-9), 1) - 1])
            values += times["count"]
    setup = HdrHistogram(1, 2**40 - 1, 2)
    for direction in DIRECTIONS:
        setup.add(merged[f"setup.{direction}"])
    text = io.BytesIO()
    setup.output_percentile_distribution(text, 1)
    theirs, ours = (distribution(data) for data in (text.getvalue(), (FOLDER / "setup.hgrm").read_bytes()))
    exact = sorted(value for direction in DIRECTIONS for value in values_of(table, "setup", direction))
    for value, quantile, count in ours:
        # Where a quantile falls between two values, either is right.
        rank = max(math.ceil(quantile * len(exact) - 1e-6), 1) - 1
        nearest = min(exact[max(rank - 1, 0) : rank + 2], key=lambda other: abs(other - value))
        near(f"hgrm at {quantile}", value, nearest)
        near(f"hgrm at {quantile}", value, exact[count - 1])
    expect("hgrm, last line", ours[-1], theirs[-1])
    print(f"hlog, hgrm: {values} values in {len(merged)} histograms, {len(ours)} percentiles by HdrHistogram")


def distribution(data):
    lines = (line.split() for line in data.decode().splitlines()[1:] if line and not line.startswith("#"))
    return [(float(line[0]), float(line[1]), int(line[2])) for line in lines]


def trace(waits):
    """The slices of the trace, as its published schema and the viewer's rules have them."""
    lines = (json.loads(line) for line in (FOLDER / "run.json").open())
    expected = {line["sequence"]: line for line in lines}
    data = perfetto.Trace()
    data.ParseFromString((FOLDER / "run.pftrace").read_bytes())
    unknown = sum(len(UnknownFieldSet(packet)) for packet in data.packet)
    expect("Perfetto, unknown fields", unknown, 0)
    tracks, slices, counters = {}, collections.defaultdict(list), {}
    events = []
    state = None
    for packet in data.packet:
        if packet.sequence_flags & packet.SEQ_INCREMENTAL_STATE_CLEARED:
            state = State()
        if packet.HasField("trace_packet_defaults"):
            state.clock = packet.trace_packet_defaults.timestamp_clock_id
        if packet.HasField("interned_data"):
            state.learn(packet.interned_data)
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if packet.HasField("track_event"):
            expect("Perfetto, flags", packet.sequence_flags, packet.SEQ_NEEDS_INCREMENTAL_STATE)
            expect("Perfetto, clock", state.clock, 6)
            state.resolve(packet.track_event)
            events.append(packet)
    events.sort(key=lambda packet: packet.timestamp)
    event = perfetto.TrackEvent
    done = steps = waited = arrows = 0
    for packet in events:
        now, what = packet.timestamp, packet.track_event
        stack = slices[what.track_uuid]
        if what.type == event.TYPE_SLICE_BEGIN:
            stack.append((what, now))
        elif what.type == event.TYPE_COUNTER:
            counters[what.track_uuid] = what.counter_value
        elif what.type == event.TYPE_INSTANT:
            expect("Perfetto, arrows that end in a mark", len(what.terminating_flow_ids), 1)
            expect("Perfetto, what a mark is in", stack[0][0].name, "migration")
            arrows += 1
        else:
            begin, began = stack.pop()
            if "wait" in begin.categories and not stack:
                of = waits.pop(annotations(begin)["wait_sequence"])
                expect("Perfetto, wait", (begin.name, began, now - began), (of["wait"], of["time_ns"], of["wait_ns"]))
                waited += 1
            elif "wait" in begin.categories:
                expect("Perfetto, part of a wait", begin.name in ["before_setup", "in_migration", "after"], True)
            elif begin.name == "migration":
                line = annotations(begin)
                of = expected.pop(line["sequence"])
                expect("Perfetto, begin", began, of["time_ns"])
                taken = sum(of[f"{step}_ns"] or 0 for step in STEPS) + of["probe_ns"]
                expect("Perfetto, duration", now - began, taken)
                track = tracks[what.track_uuid]
                thread = (track if track.HasField("thread") else tracks[track.parent_uuid]).thread
                expect("Perfetto, thread", (thread.pid, thread.tid), (of["pid"], of["tid"]))
                for name in line:
                    # The track is that of the thread that works: whose memory it is has to be said.
                    expect(f"Perfetto, {name}", line[name], of[name.removeprefix("owner_")])
                done += 1
            else:
                of = expected[annotations(stack[-1][0])["sequence"]]
                expect(f"Perfetto, {begin.name}", now - began, of[f"{begin.name}_ns"])
                steps += 1
    expect("Perfetto, slices that lack", len(expected), 0)
    expect("Perfetto, waits that lack", len(waits), 0)
    expect("Perfetto, slices that do not end", sum(map(len, slices.values())), 0)
    print(f"Perfetto: {done} migrations and {steps} steps, nested, with the same times and annotations; {waited} waits, {arrows} for others")
    return {tracks[track].name: value for track, value in counters.items()}


class State:
    """What a sequence has been told so far. Numbers of strings mean something only together with it."""

    def __init__(self):
        self.clock = None
        self.strings = collections.defaultdict(dict)

    def learn(self, data):
        for field, new in data.ListFields():
            for string in new:
                self.strings[field.name][string.iid] = string.str.decode() if field.name.endswith("values") else string.name

    def resolve(self, event):
        """Puts strings in the place of their numbers."""
        event.categories.extend(self.strings["event_categories"][iid] for iid in event.category_iids)
        if event.name_iid:
            event.name = self.strings["event_names"][event.name_iid]
        for note in event.debug_annotations:
            note.name = self.strings["debug_annotation_names"][note.name_iid]
            if note.HasField("string_value_iid"):
                note.string_value = self.strings["debug_annotation_string_values"][note.string_value_iid]


def annotations(begin):
    return {
        note.name: getattr(note, note.WhichOneof("value"))
        for note in begin.debug_annotations
    }


def main():
    report = json.loads((FOLDER / "report.json").read_text())
    expected = told(report)
    table = recording(expected)
    examples(report)
    totals(table, report)
    files(expected)
    histograms(table, report)
    arrived = sum(value for name, value in trace(waits(table)).items() if name.startswith("pages "))
    expect("Perfetto, counters", arrived, expected["moved"] + expected["populated"])


main()
