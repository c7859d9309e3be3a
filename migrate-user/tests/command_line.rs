//! The program itself, as people and scripts call it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use migscope_testkit::{Synthetic, recording, written};
use program::{assert_refused, file, migscope, run, stderr, stdout};

#[test]
fn an_empty_filter_is_no_filter_and_is_refused() {
    for command in [
        "record", "live", "serve", "replay x", "report x", "diff x y",
    ] {
        for option in ["--comm", "--cgroup", "--driver"] {
            let words: Vec<_> = command.split(' ').chain([option, ""]).collect();
            let refused = run(&words);
            let said = stderr(&refused);
            assert_eq!(refused.status.code(), Some(2), "{command} {option}: {said}");
            assert!(
                said.contains(option) && said.contains("leave the option out"),
                "{command} {option}: {said}"
            );
        }
    }
}

/// The probes compare one value; a recording can be asked everything.
#[test]
fn what_the_probes_cannot_ask_is_refused_before_anything_is_done() {
    for (option, word) in [
        ("--pid=7,8", "--pid"),
        ("--tid=7", "--tid"),
        ("--address=0x1000", "--address"),
        ("--time=1s..2s", "--time"),
        ("--errno=22", "--errno"),
    ] {
        for command in ["record", "live", "serve"] {
            let says = [word, "while tracing", "report, export, diff and replay"];
            assert_refused(&run(&[command, option]), &says);
        }
    }
    assert_refused(
        &run(&["record", "--pid", "7", "--pid", "8"]),
        &["one value only"],
    );
}

/// Every command chooses the same from a recording, and says what.
#[test]
fn a_recording_is_chosen_from_in_the_same_words_everywhere() {
    let (bytes, batches) = recording(3, 4, 200);
    let (_folder, path) = file(&bytes);
    let path = path.to_str().unwrap();
    let words = ["--pid", "1200,1201", "--min-pages=64"];
    let all = batches.iter().flat_map(|batch| &batch.migrations);
    let is_one = |pid: Option<u32>| matches!(pid, Some(1200 | 1201));
    let expected = all
        .filter(|m| is_one(m.pid) && m.ledger.requested >= 64)
        .count();
    let with = |command: &[&str]| run(&[command, &words, &[path]].concat());
    let report = with(&["report", "--json"]);
    let json: serde_json::Value = serde_json::from_str(stdout(&report)).unwrap();
    assert_eq!(json["migrations"], expected);
    assert_eq!(json["coverage"]["chosen"], "pid=1200,1201 min-pages=64");
    let text = with(&["report"]);
    assert!(
        stdout(&text).contains("only pid=1200,1201 min-pages=64"),
        "{}",
        stdout(&text)
    );
    let export = with(&["export", "-f", "json"]);
    assert_eq!(stdout(&export).lines().count(), expected);
    let metrics = with(&["export", "-f", "openmetrics"]);
    assert!(stdout(&metrics).contains("filter=\"pid=1200,1201 min-pages=64\""));
    let diff = run(&[&["diff"], &words[..], &[path, path]].concat());
    let said = stdout(&diff);
    let number = format!("{path}: {expected} migrations");
    assert!(said.contains("Only  pid=1200,1201 min-pages=64"), "{said}");
    assert!(
        said.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(&number),
        "{said}"
    );
}

/// What is chosen by time is a recording of that time.
#[test]
fn a_part_of_the_time_is_a_shorter_recording() {
    let (_folder, path) = file(&recording(3, 4, 500).0);
    let path = path.to_str().unwrap();
    let json = |arguments: &[&str]| -> serde_json::Value {
        let output = run(&[&["report", "--json"], arguments, &[path]].concat());
        serde_json::from_str(stdout(&output)).unwrap()
    };
    let (all, first, rest) = (
        json(&[]),
        json(&["--time=..200ms"]),
        json(&["--time=200ms.."]),
    );
    let migrations = |report: &serde_json::Value| report["migrations"].as_u64().unwrap();
    assert_eq!(migrations(&first) + migrations(&rest), migrations(&all));
    assert_eq!(first["elapsed_ns"], 200_000_000);
    let rate = first["rates"]["both"]["calls_per_second"].as_f64().unwrap();
    assert!(
        (rate - migrations(&first) as f64 * 5.0).abs() < 1e-6,
        "{rate}"
    );
}

