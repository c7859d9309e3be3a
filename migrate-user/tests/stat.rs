//! `migscope stat` as people and scripts call it, as far as nothing is traced: what it counts, a VM
//! tells.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use program::{assert_refused, file, run, stderr, stdout};

/// With these options, of a command that would leave a mark if it were run.
fn refused(options: &[&str], says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let command = ["--", "touch", mark.to_str().unwrap()];
    let output = run(&[&["stat"], options, &command].concat());
    assert_eq!(output.status.code(), Some(2), "{options:?}");
    assert_eq!(stdout(&output), "", "{options:?}");
    for word in says {
        let said = stderr(&output);
        assert!(said.contains(word), "{options:?}: no {word:?} in {said}");
    }
    assert!(!mark.exists(), "{options:?}: the command was run");
}

#[test]
fn what_makes_no_sense_is_refused_before_the_command_is_run() {
    refused(&["-r", "0"], &["--repeat", "0"]);
    refused(&["-I", "20"], &["--interval", "100 ms at least"]);
    refused(&["-x", "::"], &["--field-separator", "one character"]);
    refused(&["-x", "7"], &["in no number"]);
    refused(&["-x", ",", "--json"], &["cannot be used with"]);
    refused(
        &["-o", "unix:/tmp/x"],
        &["a file, or - for standard output"],
    );
    refused(&["--no-waits", "--device-side"], &["cannot be used with"]);
    refused(&["--force"], &["--output"]);
    refused(
        &["--per-phase", "-I", "1000"],
        &["--per-phase", "--interval"],
    );
    refused(&["--ring-size", "16M"], &["--per-phase"]);
    refused(
        &["--phases=x", "-I", "1000"],
        &["--per-phase", "--interval"],
    );
}

#[test]
fn without_a_command_it_says_what_is_missing() {
    let output = run(&["stat", "-r", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("COMMAND"), "{}", stderr(&output));
}

/// The probes ask one value, and some words not at all.
#[test]
fn what_the_probes_cannot_ask_is_refused() {
    refused(&["--pid=7,8"], &["--pid", "one value only"]);
    refused(&["--time=1s..2s"], &["--time", "while tracing"]);
}

#[test]
fn a_file_that_is_there_is_not_replaced_unasked() {
    let (_folder, path) = file(b"mine");
    let path = path.to_str().unwrap();
    let refused = run(&["stat", "-o", path, "--", "true"]);
    assert_refused(&refused, &["exists already", "--force"]);
    assert_eq!(std::fs::read(path).unwrap(), b"mine");
}

/// This test's program has no probes in it, so that whoever runs it, nothing can be traced.
#[test]
fn a_command_that_cannot_be_traced_is_not_run() {
    refused(&[], &["migscope: "]);
}

#[test]
fn its_page_of_the_manual_tells_the_options() {
    let page = run(&["man", "stat"]);
    for option in [
        "repeat",
        "interval",
        "field\\-separator",
        "json",
        "cgroup",
        "per\\-phase",
    ] {
        assert!(stdout(&page).contains(option), "{option}");
    }
}
