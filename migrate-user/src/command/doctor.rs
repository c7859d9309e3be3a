//! `doctor`: what this kernel and this user allow, as text or JSON.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::{stdout_failed, tell_note};
use crate::Error;
use crate::cli;
use crate::doctor::{Check, Examination, Outcome, Root, State, Trial};
use crate::kernel::{Attach, Feature, Options, TracerError, try_out};
use crate::source::KernelSource;
use crate::text::{harmless_json, printable, printable_lines};

/// Looks, tries, prints. The exit status says whether this machine can be traced.
pub(super) fn doctor(options: &cli::Doctor) -> Result<ExitCode, Error> {
    let mut examination = Examination::of(&Root::this_machine());
    examination.add_trial(&trial());
    let page = if options.json {
        harmless_json(serde_json::to_string_pretty(&examination).unwrap_or_default() + "\n")
    } else {
        text(&examination)
    };
    let mut out = anstream::stdout().lock();
    let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
    written.map_err(stdout_failed)?;
    Ok(ExitCode::from(match examination.verdict {
        State::Good | State::Limited => 0,
        State::Missing => 1,
        State::Unknown => 2,
    }))
}

/// Tries what the kernel offers; loads and attaches the tracer, and removes it again.
fn trial() -> Trial {
    let attach = |attach| {
        let options = Options {
            attach,
            ..Options::default()
        };
        KernelSource::open(&options, tell_note)
    };
    let tracer = match attach(Attach::Fentry) {
        Ok(_) => Outcome::Trampolines,
        Err(TracerError::NotPermitted) => return Trial::default(),
        Err(TracerError::NotBuiltIn) => Outcome::NotBuiltIn,
        Err(refused) => match attach(Attach::Kprobe) {
            Ok(_) => Outcome::Kprobes(refused.to_string()),
            Err(_) => Outcome::Refused(refused.to_string()),
        },
    };
    Trial {
        features: Feature::ALL
            .map(|feature| (feature, try_out(feature)))
            .to_vec(),
        tracer: Some(tracer),
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
    // Names of modules, of their parameters and of control groups are other people's.
    let (name, found) = (printable(&check.name), printable(&check.found));
    let mut line = format!("  {style}{mark}{style:#} {name}: {found}\n");
    if let Some(advice) = &check.advice {
        line += &format!("            {}.\n", printable_lines(advice));
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

fn verdict(verdict: State) -> String {
    let (_, style) = mark(verdict);
    let text = match verdict {
        State::Good => "This machine can be traced.",
        State::Limited => "This machine can be traced, with the limits named above.",
        State::Missing => "This machine cannot be traced: see what is MISSING above.",
        State::Unknown => {
            "Whether this machine can be traced is unknown: the tracer was not tried."
        }
    };
    format!("{style}{text}{style:#}")
}
