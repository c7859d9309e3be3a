//! `diff`: what has changed between recordings, and whether it got worse.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::report::print;
use super::{check, warn_about};
use crate::Error;
use crate::cli;
use crate::compare::{Limits, Sample, Verdict, compare};
use crate::config::Config;
use crate::insight::{Kind, Thresholds, findings};
use crate::model::Model;
use crate::source::{Input, Inputs, Part};
use crate::text::{count, counted, printable};
use crate::view::diff;

/// The exit status for what got worse.
const WORSE: u8 = 1;

/// Compares, prints, and answers with the exit status.
pub(super) fn diff(options: cli::Diff) -> Result<ExitCode, Error> {
    let limits = Limits {
        time: options.threshold.0,
        share: options.share_threshold.0,
    };
    let json = options.json;
    let thresholds = Config::load()?.findings;
    let (base, new) = options.sides();
    let (base, new) = (
        Side::read(&base, &thresholds)?,
        Side::read(&new, &thresholds)?,
    );
    let appeared = new.findings.difference(&base.findings).copied().collect();
    let mut remarks = base.remarks;
    remarks.extend(new.remarks);
    let names = (base.name, new.name);
    let comparison = compare(base.samples, new.samples, limits);
    let verdict = comparison.verdict;
    let page = diff::Page {
        names,
        comparison,
        limits,
        appeared,
        remarks,
    };
    print(&if json {
        page.json()
    } else {
        page.text(io::stdout().is_terminal())
    })?;
    Ok(match verdict {
        Verdict::Worse => ExitCode::from(WORSE),
        Verdict::Same | Verdict::Better | Verdict::Unsure => ExitCode::SUCCESS,
    })
}

/// One or more recordings.
struct Side {
    name: String,
    samples: Vec<Sample>,
    /// What is found in any of them.
    findings: BTreeSet<Kind>,
    /// What a reader should know.
    remarks: Vec<String>,
}

impl Side {
    fn read(inputs: &[Input], thresholds: &Thresholds) -> Result<Self, Error> {
        let names: Vec<_> = inputs
            .iter()
            .map(|input| printable(&input.to_string()))
            .collect();
        let mut side = Self {
            name: names.join(", "),
            samples: Vec::with_capacity(inputs.len()),
            findings: BTreeSet::new(),
            remarks: Vec::new(),
        };
        inputs
            .iter()
            .try_for_each(|input| side.add(input, thresholds))?;
        if side.samples.iter().all(|sample| sample.migrations() == 0) {
            return Err(Error::NothingToCompare { input: side.name });
        }
        Ok(side)
    }

    fn add(&mut self, input: &Input, thresholds: &Thresholds) -> Result<(), Error> {
        let mut reader = Inputs(vec![input.clone()]).open()?;
        let mut model = Model::new(reader.facts().clone());
        let mut sample = Sample::default();
        for batch in reader.by_ref() {
            batch
                .migrations
                .iter()
                .for_each(|migration| sample.count(migration));
            model.apply(batch);
        }
        warn_about(reader.parts());
        check(reader.parts())?;
        self.remarks
            .extend(reader.parts().iter().flat_map(Part::notes));
        self.samples.push(sample);
        let found = findings(&model, thresholds);
        self.findings
            .extend(found.iter().map(|finding| finding.kind));
        self.remarks.extend(remark(input, &model));
        Ok(())
    }
}

/// What is missing from a recording.
fn remark(input: &Input, model: &Model) -> Option<String> {
    let lost = model.losses().map_or(0, |losses| losses.lost());
    let left_out = model.left_out().unwrap_or(0);
    let made = counted(model.made()?, "migration", "migrations");
    let name = printable(&input.to_string());
    (lost + left_out > 0).then(|| {
        format!(
            "{name}: of {made}, {} lost and {} not to be recorded; what is compared is without them.",
            count(lost),
            count(left_out)
        )
    })
}
