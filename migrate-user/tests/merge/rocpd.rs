//! Databases of rocprofv3: both layouts of `rocpd_tables.sql`, as far as they are read.

use migscope::trace::Facts;
use migscope_testkit::facts;

use crate::scene::Scene;

/// What both layouts have, with the ending of one process.
fn head(ending: &str, host: &str, release: &str) -> String {
    format!(
        r#"CREATE TABLE "rocpd_metadata{ending}" (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, tag TEXT NOT NULL, value TEXT NOT NULL);
        INSERT INTO "rocpd_metadata{ending}" (tag, value) VALUES ('schema_version', '3');
        CREATE TABLE "rocpd_string{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, guid TEXT, string TEXT NOT NULL UNIQUE);
        INSERT INTO "rocpd_string{ending}" (id, string) VALUES (1, 'MEMORY_COPY_HOST_TO_DEVICE');
        CREATE TABLE "rocpd_info_node{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, machine_id TEXT NOT NULL UNIQUE,
            hostname TEXT, release TEXT);
        INSERT INTO "rocpd_info_node{ending}" (id, machine_id, hostname, release) VALUES (1, 'm', '{host}', '{release}');
        CREATE TABLE "rocpd_info_process{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, nid INTEGER NOT NULL, pid INTEGER NOT NULL);
        INSERT INTO "rocpd_info_process{ending}" VALUES (1, 1, 777);
        CREATE TABLE "rocpd_info_agent{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, type TEXT, type_index INTEGER, name TEXT);
        INSERT INTO "rocpd_info_agent{ending}" VALUES (1, 'CPU', 0, 'cpu'), (2, 'GPU', 3, 'gfx942');
        CREATE TABLE "rocpd_info_queue{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name TEXT);
        INSERT INTO "rocpd_info_queue{ending}" VALUES (5, 'Queue 1');
        CREATE TABLE "rocpd_info_kernel_symbol{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kernel_name TEXT, display_name TEXT);
        INSERT INTO "rocpd_info_kernel_symbol{ending}" VALUES (4, '_Z4axpyf.kd', 'axpy(float)');"#
    )
}

/// Times in the rows.
fn inline(ending: &str, [kernel, copy]: [u64; 2]) -> String {
    format!(
        r#"CREATE TABLE "rocpd_kernel_dispatch{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, nid INTEGER NOT NULL,
            pid INTEGER NOT NULL, tid INTEGER, agent_id INTEGER NOT NULL, kernel_id INTEGER NOT NULL, dispatch_id INTEGER NOT NULL,
            queue_id INTEGER NOT NULL, stream_id INTEGER NOT NULL, start BIGINT NOT NULL, "end" BIGINT NOT NULL);
        INSERT INTO "rocpd_kernel_dispatch{ending}" VALUES (1, 1, 1, 1, 2, 4, 1, 5, 1, {kernel}, {kernel} + 100);
        CREATE TABLE "rocpd_memory_copy{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, nid INTEGER NOT NULL,
            pid INTEGER NOT NULL, tid INTEGER, start BIGINT NOT NULL, "end" BIGINT NOT NULL, name_id INTEGER NOT NULL,
            dst_agent_id INTEGER, src_agent_id INTEGER, size INTEGER NOT NULL);
        INSERT INTO "rocpd_memory_copy{ending}" VALUES (1, 1, 1, 1, {copy}, {copy} + 7, 1, 2, 1, 4096);"#
    )
}

