//! Files in and out: several that are one recording, and none that is lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use migscope::recording::Writer;
use migscope::trace::{Batch, Facts};
use migscope_testkit::{Synthetic, facts, recording};
use program::{assert_refused, file, migscope, run, stderr, stdout};
use serde_json::Value;
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every way to write a file of what is read.
fn ways<'a>(input: &'a str, output: &'a str) -> [Vec<&'a str>; 2] {
    [
        vec!["export", input, "-f", "json", "-o", output],
        vec!["report", input, "--html", output],
    ]
}

#[test]
fn no_output_is_its_input() {
    let bytes = recording(1, 2, 10).0;
    let (folder, path) = file(&bytes);
    let link = folder.path().join("link.arrow");
    std::os::unix::fs::symlink("run.arrow", &link).unwrap();
    let hard = folder.path().join("hard.arrow");
    fs::hard_link(&path, &hard).unwrap();
    let around = folder.path().join(".").join("run.arrow");
    for output in [&path, &link, &hard, &around] {
        for mut way in ways(text(&path), text(output)) {
            assert_refused(&run(&way), &["is the same file as", "would be lost"]);
            way.push("--force");
            assert_refused(&run(&way), &["is the same file as", "would be lost"]);
        }
    }
    let mut from_stdin = migscope(&["export", "-", "-f", "json", "--force", "-o", text(&path)]);
    from_stdin.stdin(File::open(&path).unwrap());
    assert_refused(
        &from_stdin.output().unwrap(),
        &["standard input, which is read"],
    );
    // The shell's `>>`.
    let mut appended = migscope(&["export", text(&path), "-f", "json"]);
    let to = OpenOptions::new().append(true).open(&path).unwrap();
    let output = appended.stdout(to).stderr(Stdio::piped()).output().unwrap();
    assert_refused(&output, &["standard output is the same file as"]);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::read(&hard).unwrap(), bytes);
    assert!(link.symlink_metadata().unwrap().is_symlink());
}

/// Nobody takes what is written for all, or for nothing.
#[test]
fn an_export_says_what_it_does_not_have() {
    let data = |name: &str| format!("{}/tests/data/{name}.arrow", env!("CARGO_MANIFEST_DIR"));
    let export = |name: &str, format: &str| {
        let output = run(&["export", "-f", format, &data(name)]);
        assert_eq!(output.status.code(), Some(0));
        (stdout(&output).to_owned(), stderr(&output).to_owned())
    };
    for format in ["json", "csv", "hgrm"] {
        let (_, said) = export("totals-only", format);
        assert!(
            said.contains("nothing to export of 6,180 migrations"),
            "{said}"
        );
        let (_, said) = export("sampled", format);
        assert!(said.contains("3,960 of 4,400 migrations were not to be recorded"));
        let (_, said) = export("lossy", format);
        assert!(said.contains("19,752 migrations were lost while recording, and not exported"));
        assert_eq!(export("mixed", format).1, "");
    }
    let (names, _) = export("totals-only", "csv");
    assert!(names.starts_with("time_ns,pid,") && names.lines().count() == 1);
    // The kernel counted all 20,000.
    let (text, said) = export("lossy", "openmetrics");
    assert!(
        said.contains("counted in what is from the kernel's totals"),
        "{said}"
    );
    assert!(!said.contains("not exported"), "{said}");
    let all = text
        .lines()
        .filter(|line| line.starts_with("migscope_migrations_total{"));
    let all = all.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(all.sum::<u64>(), 20_000);
    assert_eq!(export("totals-only", "openmetrics").1, "");
}

