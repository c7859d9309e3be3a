//! What runs of a command did, by the kernel's totals, and by phase as records tell: as a page of
//! text, as JSON, as separated values, and while they run in lines of what came since the last.

mod interval;
mod json;
mod phases;
mod separated;
mod spread;
mod text;

#[cfg(test)]
mod tests;

pub use interval::Interval;

use super::text::{covers, limits_of};
use crate::figures::stat::phases::{InPhase, phases, unrecorded};
use crate::figures::stat::{Counted, Figure, blurred, figures};
use crate::figures::{self, waits};
use crate::model::{Model, Phases};
use crate::text::{counted, harmless_json, printable};

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One object on a line.
    Json,
    /// Values with this byte between them.
    Separated(u8),
}

/// One run of a command.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the kernel counted from just before its start until it was over.
    pub model: Model,
    /// The records of that time by phase; `None` where those were not asked for.
    pub phases: Option<Phases>,
    /// How long it ran, nanoseconds.
    pub elapsed_ns: u64,
    /// Its exit status, as a shell tells it.
    pub status: u8,
    /// Calls of the kernel that were under way when counting began, and when it ended, whoever made
    /// them; `None` where nobody could look.
    pub under_way: [Option<u64>; 2],
}

/// What there is to say of some runs of a command.
pub struct Stat<'a> {
    /// The command, as it was called.
    pub command: &'a str,
    /// How many runs were asked for.
    pub asked: u32,
    /// Those that were made.
    pub runs: &'a [Run],
    /// Did somebody ask for the end?
    pub interrupted: bool,
}

impl Run {
    fn counted(&self) -> Counted<'_> {
        Counted {
            model: &self.model,
            phases: self.phases.as_ref(),
            elapsed_ns: self.elapsed_ns,
        }
    }
}

/// Where the records of a run are not those of its totals.
fn notes_of_records(run: &Run, of_run: &str) -> Vec<String> {
    let [missing, more] = unrecorded(&run.counted()).unwrap_or_default();
    let migrations = |number| counted(number, "migration", "migrations");
    let missing = (missing > 0).then(|| {
        format!(
            "{}{of_run} left no record: they are in the row \"unknown\". A larger --ring-size has room for more.",
            migrations(missing)
        )
    });
    let more = (more > 0).then(|| {
        format!(
            "Phases have {} more than the totals{of_run}, which ended just when those were read.",
            migrations(more)
        )
    });
    missing.into_iter().chain(more).collect()
}

impl Stat<'_> {
    /// All of it.
    pub fn write(&self, form: Form) -> String {
        match form {
            Form::Text => text::text(self),
            Form::Json => harmless_json(json::json(self)),
            Form::Separated(separator) => separated::separated(self, separator),
        }
    }

    fn counted(&self) -> Vec<Counted<'_>> {
        self.runs.iter().map(Run::counted).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        figures(&self.counted())
    }

    /// The same by phase; `None` where those were not asked for.
    fn phases(&self) -> Option<Vec<InPhase>> {
        phases(&self.counted())
    }

    /// Which migrations are counted, and whose.
    fn covers(&self) -> Option<String> {
        let first = self.runs.first()?;
        let which = match &first.phases {
            None => covers(&first.model),
            Some(_) => {
                let which = figures::only(&first.model);
                let which = which.as_deref().unwrap_or("every migration");
                format!("{which}; figures from the kernel's totals, phases from records")
            }
        };
        Some(format!("{which}; whoever made them while the command ran"))
    }

    /// What a reader should know before trusting the figures, in sentences.
    fn notes(&self) -> Vec<String> {
        let runs = self.runs.iter().zip(1..);
        let of_runs = runs.flat_map(|(run, nth)| self.notes_of(run, nth));
        let kernel = self.runs.first().map(|run| limits_of(run.model.facts()));
        let of_waits = self.runs.first().filter(|run| !run.model.follows_waits());
        let of_waits = of_waits.map(|run| waits::unknown(&run.model)[0].to_owned());
        let none = self
            .runs
            .iter()
            .all(|run| run.model.totals().migrations() == 0);
        let none = (none && !self.runs.is_empty()).then(|| figures::NOTHING_MIGRATED.to_owned());
        let kernel = kernel.into_iter().flatten();
        let all = self.ended().into_iter().chain(of_runs).chain(kernel);
        all.chain(of_waits).chain(none).collect()
    }

    /// Why there are fewer runs than were asked for, or the last is none like the others.
    fn ended(&self) -> Option<String> {
        let status = self.runs.last()?.status;
        let (nth, runs) = (self.runs.len(), self.asked);
        match runs {
            1 if self.interrupted => Some(
                "Interrupted: the figures are of what came until the command ended.".to_owned(),
            ),
            1 if status == 0 => None,
            1 => Some(format!("The command ended with exit status {status}.")),
            _ if self.interrupted => Some(format!(
                "Interrupted in run {nth} of {runs}, which is in the figures as far as it came."
            )),
            _ if status == 0 => None,
            _ => Some(format!(
                "The command ended with exit status {status} in run {nth} of {runs}: that run is in the figures, \
                 and was the last."
            )),
        }
    }

    fn notes_of(&self, run: &Run, nth: u32) -> Vec<String> {
        let of_run = if self.asked > 1 {
            format!(" of run {nth}")
        } else {
            String::new()
        };
        let calls = |number: Option<u64>| {
            let number = number.filter(|number| *number > 0)?;
            Some(counted(number, "call was", "calls were"))
        };
        let [before, after] = run.under_way.map(calls);
        let before = before.map(|calls| {
            format!("{calls} under way at the beginning{of_run}: what has ended since is counted as its own.")
        });
        let after = after.map(|calls| {
            format!("{calls} still under way at the end{of_run}, in no figure of it.")
        });
        let blurred = Some(blurred(&run.model)).filter(|number| *number > 0);
        let blurred = blurred.map(|number| {
            format!(
                "{} ended just when the totals{of_run} were read: they may be missing from its figures, or not be its own.",
                counted(number, "migration", "migrations")
            )
        });
        let waits = waits::coverage(&run.model);
        let waits = waits.map(|text| format!("Waits{of_run} are missing: {text}."));
        let notes = [before, after, blurred, waits].into_iter().flatten();
        notes.chain(notes_of_records(run, &of_run)).collect()
    }

    /// How its command was called, harmless for a terminal.
    fn name(&self) -> String {
        printable(self.command)
    }
}
