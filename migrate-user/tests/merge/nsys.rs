//! SQLite exports of Nsight Systems, with the tables and columns of its documentation.

use std::fs;

use migscope::trace::Facts;
use migscope_testkit::facts;

use crate::program::{assert_refused, run};
use crate::scene::Scene;

/// How long after the session began the recording did.
const LATER_NS: i64 = 250_000_000;

/// When the session began, by the wall clock.
fn session() -> i64 {
    facts().started_unix_ns.unwrap().cast_signed() - LATER_NS
}

/// A moment of the recording as the session tells it.
fn told(time_ns: u64) -> i64 {
    time_ns.cast_signed() - facts().started_ns.unwrap().cast_signed() + LATER_NS
}

/// What every export has, of a session on this machine.
fn head(host: &str, session: i64) -> String {
    format!(
        "CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);
         INSERT INTO StringIds VALUES (1, 'void gemm<float, 128>(float*)'), (2, 'gemm'), (3, 'epoch');
         CREATE TABLE TARGET_INFO_SESSION_START_TIME (utcEpochNs INTEGER, utcTime TEXT, localTime TEXT, systemClockNs INTEGER);
         INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES ({session}, '', '', 12345);
         CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INTEGER, devStateName TEXT NOT NULL, name TEXT NOT NULL,
            nameEnum INTEGER NOT NULL, value TEXT NOT NULL);
         INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0, '', 'CpuCores', 1, '8'), (0, '', 'Hostname', 2, '{host}');
         CREATE TABLE ENUM_CUDA_MEMCPY_OPER (id INTEGER NOT NULL PRIMARY KEY, name TEXT, label TEXT);
         INSERT INTO ENUM_CUDA_MEMCPY_OPER VALUES (1, 'CUDA_MEMCPY_KIND_HTOD', 'Host-to-Device');
         CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL,
            contextId INTEGER NOT NULL, streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER,
            demangledName INTEGER NOT NULL, shortName INTEGER NOT NULL);
         CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER NOT NULL, end INTEGER NOT NULL, deviceId INTEGER NOT NULL,
            contextId INTEGER NOT NULL, streamId INTEGER NOT NULL, correlationId INTEGER, globalPid INTEGER,
            bytes INTEGER NOT NULL, copyKind INTEGER NOT NULL);
         CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, end INTEGER, eventType INTEGER NOT NULL, text TEXT,
            textId INTEGER, globalTid INTEGER);"
    )
}

fn global(process: i64, thread: i64) -> i64 {
    1 << 48 | process << 24 | thread
}

fn kernel(start: i64, end: i64, stream: i64) -> String {
    let pid = global(4242, 0);
    format!(
        "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({start}, {end}, 0, 1, {stream}, 9, {pid}, 1, 2);"
    )
}

fn copy(start: i64, end: i64) -> String {
    let pid = global(4242, 0);
    format!(
        "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES ({start}, {end}, 1, 1, 7, 9, {pid}, 65536, 1);"
    )
}

fn range(start: i64, end: &str, text: &str) -> String {
    let tid = global(4242, 4243);
    format!("INSERT INTO NVTX_EVENTS VALUES ({start}, {end}, 59, {text}, {tid});")
}

/// An export with a kernel in the middle of the recording.
pub(crate) fn export(scene: &Scene, more: &str) -> String {
    let at = told(scene.migrations()[9].time_ns);
    head("testbed", session()) + &kernel(at, at + 1000, 7) + more
}

#[test]
fn kernels_lie_at_the_moment_at_which_they_ran() {
    let scene = Scene::new();
    let [tenth, last] = [&scene.migrations()[9], &scene.migrations()[299]];
    let more = [
        // In the very middle of a migration, and behind the last.
        copy(told(tenth.time_ns) + 1, told(tenth.end_ns()) - 1),
        kernel(told(last.end_ns()) + 5, told(last.end_ns()) + 10, 8),
    ];
    scene.sqlite(&export(&scene, &more.concat()));
    let (played, said) = scene.merged(&[]);
    assert!(said.contains("3 rows of the trace stand beside"), "{said}");
    assert!(said.contains("by the wall clock"), "{said}");

    let kernels = played.of_category("kernel");
    assert_eq!(kernels.len(), 2);
    assert_eq!(
        (kernels[0].began, kernels[0].ended),
        (tenth.time_ns, tenth.time_ns + 1000)
    );
    assert_eq!(kernels[0].name, "void gemm<float, 128>(float*)");
    assert_eq!(kernels[1].began, last.end_ns() + 5);
    let track = played.track(kernels[0]);
    assert_eq!(track.name.as_deref(), Some("GPU 0, stream 7"));
    assert_eq!(played.above(kernels[0]).process.unwrap().pid, 4242);

    let copies = played.of_category("memcpy");
    assert_eq!(
        (copies.len(), copies[0].name.as_str()),
        (1, "Host-to-Device")
    );
    assert_eq!(
        (copies[0].began, copies[0].ended),
        (tenth.time_ns + 1, tenth.end_ns() - 1)
    );
    // All that the recording has is there as well, at its own times.
    let migrations = played.of_category("migration");
    let whole = migrations.iter().filter(|slice| slice.name == "migration");
    let mut began: Vec<_> = scene.migrations().iter().map(|it| it.time_ns).collect();
    began.sort_unstable();
    assert_eq!(whole.map(|slice| slice.began).collect::<Vec<_>>(), began);
}

