//! The program itself, run as people and scripts run it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) fn migscope(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migscope"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("COLUMNS");
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    migscope(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A file with these bytes, in a folder that goes away with the test.
pub(crate) fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.arrow");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Failed with status 2, nothing on standard output, and all of these words on standard error.
pub(crate) fn assert_refused(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert_eq!(stdout(output), "");
    assert!(
        stderr(output).starts_with("migscope: "),
        "{}",
        stderr(output)
    );
    for word in words {
        assert!(
            stderr(output).contains(word),
            "no {word:?} in {}",
            stderr(output)
        );
    }
}