#[test]
fn waits_are_exported_in_place_of_migrations_where_they_are_asked_for() {
    let mut synthetic = Synthetic::new(8).with_totals().with_waits();
    let batches = [synthetic.batch(60), synthetic.batch(30)];
    let waits = || batches.iter().flat_map(|batch| &batch.waits);
    let (_folder, path) = file(&migscope_testkit::written(&batches));
    let export =
        |arguments: &[&str]| run(&[&["export", text(&path), "-f"][..], arguments].concat());
    for (format, names) in [("json", 0), ("csv", 1)] {
        let output = export(&[format, "--event", "wait"]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        assert_eq!(stdout(&output).lines().count(), waits().count() + names);
        assert!(stdout(&output).contains("before_setup_ns"));
        let output = export(&[format]);
        assert_eq!(stdout(&output).lines().count(), 90 + names);
    }
    let of_one = waits().filter(|wait| wait.pid == Some(1201)).count();
    let output = export(&["json", "--event", "wait", "--pid", "1201"]);
    assert_eq!(stdout(&output).lines().count(), of_one);
    let output = export(&["json", "--event", "wait", "--direction", "to_device"]);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("what only migrations have"));

    for format in ["hlog", "hgrm", "perfetto", "openmetrics"] {
        let refused = export(&[format, "--event", "wait"]);
        assert_refused(&refused, &["--event wait goes with", format]);
    }
    let old = format!("{}/tests/data/mixed.arrow", env!("CARGO_MANIFEST_DIR"));
    let output = run(&["export", "-f", "json", "--event", "wait", &old]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ""));
    assert!(stderr(&output).contains("no waits in this recording"));
}

/// In older recordings, which did not look for it, the kind of memory is unknown, in every format.
#[test]
fn memory_of_an_unknown_kind_is_null() {
    let mixed = format!("{}/tests/data/mixed.arrow", env!("CARGO_MANIFEST_DIR"));
    let output = run(&["export", "-f", "json", &mixed]);
    let lines = stdout(&output).lines();
    let mut arrived = 0;
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap();
        let moved = line["moved"].as_u64().unwrap() > 0;
        arrived += usize::from(moved);
        assert_eq!(line["from_system_pages"].is_null(), moved, "{line}");
        let owner = line["pgmap_owner"].as_str();
        assert!(owner.is_none_or(|owner| owner.starts_with("0x")), "{line}");
    }
    assert!(arrived > 1000, "{arrived}");
}

#[test]
fn a_file_is_replaced_only_where_that_is_said() {
    let (folder, path) = file(&recording(2, 2, 10).0);
    let out = folder.path().join("out");
    for mut way in ways(text(&path), text(&out)) {
        fs::write(&out, "precious").unwrap();
        assert_refused(&run(&way), &[text(&out), "exists already", "--force"]);
        assert_eq!(fs::read_to_string(&out).unwrap(), "precious");
        way.push("--force");
        let output = run(&way);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(fs::metadata(&out).unwrap().len() > 100);
    }
    fs::write(&out, "precious").unwrap();
    let recorded = run(&["record", "-o", text(&out)]);
    assert_refused(&recorded, &[text(&out), "exists already", "--force"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), "precious");
}

#[test]
fn what_holds_no_data_is_written_as_it_is() {
    let (folder, path) = file(&recording(3, 2, 10).0);
    for way in ways(text(&path), "/dev/null") {
        assert_eq!(run(&way).status.code(), Some(0));
    }
    let piped = run(&["export", text(&path), "-f", "json", "-o", "/dev/stdout"]);
    assert_eq!(stdout(&piped).lines().count(), 20);
    let out = folder.path().join("out");
    fs::write(&out, "before\n").unwrap();
    let mut appended = migscope(&["export", text(&path), "-f", "json", "-o", "/dev/stdout"]);
    let to = OpenOptions::new().append(true).open(&out).unwrap();
    assert!(appended.stdout(to).status().unwrap().success());
    let lines = fs::read_to_string(&out).unwrap();
    assert!(lines.starts_with("before\n{") && lines.lines().count() == 21);
}

/// The files of a rotation, in one folder, and what one file would have held.
struct Rotated {
    _folder: TempDir,
    whole: PathBuf,
    files: Vec<PathBuf>,
}

fn written(facts: &Facts, batches: &[Batch]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), facts).unwrap();
    batches
        .iter()
        .for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap()
}

/// What is different in a file.
type Change = fn(&mut Facts);

/// As many files of three batches each as there are `facts`, which say what is different in them.
fn rotated(change: &[Change]) -> Rotated {
    let mut synthetic = Synthetic::new(7).with_totals();
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    let mut files = Vec::new();
    let mut before = synthetic.status();
    for (at, change) in change.iter().enumerate() {
        let batches: Vec<_> = (0..3).map(|_| synthetic.batch(40)).collect();
        let mut facts = Facts {
            started_ns: Some(before.time_ns),
            ..facts()
        };
        change(&mut facts);
        let since = batches.iter().cloned().map(|mut batch| {
            batch.status = batch.status.map(|status| status.since(&before));
            batch
        });
        let path = folder.path().join(format!("run-{at}.arrow"));
        fs::write(&path, written(&facts, &since.collect::<Vec<_>>())).unwrap();
        files.push(path);
        before = synthetic.status();
        all.extend(batches);
    }
    let whole = folder.path().join("whole.arrow");
    fs::write(&whole, written(&facts(), &all)).unwrap();
    Rotated {
        _folder: folder,
        whole,
        files,
    }
}

