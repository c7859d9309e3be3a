//! `doctor`: what this kernel and this user allow, as text or JSON.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::stdout_failed;
use crate::Error;
use crate::cli;
use crate::doctor::{Check, Examination, Root, State};
use crate::source::kernel::{KernelSource, Options, TracerError};

/// Looks, tries, prints. True if this machine can be traced.
pub(super) fn doctor(options: &cli::Doctor) -> Result<bool, Error> {
    let mut examination = Examination::of(&Root::this_machine());
    examination.add_trial(trial());
    let page = if options.json {
        serde_json::to_string_pretty(&examination).unwrap_or_default() + "\n"
    } else {
        text(&examination)
    };
    let mut out = anstream::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(stdout_failed)?;
    Ok(examination.verdict != Some(State::Missing))
}

/// Loads and attaches the tracer, and removes it again.
fn trial() -> Option<Result<(), String>> {
    match KernelSource::open(&Options::default()) {
        Ok(_) => Some(Ok(())),
        Err(TracerError::NotPermitted) => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

fn text(examination: &Examination) -> String {
    let mut page = String::new();
    let mut group = "";
    for check in &examination.checks {
        if check.group != group {
            group = check.group;
            page += &format!("{}{group}\n", if page.is_empty() { "" } else { "\n" });
        }
        page += &line(check);
    }
    page + "\n" + &verdict(examination.verdict) + "\n"
}

/// The mark says what the colour says.
fn line(check: &Check) -> String {
    let (mark, style) = mark(check.state);
    let mut line = format!("  {style}{mark}{style:#} {}: {}\n", check.name, check.found);
    if let Some(advice) = &check.advice {
        line += &format!("            {advice}.\n");
    }
    line
}

fn mark(state: State) -> (&'static str, Style) {
    match state {
        State::Good => ("ok     ", AnsiColor::Green.on_default()),
        State::Unknown => ("unknown", Style::new()),
        State::Limited => ("limited", AnsiColor::Yellow.on_default()),
        State::Missing => ("MISSING", AnsiColor::Red.on_default().bold()),
    }
}

fn verdict(verdict: Option<State>) -> String {
    let (text, style) = match verdict {
        Some(State::Missing) => (
            "This machine cannot be traced: see what is MISSING above.",
            AnsiColor::Red.on_default().bold(),
        ),
        Some(State::Limited) => (
            "This machine can be traced, with the limits named above.",
            AnsiColor::Yellow.on_default(),
        ),
        _ => ("This machine can be traced.", AnsiColor::Green.on_default()),
    };
    format!("{style}{text}{style:#}")
}