/// Of 20,000 migrations 248 left a record, and the kernel's totals know of no process.
#[test]
fn a_filter_says_of_how_many_records_it_chooses() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lossy.arrow");
    let report = run(&["report", "--pid", "53", path]);
    let said = stdout(&report);
    assert!(
        said.contains("248 of 20,000 recorded, before the filter"),
        "{said}"
    );
    assert!(!said.contains("neither here nor among the lost"), "{said}");
    let json = run(&["report", "--json", "--pid", "53", path]);
    let json: serde_json::Value = serde_json::from_str(stdout(&json)).unwrap();
    assert_eq!(
        (&json["coverage"]["from"], &json["coverage"]["recorded"]),
        (&"records".into(), &248.into())
    );
}

#[test]
fn names_that_a_recording_does_not_have_are_told() {
    let (_folder, path) = file(&recording(3, 1, 200).0);
    let path = path.to_str().unwrap();
    let report = run(&["report", "--driver", "amdgpu", path]);
    assert!(report.status.success());
    assert!(stdout(&report).contains("The filter lets no migration through"));
    let said = stderr(&report);
    assert!(
        said.contains("no migration has driver=amdgpu; there is migrate_test"),
        "{said}"
    );
    let long = run(&["report", "--comm", "a-name-of-over-15-bytes", path]);
    assert!(
        stderr(&long).contains("the kernel keeps 15 bytes"),
        "{}",
        stderr(&long)
    );
    let slashless = run(&["report", "--cgroup", "user.slice/job", path]);
    assert_eq!(slashless.status.code(), Some(2));
    assert!(
        stderr(&slashless).contains("/user.slice/job"),
        "{}",
        stderr(&slashless)
    );
    let none = run(&["diff", "--comm", "nobody", path, path]);
    assert!(
        stderr(&none).contains("no migration that comm=nobody lets through"),
        "{}",
        stderr(&none)
    );
}

#[test]
fn what_is_no_recording_is_refused_by_name() {
    let (_folder, path) = file(b"time,pages\n1,2\n");
    let path = path.to_str().unwrap();
    let expected = [
        path,
        "is not a migscope recording",
        "Expected an Arrow IPC stream",
    ];
    assert_refused(&run(&["report", path]), &expected);
    assert_refused(&run(&["export", path, "--format", "json"]), &expected);
    assert_refused(&run(&["report", "-"]), &["standard input", "it is empty"]);
    assert_refused(
        &run(&["report", "/nowhere/x"]),
        &["cannot open /nowhere/x", "No such file"],
    );
    assert_refused(
        &run(&["report", "unix:/nowhere/x"]),
        &["cannot open /nowhere/x"],
    );
}

#[test]
fn a_dashboard_without_terminal_says_what_to_do_instead() {
    let (_folder, path) = file(&recording(1, 1, 1).0);
    for arguments in [&["replay", path.to_str().unwrap()][..], &["live"], &[]] {
        assert_refused(
            &run(arguments),
            &["not a terminal", "migscope report", "migscope record"],
        );
    }
}

