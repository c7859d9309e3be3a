//! `cargo xtask run --list`: the scenarios, as `workload list` explains them.

use std::io::{IsTerminal, stdout};
use std::process::Command;

use anyhow::Result;
use rustix::termios::tcgetwinsize;

use crate::build;
use crate::errors::unsupported;
use crate::process::output;
use crate::progress::Step;
use crate::setup::Setup;

/// Where there is no terminal, and on wide ones: longer lines are hard to read.
const WIDTH: usize = 100;

/// The scenarios with their explanations, for the terminal.
pub(crate) fn list(setup: &Setup) -> Result<String> {
    Ok(wrap(&ask(setup)?, width()))
}

/// An error that names all scenarios, if this is none.
pub(crate) fn must_be_known(setup: &Setup, scenario: &str) -> Result<()> {
    must_be_among(scenario, &ask(setup)?)
}

/// What `workload list` prints, before anything that takes long.
fn ask(setup: &Setup) -> Result<String> {
    let step = Step::begin("scenarios".into());
    let workload = build::workload(setup, &step)?;
    step.done();
    output(Command::new(workload).arg("list"))
}

fn must_be_among(scenario: &str, listed: &str) -> Result<()> {
    let known: Vec<_> = names(listed).collect();
    if known.contains(&scenario) {
        return Ok(());
    }
    Err(unsupported(format!(
        "there is no scenario {scenario}; there are: {}",
        known.join(", ")
    )))
}

/// The names in a list of scenarios: what a line that is not indented begins with.
pub(crate) fn names(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter(|line| !line.starts_with(char::is_whitespace))
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| name.trim_end_matches(':'))
}

fn width() -> usize {
    let terminal = stdout();
    let columns = terminal
        .is_terminal()
        .then(|| tcgetwinsize(&terminal).ok())
        .flatten()
        .map(|size| usize::from(size.ws_col));
    // Some terminals know no size, and say 0.
    columns
        .filter(|columns| *columns > 0)
        .map_or(WIDTH, |columns| columns.min(WIDTH))
}

/// Breaks long lines between words. What was indented stays so.
fn wrap(text: &str, width: usize) -> String {
    text.lines()
        .map(|line| wrap_line(line, width) + "\n")
        .collect()
}

fn wrap_line(line: &str, width: usize) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let mut wrapped = String::new();
    let mut column = 0;
    for word in line.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length <= width {
            wrapped.push(' ');
            column += 1;
        } else {
            wrapped += if column > 0 { "\n" } else { "" };
            wrapped += indent;
            column = indent.len();
        }
        wrapped += word;
        column += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "mixed\n    Both directions.\n\nfaults  CPU faults only.\n";

    #[test]
    fn scenarios_are_the_names_at_the_margin() {
        assert_eq!(names(LISTED).collect::<Vec<_>>(), ["mixed", "faults"]);
        must_be_among("faults", LISTED).unwrap();
        let error = must_be_among("other", LISTED).unwrap_err();
        assert_eq!(
            crate::errors::conclude(&error),
            (
                2,
                Some("there is no scenario other; there are: mixed, faults".into())
            )
        );
    }

    #[test]
    fn lines_are_broken_between_words_and_keep_their_indentation() {
        assert_eq!(
            wrap(LISTED, 80),
            LISTED.replace("faults  CPU", "faults CPU")
        );
        assert_eq!(wrap("    one two three\n", 11), "    one two\n    three\n");
        assert_eq!(wrap("    unbreakable\n\n", 6), "    unbreakable\n\n");
    }
}
