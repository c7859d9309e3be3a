//! `diff`: what has changed between recordings, and whether it got worse.

mod parts;
mod runs;
mod side;
mod traits;
mod waits;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::report::print;
use super::tell_hints;
use crate::Error;
use crate::cli;
use crate::compare::{Limits, Verdict, compare};
use crate::config;
use crate::report::diff;
use side::Side;

/// The exit status for what got worse.
const WORSE: u8 = 1;

/// The exit status for what leaves open whether it got worse. 2 is for what could not be done.
const OPEN: u8 = 3;

/// Of so many migrations, or waits, one may be lost. Where more migrations are, the kernel's totals
/// are compared, which have all but tell less of how much they vary; where more waits are, none is
/// compared. One of so many can move a share by no more than the share that does not count unless
/// that is said.
const FEW: u64 = 100;

/// Compares, prints, and answers with the exit status.
pub(super) fn diff(options: cli::Diff) -> Result<ExitCode, Error> {
    let limits = Limits {
        time: options.threshold.0,
        share: options.share_threshold.0,
    };
    let json = options.json;
    let thresholds = config::load()?.findings;
    let filter = options.only.0.clone();
    tell_hints(&filter);
    let (base, new) = options.sides();
    let (base, new) = (
        Side::read(&base, &filter, &thresholds)?,
        Side::read(&new, &filter, &thresholds)?,
    );
    let same = base.is_same(&new);
    let appeared = new.findings.difference(&base.findings).copied();
    let (appeared, unjudged) = appeared.partition(|kind| base.judged.contains(kind));
    let differences = base.traits.differences(&new.traits);
    let mut not_compared = base.waits.why_not(&new.waits);
    not_compared.extend(base.parts.why_not(&new.parts));
    let mut remarks = base.remarks;
    remarks.extend(new.remarks);
    remarks.extend(not_compared);
    let names = (base.name, new.name);
    let runs = (base.samples.len(), new.samples.len());
    let mut comparison = compare(base.samples, new.samples, limits);
    if same {
        comparison = comparison.of_the_same();
    }
    let verdict = comparison.verdict;
    let page = diff::Page {
        names,
        filter: (!filter.is_empty()).then(|| filter.words()),
        runs,
        comparison,
        limits,
        appeared,
        unjudged,
        differences,
        remarks,
    };
    print(&if json {
        page.json()
    } else {
        page.text(io::stdout().is_terminal())
    })?;
    Ok(match verdict {
        Verdict::Worse => ExitCode::from(WORSE),
        Verdict::Unsure | Verdict::Inconclusive => ExitCode::from(OPEN),
        Verdict::Same | Verdict::Better => ExitCode::SUCCESS,
    })
}

/// What either side lacks: `the base ..., the new side ...`; `None` where neither lacks anything.
fn of_both(base: Option<&str>, new: Option<&str>) -> Option<String> {
    let base = base.map(|why| format!("the base {why}"));
    let new = new.map(|why| format!("the new side {why}"));
    let both: Vec<_> = [base, new].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join(", "))
}