#[test]
fn what_overlaps_has_tracks_of_one_name() {
    let scene = Scene::new();
    let at = told(scene.migrations()[20].time_ns);
    let more = [
        kernel(at + 100, at + 300, 9),
        kernel(at + 200, at + 400, 9),
        kernel(at + 400, at + 400, 9),
        kernel(at + 300, at + 500, 9),
        range(at, &format!("{}", at + 900), "NULL, 3"),
        range(at, &format!("{}", at + 100), "'step', NULL"),
        range(at + 100, &format!("{}", at + 900), "'step', NULL"),
        // A mark, which has no end.
        range(at + 50, "NULL", "'mark', NULL"),
    ];
    scene.sqlite(&export(&scene, &more.concat()));
    let (played, _) = scene.merged(&[]);
    let kernels = played.of_category("kernel");
    let base = scene.migrations()[20].time_ns;
    let times = |name: &str| -> Vec<_> {
        let of = kernels
            .iter()
            .filter(|it| played.track(it).name.as_deref() == Some(name));
        of.map(|it| (it.began - base, it.ended - base, it.depth))
            .collect()
    };
    let expected = [(100, 300, 0), (200, 400, 0), (300, 500, 0), (400, 400, 1)];
    assert_eq!(times("GPU 0, stream 9"), expected);
    let tracks = |at: usize| kernels[at + 1].track;
    assert_ne!(tracks(0), tracks(1));
    assert_eq!(tracks(0), tracks(2));

    let ranges = played.of_category("nvtx");
    let told: Vec<_> = ranges
        .iter()
        .map(|it| (it.name.as_str(), it.depth, it.ended - it.began))
        .collect();
    assert_eq!(
        told,
        [("epoch", 0, 900), ("step", 1, 100), ("step", 1, 800)]
    );
    let thread = played.above(ranges[0]).thread.unwrap();
    assert_eq!((thread.pid, thread.tid), (4242, 4243));
}

#[test]
fn rows_without_times_are_counted() {
    let scene = Scene::new();
    let at = told(scene.migrations()[9].time_ns);
    let more = format!(
        "{}{}INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ('soon', 5, 0, 1, 7, 9, NULL, 1, 2);",
        kernel(at, at - 1, 7),
        kernel(i64::MIN, i64::MAX, 7)
    );
    scene.sqlite(&export(&scene, &more));
    let (played, said) = scene.merged(&[]);
    assert_eq!(played.of_category("kernel").len(), 1);
    assert!(said.contains("3 rows are left out"), "{said}");
    assert!(said.contains("1 row of the trace"), "{said}");
}

#[test]
fn other_machines_are_refused_unless_they_are_the_same() {
    let scene = Scene::new();
    let at = told(scene.migrations()[9].time_ns);
    scene.sqlite(&(head("7f3c0d9e", session()) + &kernel(at, at + 5, 7)));
    scene.refused(&[
        "of the machine 7f3c0d9e",
        "the recording of testbed",
        "--same-machine",
    ]);
    let (played, _) = scene.merged(&["--same-machine"]);
    assert_eq!(played.of_category("kernel").len(), 1);
}

#[test]
fn other_times_are_refused() {
    let scene = Scene::new();
    let (first, last) = (&scene.migrations()[0], &scene.migrations()[299]);
    let of = |at: i64| head("testbed", session()) + &kernel(at, at + 5, 7);
    scene.sqlite(&of(told(facts().started_ns.unwrap()) - 1_000_000_000));
    scene.refused(&["ended 1.00 s before the recording began", "on one machine"]);
    scene.sqlite(&of(told(last.end_ns()) + 3_000_000_000));
    scene.refused(&["after the recording had ended"]);
    // Before the machine was started at all.
    scene.sqlite(&of(told(first.time_ns) - 3_600_000_000_000));
    scene.refused(&["before the machine of the recording was started"]);
}

#[test]
fn what_does_not_say_its_time_is_refused() {
    let scene = Scene::new();
    let export = export(&scene, "");
    let without = |sql: &str| scene.sqlite(&format!("{export}{sql}"));
    without("DROP TABLE TARGET_INFO_SESSION_START_TIME;");
    scene.refused(&["does not say when its session began", "nsys export"]);
    without("DELETE FROM TARGET_INFO_SESSION_START_TIME;");
    scene.refused(&["does not say when its session began"]);
    without("INSERT INTO TARGET_INFO_SESSION_START_TIME VALUES (5, '', '', 5);");
    scene.refused(&["began at several times"]);
    without("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN streamId;");
    scene.refused(&["CUPTI_ACTIVITY_KIND_KERNEL has no column streamId"]);
    without("DELETE FROM CUPTI_ACTIVITY_KIND_KERNEL;");
    scene.refused(&["it has no kernel and no copy"]);
    let unknown = Facts {
        started_unix_ns: None,
        ..facts()
    };
    let scene = Scene::of(&unknown);
    scene.sqlite(&export);
    scene.refused(&["does not say what time that was when it began"]);
}

#[test]
fn tables_of_others_are_refused() {
    let scene = Scene::new();
    scene.sqlite("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('x');");
    scene.refused(&["no table of Nsight Systems", "rocprofv3"]);
    // A view is none of its tables, and is not run.
    scene.sqlite("CREATE VIEW CUPTI_ACTIVITY_KIND_KERNEL AS SELECT 1 AS start;");
    scene.refused(&["no table of Nsight Systems"]);
}

#[test]
fn an_output_is_no_input() {
    let scene = Scene::new();
    scene.sqlite(&export(&scene, ""));
    let before = fs::read(scene.path("trace")).unwrap();
    let [recording, trace] = ["run.arrow", "trace"].map(|name| scene.text(name));
    for output in [&recording, &trace] {
        let words = ["merge", &recording, &trace, "--force", "-o", output];
        assert_refused(&run(&words), &["is the same file as", "would be lost"]);
    }
    assert_eq!(fs::read(trace).unwrap(), before);
}