/// Times in a table of their own, and places in another.
fn apart(ending: &str, [kernel, copy]: [u64; 2]) -> String {
    format!(
        r#"CREATE TABLE "rocpd_track{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, nid INTEGER NOT NULL, pid INTEGER, tid INTEGER,
            agent_id INTEGER, queue_id INTEGER, stream_id INTEGER);
        INSERT INTO "rocpd_track{ending}" VALUES (8, 1, 1, 1, 2, 5, 1), (9, 1, 1, 1, NULL, NULL, NULL);
        CREATE TABLE "rocpd_timestamp{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, value BIGINT NOT NULL, phase INTEGER);
        INSERT INTO "rocpd_timestamp{ending}" VALUES (11, {kernel}, 1), (12, {kernel} + 100, 2), (13, {copy}, 1), (14, {copy} + 7, 2);
        CREATE TABLE "rocpd_kernel_dispatch{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, track_id INTEGER NOT NULL,
            kernel_id INTEGER NOT NULL, dispatch_id INTEGER NOT NULL, start_id INTEGER NOT NULL, end_id INTEGER NOT NULL);
        INSERT INTO "rocpd_kernel_dispatch{ending}" VALUES (1, 8, 4, 1, 11, 12);
        CREATE TABLE "rocpd_memory_copy{ending}" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, track_id INTEGER NOT NULL,
            start_id INTEGER NOT NULL, end_id INTEGER NOT NULL, name_id INTEGER NOT NULL, dst_agent_id INTEGER, src_agent_id INTEGER,
            size INTEGER NOT NULL);
        INSERT INTO "rocpd_memory_copy{ending}" VALUES (1, 9, 13, 14, 1, 2, 1, 4096);"#
    )
}

const ENDING: &str = "_0000f2b8_d8a7_7c8e_9a3c";

type Layout = fn(&str, [u64; 2]) -> String;

#[test]
fn kernels_of_both_layouts_lie_at_their_times() {
    for layout in [inline as Layout, apart] {
        let scene = Scene::new();
        let at = [
            scene.migrations()[9].time_ns,
            scene.migrations()[50].time_ns,
        ];
        scene.sqlite(&(head(ENDING, "testbed", "7.2.13") + &layout(ENDING, at)));
        let (played, said) = scene.merged(&[]);
        assert!(said.contains("2 rows of the trace"), "{said}");
        assert!(said.contains("does not say of which boot"), "{said}");
        let kernels = played.of_category("kernel");
        assert_eq!(
            (kernels.len(), kernels[0].name.as_str()),
            (1, "axpy(float)")
        );
        assert_eq!((kernels[0].began, kernels[0].ended), (at[0], at[0] + 100));
        assert_eq!(
            played.track(kernels[0]).name.as_deref(),
            Some("GPU 3, Queue 1")
        );
        assert_eq!(played.above(kernels[0]).process.unwrap().pid, 777);
        let copies = played.of_category("memcpy");
        assert_eq!(copies[0].name, "MEMORY_COPY_HOST_TO_DEVICE");
        assert_eq!((copies[0].began, copies[0].ended), (at[1], at[1] + 7));
        let name = played.track(copies[0]).name.as_deref();
        assert_eq!(name, Some("copies from CPU 0 to GPU 3"));
    }
}

#[test]
fn several_processes_are_read_from_one_file() {
    let scene = Scene::new();
    let at = [
        scene.migrations()[9].time_ns,
        scene.migrations()[50].time_ns,
    ];
    let of = |ending| head(ending, "testbed", "7.2.13") + &inline(ending, at);
    scene.sqlite(&(of("_one") + &of("_two")));
    assert_eq!(scene.merged(&[]).0.of_category("kernel").len(), 2);
}

#[test]
fn what_does_not_fit_is_refused() {
    let scene = Scene::new();
    let time = scene.migrations()[9].time_ns;
    let of = |host, release, time| head(ENDING, host, release) + &inline(ENDING, [time; 2]);
    scene.sqlite(&of("gpu7", "7.2.13", time));
    scene.refused(&["of the machine gpu7", "--same-machine"]);
    assert!(scene.merge(&["--same-machine"]).status.success());
    scene.sqlite(&of("testbed", "6.8.0", time));
    scene.refused(&["made on Linux 6.8.0", "the recording on Linux 7.2.13"]);
    scene.sqlite(&of("testbed", "7.2.13", 5));
    scene.refused(&["before the recording began"]);
    scene.sqlite(&of("testbed", "7.2.13", time * 1000));
    scene.refused(&["after the recording had ended"]);
    let lacking = of("testbed", "7.2.13", time) + &format!("DROP TABLE rocpd_info_queue{ENDING};");
    scene.sqlite(&lacking);
    scene.refused(&["no table rocpd_info_queue", "ROCm 7"]);
    let other = Facts {
        clock: "CLOCK_MONOTONIC".to_owned(),
        ..facts()
    };
    let scene = Scene::of(&other);
    scene.sqlite(&of("testbed", "7.2.13", time));
    scene.refused(&["times are of CLOCK_BOOTTIME", "CLOCK_MONOTONIC"]);
}
