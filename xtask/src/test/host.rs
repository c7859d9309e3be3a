//! The tests on the host: what `cargo test` runs.

use anyhow::Result;

use super::{Count, Failed};
use crate::errors::Interrupted;
use crate::process::Logged;
use crate::progress::{self, Step};
use crate::workspace::Workspace;

/// Runs `cargo test` on the workspace.
pub(super) fn run(workspace: &Workspace, filter: Option<&str>) -> Result<Count> {
    let step = Step::begin("tests on the host".into());
    let mut command = workspace.cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        // The dashboard's terminal is there: its tests are not to be left out.
        .env("MIGSCOPE_TEST_TERMINAL", "1")
        .args(filter);
    let mut count = Count::default();
    let mut telling = false;
    let mut turn = None;
    let log = workspace.log("host-tests");
    let result = Logged {
        log: &log,
        limit: None,
    }
    .run(&mut command, |line| {
        if let Some((passed, skipped)) = result_of(line) {
            count.passed += passed;
            count.skipped += skipped;
            (telling, turn) = (false, None);
        } else if telling || line == "failures:" {
            // Why they failed, and which: the log is not everybody's to read.
            telling = true;
            progress::print(line);
            keep(&mut count.failed, &mut turn, line);
        } else if let Some(name) = failed(line) {
            count.failed.push(Failed::new(name, ""));
        } else if let Some(detail) = detail(line) {
            step.detail(detail);
        }
    });
    drop(step);
    if let Err(error) = result {
        if error.is::<Interrupted>() {
            return Err(error);
        }
        anstream::println!("{error:#}");
        // It did not even compile, or a test ended the program it was in.
        if count.failed.is_empty() {
            count
                .failed
                .push(Failed::new("tests on the host", &format!("{error:#}")));
        }
    }
    println!("tests on the host: {count}");
    Ok(count)
}

/// Keeps what a test said in a line, but for its stack, with the test whose turn it is.
fn keep(failed: &mut [Failed], turn: &mut Option<usize>, line: &str) {
    if let Some(name) = begun(line) {
        *turn = failed.iter().position(|failed| failed.name == name);
    } else if line == "stack backtrace:" {
        *turn = None;
    } else if let Some(nth) = *turn {
        failed[nth].why.push_str(line.trim_end());
        failed[nth].why.push('\n');
    }
}

/// The name in `---- wire::sizes stdout ----`.
fn begun(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// The name in `test wire::sizes ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// How many passed and how many were left out: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn result_of(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        counts
            .split(';')
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
            .unwrap_or_default()
    };
    Some((number(" passed"), number(" ignored")))
}

/// What to show while it runs: the crate that is compiled, the tests that run.
fn detail(line: &str) -> Option<&str> {
    let line = line.trim();
    ["Compiling ", "Running ", "Doc-tests ", "test "]
        .iter()
        .any(|begin| line.starts_with(begin))
        .then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_with_their_test() {
        let mut failed = [Failed::new("sizes", ""), Failed::new("names", "")];
        let mut turn = None;
        let said = "failures:\n---- names stdout ----\nno name\nstack backtrace:\n0: main\n---- sizes stdout ----\n1 is not 2";
        for line in said.lines() {
            keep(&mut failed, &mut turn, line);
        }
        assert_eq!(
            failed.map(|failed| failed.why),
            ["1 is not 2\n", "no name\n"]
        );
    }

    #[test]
    fn results_are_read() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.34s";
        assert_eq!(result_of(line), Some((12, 2)));
        assert_eq!(failed("test wire::sizes ... FAILED"), Some("wire::sizes"));
        assert_eq!(failed("test wire::sizes ... ok"), None);
        assert_eq!(result_of("test wire::tests::sizes ... ok"), None);
        assert_eq!(
            detail("     Running unittests src/lib.rs (target/x)"),
            Some("Running unittests src/lib.rs (target/x)")
        );
        assert_eq!(detail("warning: unused"), None);
    }
}
