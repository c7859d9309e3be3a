//! Names that others have chosen, on a terminal: whatever the format, nothing in them is a command
//! for it. Files get every byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "what is run has a terminal here")]
#[path = "support/program.rs"]
mod program;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use migscope::recording::Writer;
use migscope::trace::{Batch, Contended, Details, Worker};
use migscope_testkit::{Synthetic, facts};
use program::{migscope, run, stdout};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// Sets a terminal's title, clears its screen by a control of one character, and writes backwards.
const NAME: &str = "a\x1b]0;x\x07\u{9b}2J\u{202e}b\x7f";

fn name() -> Arc<str> {
    NAME.into()
}

fn worker() -> Worker {
    Worker {
        tid: 7,
        comm: name(),
    }
}

fn contended() -> Contended {
    Contended {
        all_ns: 900_000,
        ns: 800_000,
        lock: name(),
        holder: Some(worker()),
        holder_stack: Some(name()),
    }
}

/// A batch of which every name is that one.
fn batch() -> Batch {
    let mut batch = Synthetic::new(1)
        .with_totals()
        .with_details()
        .with_waits()
        .batch(60);
    for migration in batch.migrations.make().iter_mut() {
        migration.comm = Some(name());
        migration.cgroup = Some(name());
        migration.driver = Some(name());
        migration.worker = Some(worker());
        migration.from.place = Some(name());
        if let Some(mapping) = &mut migration.mapping {
            mapping.name = Some(name());
            if let Some(file) = &mut mapping.file {
                file.device = name();
            }
        }
        migration.to.place = Some(name());
        migration.kernel_stack = Some(name());
        migration.user_stack = Some(name());
        migration.contended = Some(contended());
    }
    for wait in &mut batch.waits {
        wait.comm = Some(name());
        wait.cgroup = Some(name());
        wait.worker = Some(worker());
        wait.kernel_stack = Some(name());
        wait.user_stack = Some(name());
        wait.contended = Some(contended());
    }
    batch
}

/// A recording of it, by a machine of that name.
fn recording() -> (TempDir, PathBuf) {
    let mut facts = facts();
    facts.details = Details::ALL;
    facts.host = NAME.to_owned();
    facts.kernel = NAME.to_owned();
    facts.clocksource = Some(NAME.to_owned());
    facts.not_hooked = vec![NAME.to_owned()];
    facts.tracer = NAME.to_owned();
    let mut writer = Writer::new(Vec::new(), &facts).unwrap();
    writer.write(&batch()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // The file's name is somebody's, too.
    let path = folder.path().join(format!("{NAME}.arrow"));
    fs::write(&path, writer.finish().unwrap()).unwrap();
    (folder, path)
}

/// What a terminal gets, on both outputs.
fn on_a_terminal(arguments: &[&str]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let other_end = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = File::options()
        .read(true)
        .write(true)
        .open(other_end.to_str().unwrap())
        .unwrap();
    let reading = thread::spawn(move || {
        let mut all = Vec::new();
        // It ends with an error when nobody has it open any more.
        let _ = File::from(terminal).read_to_end(&mut all);
        all
    });
    let mut command = migscope(arguments);
    command
        .stdout(other_end.try_clone().unwrap())
        .stderr(other_end)
        .env("TERM", "xterm-256color");
    command.status().unwrap();
    drop(command);
    String::from_utf8(reading.join().unwrap()).unwrap()
}

/// Without the colours that migscope itself sets: `ESC [ digits m`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut rest = parts.next().unwrap().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';');
        match end.filter(|end| part[*end..].starts_with('m')) {
            Some(end) => rest += &part[end + 1..],
            None => rest += &format!("\x1b[{part}"),
        }
    }
    rest
}

fn assert_harmless(what: &[&str], text: &str) {
    assert!(text.len() > 10, "{what:?}: {text:?}");
    let text = without_colours(text).replace("\r\n", "\n");
    let harmful = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{202e}';
    let found = text.char_indices().find(|(_, c)| harmful(*c));
    if let Some((at, c)) = found {
        let around: String = text[..at].chars().rev().take(60).collect();
        let around: String = around.chars().rev().collect();
        panic!("{what:?}: {c:?} behind {around:?}");
    }
}

#[test]
fn no_format_passes_a_command_to_the_terminal() {
    let (_folder, path) = recording();
    let path = path.to_str().unwrap();
    let all: &[&[&str]] = &[
        &["report", path],
        &["report", path, "--json"],
        &["report", path, "--html", "-"],
        &["diff", path, path],
        &["diff", path, path, "--json"],
        &["export", "-f", "json", path],
        &["export", "-f", "csv", path],
        &["export", "-f", "folded", path],
        &["export", "-f", "hgrm", path],
        &["export", "-f", "hlog", path],
        &["export", "-f", "openmetrics", path],
        &["export", "-f", "json", "--event", "wait", path],
        &["export", "-f", "csv", "--event", "wait", path],
        &["export", "-f", "folded", "--event", "wait", path],
        &["export", "-f", "csv", path, "--comm", NAME],
        &["export", "-f", "csv", "-o", path, path],
        &["report", NAME],
        &["doctor"],
        &["doctor", "--json"],
    ];
    for arguments in all {
        assert_harmless(arguments, &on_a_terminal(arguments));
    }
}

/// Programs get every character as it is, however it is written.
#[test]
fn files_and_pipes_get_names_as_they_are() {
    let (_folder, path) = recording();
    let path = path.to_str().unwrap();
    let json = run(&["export", "-f", "json", path]);
    let line = stdout(&json).lines().next().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["comm"], &line["lock"]), (&NAME.into(), &NAME.into()));
    assert!(stdout(&run(&["export", "-f", "csv", path])).contains(NAME));
    assert!(stdout(&run(&["export", "-f", "folded", path])).contains(NAME));
    let report = run(&["report", "--json", path]);
    let report: serde_json::Value = serde_json::from_str(stdout(&report)).unwrap();
    assert_eq!(report["processes"][0]["comm"], NAME);
}