#[test]
fn bad_arguments_name_the_good_ones() {
    let output = run(&["export", "x", "--format", "xml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("json, csv"), "{}", stderr(&output));
    let output = run(&["record", "--duration", "never"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("a number of seconds above 0"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_version_is_told() {
    for option in ["--version", "-V"] {
        let output = run(&[option]);
        assert!(output.status.success(), "{option}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.starts_with("migscope "), "{said}");
    }
}

#[test]
fn help_teaches_with_examples() {
    for arguments in [
        &["--help"][..],
        &["record", "--help"],
        &["stat", "--help"],
        &["replay", "--help"],
        &["report", "--help"],
        &["export", "--help"],
        &["merge", "--help"],
        &["serve", "--help"],
        &["doctor", "--help"],
        &["man", "--help"],
        &["completions", "--help"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("Examples:"), "{arguments:?}");
    }
    let mut page = run(&["--help"]);
    insta::assert_snapshot!(String::from_utf8(std::mem::take(&mut page.stdout)).unwrap());
}

#[test]
fn labels_that_would_be_two_are_refused() {
    let (_folder, path) = file(&recording(1, 1, 5).0);
    let path = path.to_str().unwrap();
    let serve = |labels: &[&str]| run(&[&["serve", path], labels].concat());
    let twice = serve(&["--label", "node=a", "--label", "node=b"]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(stderr(&twice).contains("--label node is there twice"));
    let own = serve(&["--label", "pid=7"]);
    assert_eq!(own.status.code(), Some(2));
    assert!(stderr(&own).contains("have a label pid of their own"));
}

#[test]
fn metrics_of_a_recording_are_one_file() {
    let (_folder, path) = file(&recording(1, 2, 50).0);
    let output = run(&["export", path.to_str().unwrap(), "--format", "openmetrics"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let migrations = stdout(&output)
        .lines()
        .filter(|line| line.starts_with("migscope_migrations_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(migrations.sum::<u64>(), 100);
    assert!(stdout(&output).ends_with("# EOF\n"));
}

/// Every shell's script is taken by the shell, where there is one.
#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.status.code(), Some(0));
        for word in ["record", "--totals-only", "serve"] {
            assert!(
                stdout(&script).contains(word.trim_start_matches('-')),
                "{shell}: {word}"
            );
        }
        let (_folder, path) = file(&script.stdout);
        if let Ok(checked) = Command::new(shell).arg("-n").arg(path).output() {
            assert!(checked.status.success(), "{shell}: {}", stderr(&checked));
        }
    }
}

#[test]
fn pages_of_commands_are_printed_one_by_one() {
    assert!(stdout(&run(&["man"])).contains("migscope\\-record(1)"));
    assert!(stdout(&run(&["man", "record"])).contains("\\-\\-duration"));
    assert_refused(&run(&["man", "play"]), &["no command play", "record, stat"]);
}

#[test]
fn the_doctors_verdict_is_its_exit_status() {
    let output = run(&["doctor", "--json"]);
    let page: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    let status = match page["verdict"].as_str().unwrap() {
        "good" | "limited" => 0,
        "missing" => 1,
        "unknown" => 2,
        other => panic!("no verdict: {other}"),
    };
    assert_eq!(output.status.code(), Some(status));
    let checks = page["checks"].as_array().unwrap();
    assert_eq!(checks.last().unwrap()["name"], "attaching");

    let output = run(&["doctor"]);
    assert_eq!(output.status.code(), Some(status));
    assert!(!stdout(&output).contains('\x1b'), "a pipe gets no colours");
    for check in checks {
        let name = check["name"].as_str().unwrap();
        assert!(stdout(&output).contains(&format!(" {name}: ")), "{name}");
    }
}

#[test]
fn reports_what_was_recorded() {
    let (bytes, batches) = recording(1, 10, 30);
    let (_folder, path) = file(&bytes);
    let output = run(&["report", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    assert!(!stdout(&output).contains('\x1b'), "a pipe gets no colours");

    let output = run(&["report", "--json", path.to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        (&report["migrations"], &report["unaccounted"]),
        (&300.into(), &0.into())
    );
    let moved: u64 = batches
        .iter()
        .flat_map(|batch| &batch.migrations)
        .map(|m| m.ledger.moved)
        .sum();
    assert_eq!(report["ledger"]["moved"], moved);
}

#[test]
fn reads_standard_input_and_sockets() {
    let (bytes, _) = recording(2, 3, 10);
    let mut child = migscope(&["report", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let from_pipe = child.wait_with_output().unwrap();
    assert_eq!(from_pipe.status.code(), Some(0));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(&bytes));
    let from_socket = run(&["report", &format!("unix:{}", path.display())]);
    server.join().unwrap().unwrap();
    let figures = |output: &Output| {
        stdout(output)
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(figures(&from_pipe), figures(&from_socket));
}

#[test]
fn a_cut_recording_is_read_up_to_its_last_whole_batch() {
    let (bytes, _) = recording(3, 4, 10);
    let (_folder, path) = file(&bytes[..bytes.len() - 100]);
    let output = run(&["report", "--json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("no end mark"),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("bytes of a last batch"),
        "{}",
        stderr(&output)
    );
    let report: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(report["migrations"], 30);
}

#[test]
fn a_damaged_recording_is_read_up_to_the_damage_and_is_an_error() {
    let (mut bytes, _) = recording(4, 2, 10);
    let end = bytes.len() - 8;
    bytes.splice(end.., *b"rubbish, rubbish");
    let (_folder, path) = file(&bytes);
    let path = path.to_str().unwrap();
    for arguments in [
        &["report", "--json", path][..],
        &["export", path, "-f", "json"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output).contains(&format!("damaged at byte {end}")),
            "{}",
            stderr(&output)
        );
    }
    let output = run(&["export", path, "-f", "json"]);
    assert_eq!(stdout(&output).lines().count(), 20);
}

#[test]
fn exports_json_lines() {
    let (bytes, batches) = recording(5, 5, 20);
    let (folder, path) = file(&bytes);
    let out = folder.path().join("out.json");
    let output = run(&[
        "export",
        path.to_str().unwrap(),
        "-f",
        "json",
        "-o",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = fs::read_to_string(out).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let migrations: Vec<_> = batches.iter().flat_map(|batch| &batch.migrations).collect();
    assert_eq!(lines.len(), migrations.len());
    for (line, migration) in lines.iter().zip(migrations) {
        assert_eq!(line["time_ns"], migration.time_ns);
        assert_eq!(line["outcome"], migration.outcome.name());
        assert_eq!(line["errno"].as_u64(), migration.errno.map(u64::from));
        assert_eq!(line["requested"], migration.ledger.requested);
        assert_eq!(line["finalize_ns"].as_u64(), migration.steps[4]);
    }
}

#[test]
fn a_failed_export_leaves_nothing_behind() {
    let (folder, path) = file(b"nothing of the kind");
    let out = folder.path().join("out.json");
    assert_refused(
        &run(&[
            "export",
            path.to_str().unwrap(),
            "-f",
            "json",
            "-o",
            out.to_str().unwrap(),
        ]),
        &["is not a migscope recording"],
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut synthetic = Synthetic::new(6).with_details();
    let batches: Vec<_> = (0..5).map(|_| synthetic.batch(500)).collect();
    let (_folder, path) = file(&written(&batches));
    let path = path.to_str().unwrap();
    let export = |format| vec!["export", path, "-f", format];
    let formats = [
        "json",
        "csv",
        "parquet",
        "hlog",
        "hgrm",
        "perfetto",
        "folded",
        "flamegraph",
        "openmetrics",
    ];
    let reports = [
        vec!["diff", "--json", path, path],
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["report", path],
        vec!["report", "--json", path],
        vec!["report", "--html", "-", path],
        vec!["diff", path, path],
    ];
    let all: Vec<_> = formats.into_iter().map(export).chain(reports).collect();
    // What the doctor's status is depends on the machine, where it was all told.
    let usual = |arguments: &[&str]| match arguments[0] {
        "doctor" => run(arguments).status.code(),
        _ => Some(0),
    };
    // The other end goes away before it has read anything, or behind the beginning, as `head` does.
    for (arguments, read) in all
        .iter()
        .flat_map(|arguments| [(arguments, 0), (arguments, 10)])
    {
        let mut child = migscope(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = vec![0; read];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut head).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        let status = output.status.code();
        assert!(
            [Some(0), usual(arguments)].contains(&status),
            "{arguments:?}, {read} bytes read: {status:?}"
        );
        assert_eq!(stderr(&output), "", "{arguments:?}, {read} bytes read");
    }
}

#[test]
fn without_a_command_what_is_meant_is_done() {
    let (_folder, path) = file(&recording(7, 2, 20).0);
    let path = path.to_str().unwrap();
    let report = run(&["report", path]);
    assert_eq!(stdout(&run(&[path])), stdout(&report));
    assert_eq!(
        stdout(&run(&["--json", path])),
        stdout(&run(&["report", "--json", path]))
    );
    // It is `live`, which wants a terminal.
    assert_refused(&run(&["--pid", "1"]), &["not a terminal"]);
    assert_refused(
        &run(&["nowhere/run.arrow"]),
        &["cannot open nowhere/run.arrow"],
    );
    let typo = run(&["reprot", path]);
    assert!(stderr(&typo).contains("'report'"), "{}", stderr(&typo));
}

#[test]
fn times_have_units() {
    let (_folder, path) = file(b"there");
    for time in ["5", "0.5", "5s", "500ms", "2m"] {
        // What is wrong is the file, and not the time.
        let output = run(&["record", "--duration", time, "-o", path.to_str().unwrap()]);
        assert_refused(&output, &["exists already"]);
    }
}

/// Nine migrations do not tell what one in a thousand takes.
#[test]
fn no_percentile_is_beyond_what_the_count_carries() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/filter-1.arrow");
    let report = run(&["report", "--json", path]);
    let report: serde_json::Value = serde_json::from_str(stdout(&report)).unwrap();
    let times = &report["total"]["both"];
    assert_eq!(times["count"], 9);
    assert!(times["p50_ns"].is_u64() && times["max_ns"].is_u64());
    for percentile in ["p90_ns", "p99_ns", "p999_ns"] {
        assert!(times[percentile].is_null(), "{percentile}");
        for figure in report["exact"]["figures"].as_array().unwrap() {
            assert!(
                figure[percentile.trim_end_matches("_ns")].is_null(),
                "{figure}"
            );
        }
    }
    let text = run(&["report", path]);
    let setup = stdout(&text)
        .lines()
        .find(|line| line.starts_with("  setup "));
    let cells: Vec<_> = setup.unwrap().split_whitespace().collect();
    assert_eq!(
        cells.iter().filter(|cell| **cell == "–").count(),
        3,
        "{cells:?}"
    );
    let html = run(&["report", "--html", "-", path]);
    let row = stdout(&html).split("<td>setup</td>").nth(1).unwrap();
    let row = row.split("</tr>").next().unwrap();
    assert_eq!(row.matches("<td>–</td>").count(), 3, "{row}");
}