fn json(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = run(arguments);
    let page = serde_json::from_str(stdout(&output));
    (
        output.status.code(),
        page.unwrap_or_else(|_| panic!("{}", stderr(&output))),
    )
}

/// Without what tells of the files themselves.
fn figures(mut page: Value) -> Value {
    page.as_object_mut().unwrap().remove("recordings").unwrap();
    page
}

#[test]
fn files_of_a_rotation_are_one_recording_in_any_order_and_behind_each_other() {
    let rotated = rotated(&[|_| (), |_| (), |_| ()]);
    let expected = figures(json(&["report", "--json", text(&rotated.whole)]).1);
    assert_eq!(expected["migrations"], 360);
    let [a, b, c] = [0, 1, 2].map(|at| text(&rotated.files[at]));
    let (status, page) = json(&["report", "--json", c, a, b]);
    assert_eq!((status, &page["notes"]), (Some(0), &Value::Array(vec![])));
    let of: Vec<_> = page["recordings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["input"].clone())
        .collect();
    assert_eq!(of, [a, b, c]);
    assert_eq!(figures(page), expected);

    let behind: Vec<u8> = [a, b, c]
        .into_iter()
        .flat_map(|path| fs::read(path).unwrap())
        .collect();
    let (_folder, behind) = file(&behind);
    let (status, page) = json(&["report", "--json", text(&behind)]);
    assert_eq!((status, figures(page)), (Some(0), expected.clone()));
    let mut piped = migscope(&["report", "--json", "-"]);
    let piped = piped.stdin(File::open(&behind).unwrap()).output().unwrap();
    assert_eq!(
        figures(serde_json::from_slice(&piped.stdout).unwrap()),
        expected
    );

    let whole = run(&["export", "-f", "csv", text(&rotated.whole)]);
    let parts = run(&["export", "-f", "csv", b, a, c]);
    assert_eq!(stdout(&parts), stdout(&whole));
}

/// They would say how much runs vary, and are none.
#[test]
fn files_of_a_rotation_are_one_run_of_a_comparison() {
    let rotated = rotated(&[|_| (), |_| (), |_| ()]);
    let [a, b, c] = [0, 1, 2].map(|at| text(&rotated.files[at]));
    let whole = text(&rotated.whole);
    let (_, page) = json(&["diff", "--json", "--base", b, a, c, "--new", whole]);
    assert_eq!(page["base"]["runs"], 1);
    assert_eq!(page["base"]["units"], page["new"]["units"]);
    let (_, page) = json(&["diff", "--json", "--base", a, c, "--new", whole]);
    assert_eq!(page["base"]["runs"], 2, "one is missing between them");
}

#[test]
fn what_is_not_one_recording_is_not_added_up() {
    let changes: [(Change, &str); 4] = [
        (
            |facts| facts.boot_id = Some("other".to_owned()),
            "of another boot",
        ),
        (
            |facts| facts.filter = Some("--pid 7".to_owned()),
            "its filter is another",
        ),
        (|facts| facts.record_every = 4, "its sampling is another"),
        (
            |facts| facts.attached = Some("kprobe".to_owned()),
            "way to watch",
        ),
    ];
    for (change, why) in changes {
        let rotated = rotated(&[|_| (), change]);
        let [a, b] = [0, 1].map(|at| text(&rotated.files[at]));
        assert_refused(&run(&["report", a, b]), &[a, b, why, "migscope diff"]);
        let behind = [fs::read(a).unwrap(), fs::read(b).unwrap()].concat();
        let (_folder, behind) = file(&behind);
        let (status, page) = json(&["report", "--json", text(&behind)]);
        assert_eq!(
            (status, &page["migrations"]),
            (Some(2), &120.into()),
            "{why}"
        );
        assert_eq!(page["recordings"][1]["ending"], "left_out");
        let note = page["notes"][0].as_str().unwrap();
        assert!(note.contains(why) && note.contains("left out"), "{note}");
    }
    let rotated = rotated(&[|_| (), |_| ()]);
    let a = text(&rotated.files[0]);
    assert_refused(&run(&["report", a, a]), &["hold the same"]);
    // The whole has what the file has, too.
    let b = text(&rotated.files[1]);
    let twice = run(&["report", text(&rotated.whole), b]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(
        stdout(&twice).contains("would count twice"),
        "{}",
        stdout(&twice)
    );
}

#[test]
fn a_gap_between_recordings_is_told() {
    let later: Change = |facts| facts.started_ns = facts.started_ns.map(|ns| ns + 9_000_000);
    let rotated = rotated(&[|_| (), later]);
    let [a, b] = [0, 1].map(|at| text(&rotated.files[at]));
    let (status, page) = json(&["report", "--json", a, b]);
    assert_eq!(
        (status, &page["recordings"][1]["gap_ns"]),
        (Some(0), &9_000_000.into())
    );
    assert!(
        page["notes"][0]
            .as_str()
            .unwrap()
            .contains("nothing was recorded for")
    );
}

/// What is missing is said in every form of the report, and not only beside it.
#[test]
fn trailing_bytes_are_told_in_the_output_itself() {
    let whole = recording(8, 3, 10).0;
    let rest = recording(9, 3, 10).0;
    let cases = [
        (
            [&whole[..], b"12 bytes more"].concat(),
            30,
            "bytes behind the recording's end",
            2,
        ),
        (
            whole[..whole.len() - 100].to_vec(),
            20,
            "bytes of a last batch that is not whole",
            0,
        ),
        (whole[..whole.len() - 8].to_vec(), 30, "has no end mark", 0),
        (
            [&whole[..], &rest[..40]].concat(),
            30,
            "40 bytes of a last batch",
            0,
        ),
    ];
    for (bytes, migrations, words, status) in cases {
        let (folder, path) = file(&bytes);
        let (code, page) = json(&["report", "--json", text(&path)]);
        assert_eq!(
            (code, &page["migrations"]),
            (Some(status), &migrations.into())
        );
        let notes = page["notes"].as_array().unwrap();
        assert!(
            notes.len() == 1 && notes[0].as_str().unwrap().contains(words),
            "{notes:?}"
        );
        let page = run(&["report", text(&path)]);
        let unwrapped = stdout(&page)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(unwrapped.contains(words), "{unwrapped}");
        assert!(stderr(&page).contains(words), "{}", stderr(&page));
        let html = folder.path().join("page.html");
        run(&["report", text(&path), "--html", text(&html)]);
        let words = words.replace('\'', "&#39;");
        let html = fs::read_to_string(&html)
            .unwrap()
            .replace("&#x27;", "&#39;");
        assert!(html.contains(&words) || html.contains(&words.replace("&#39;", "'")));
    }
}

/// A named pipe, which nobody has open.
fn pipe_in(folder: &TempDir) -> PathBuf {
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

/// A pipe without a reader keeps nobody from ending.
#[test]
fn a_pipe_waits_for_its_reader_and_says_so() {
    let (folder, path) = file(&recording(4, 1, 5).0);
    let pipe = pipe_in(&folder);
    let mut export = migscope(&["export", text(&path), "-f", "json", "-o", text(&pipe)]);
    let mut export = export.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(export.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for a reader at"), "{line}");
    let read = fs::read_to_string(&pipe).unwrap();
    assert!(export.wait().unwrap().success());
    assert_eq!(read.lines().count(), 5);
}

/// Tracing may be impossible here, but whether the output can be one is told before.
#[test]
fn a_recorder_without_a_reader_ends_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = pipe_in(&folder);
    let mut recorder = migscope(&["record", "-o", text(&pipe)]);
    let mut recorder = recorder.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(recorder.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for a reader at"), "{line}");
    let pid = recorder.id().to_string();
    let asked = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(asked.success() && recorder.wait().unwrap().success());
}

#[test]
fn what_would_do_harm_is_no_output() {
    let (_folder, path) = file(&recording(5, 1, 5).0);
    for mut way in ways(text(&path), "/dev/ptmx") {
        assert_refused(&run(&way), &["/dev/ptmx", "neither a terminal", "redirect"]);
        way.push("--force");
        assert_refused(&run(&way), &["/dev/ptmx", "neither a terminal"]);
    }
    assert_refused(
        &run(&["record", "-o", "/dev/ptmx"]),
        &["neither a terminal"],
    );
}
