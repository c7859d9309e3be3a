//! One side of a comparison: one run or several, each of one recording or of the files of a
//! rotation.

use std::collections::BTreeSet;

use super::super::{check, tell_unknown, warn_about};

use super::FEW;
use super::parts::Parts;
use super::runs::runs;
use super::traits::Traits;
use super::waits::{self, Waits};
use crate::Error;
use crate::compare::Sample;
use crate::insight::{Kind, Thresholds, findings, judged};
use crate::model::{Model, Origin};
use crate::source::{Identity, Input, Inputs, Part};
use crate::text::{count, counted, printable};
use crate::trace::{Filter, seen_parts};

/// One or more runs.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) samples: Vec<Sample>,
    /// What is found in any of them.
    pub(super) findings: BTreeSet<Kind>,
    /// What could have been found in all of them.
    pub(super) judged: BTreeSet<Kind>,
    /// Is it unknown of some what the filter lets through?
    are_unknown: bool,
    /// Which files were read; `None` for what is no file.
    files: Vec<Option<Identity>>,
    /// What is different from other recordings but their figures.
    pub(super) traits: Traits,
    /// What of waits can be compared.
    pub(super) waits: Waits,
    /// What of the driver's steps.
    pub(super) parts: Parts,
    /// What a reader should know.
    pub(super) remarks: Vec<String>,
}

impl Side {
    pub(super) fn read(
        inputs: &[Input],
        filter: &Filter,
        thresholds: &Thresholds,
    ) -> Result<Self, Error> {
        let names: Vec<_> = inputs
            .iter()
            .map(|input| printable(&input.to_string()))
            .collect();
        let mut side = Self {
            name: names.join(", "),
            samples: Vec::with_capacity(inputs.len()),
            findings: BTreeSet::new(),
            judged: Kind::ALL.iter().copied().collect(),
            are_unknown: false,
            files: inputs.iter().map(Input::identity).collect(),
            traits: Traits::default(),
            waits: Waits::default(),
            parts: Parts::default(),
            remarks: Vec::new(),
        };
        for run in runs(inputs)? {
            side.add(&run, filter, thresholds)?;
        }
        if side.samples.iter().all(|sample| sample.migrations() == 0) {
            let words = printable(&filter.words());
            let of = match words.is_empty() {
                true => words,
                false if side.are_unknown => {
                    format!(" on record that {words} could let through (records are off)")
                }
                false => format!(" that {words} lets through"),
            };
            let input = side.name;
            return Err(Error::NothingToCompare { input, of });
        }
        Ok(side)
    }

    /// Are these the same files as those of the other side? Of what is no file nobody knows.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same =
            |one: &Option<Identity>, other: &Self| one.is_some() && other.files.contains(one);
        self.files.iter().all(|file| same(file, other))
            && other.files.iter().all(|file| same(file, self))
    }

    fn add(&mut self, run: &Inputs, filter: &Filter, thresholds: &Thresholds) -> Result<(), Error> {
        if run.0.len() > 1 {
            let name = printable(&run.to_string());
            self.remarks.push(format!(
                "{name} are one run: each goes on where the one before it ends."
            ));
        }
        let mut reader = run.open()?.choose(filter.clone())?;
        let mut model = Model::new(reader.facts().clone());
        let mut sample = Sample::default();
        sample.sees_parts(seen_parts(reader.facts()));
        for batch in reader.by_ref() {
            sample.add(&batch);
            model.apply(batch);
        }
        tell_unknown(&reader.unknown());
        warn_about(reader.parts());
        check(reader.parts())?;
        let notes = reader.parts().iter().flat_map(Part::notes);
        self.remarks.extend(notes);
        let by_totals = is_better_by_totals(&model);
        sample.knows_waits(waits::comparable(&model, by_totals));
        self.waits.add(&model, by_totals);
        self.parts.add(&model, by_totals);
        self.samples.push(if by_totals {
            sample.by_totals()
        } else {
            sample
        });
        self.are_unknown |= model.coverage().record_every == 0 && !filter.is_empty();
        let judged = judged(&model, thresholds);
        self.judged.retain(|kind| judged.contains(kind));
        let found = findings(&model, thresholds);
        self.findings
            .extend(found.iter().map(|finding| finding.kind));
        self.traits.add(&model);
        let name = printable(&run.to_string());
        self.remarks.extend(remark(&name, &model, by_totals));
        self.remarks.extend(waits::remark(&name, &model));
        Ok(())
    }
}

/// Do the records tell too little? Those of a sample stand for all, unless many of them were lost.
fn is_better_by_totals(model: &Model) -> bool {
    let coverage = model.coverage();
    let lost = model.losses().map_or(0, |losses| losses.lost());
    let meant = model.made().unwrap_or(0) / u64::from(coverage.record_every.max(1));
    let few = lost <= meant / FEW;
    coverage.from == Origin::Kernel && (coverage.record_every == 0 || !few)
}

/// What is missing from a recording.
fn remark(name: &str, model: &Model, by_totals: bool) -> Option<String> {
    let lost = model.losses().map_or(0, |losses| losses.lost());
    let left_out = model.left_out().unwrap_or(0);
    let made = counted(model.made()?, "migration", "migrations");
    let how = match (by_totals, lost) {
        (true, _) => "what is compared is from the kernel's totals, which count all of them",
        (false, 0) => "what is compared is a sample, which stands for all",
        (false, _) => "what is compared is without them",
    };
    (lost + left_out > 0).then(|| {
        format!(
            "{name}: of {made}, {} lost and {} not to be recorded; {how}.",
            count(lost),
            count(left_out)
        )
    })
}
