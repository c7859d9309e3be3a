//! Writes what is shown to a file.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::app::App;
use super::playback::Playback;
use super::prompt::Export;
use crate::Error;
use crate::export::{AtomicFile, Notes};
use crate::machine;
use crate::source::Inputs;
use crate::text::{counted, file_stamp, printable};
use crate::trace::{Batch, Facts, Filter};

/// Everything that is needed to write without the dashboard, which goes on.
pub(super) struct Job {
    wanted: Export,
    facts: Facts,
    filter: Filter,
    /// Which ones of all they are, in words.
    which: String,
    /// What ended after the first and up to the second is written, nanoseconds of the recording's
    /// clock; `None`: no limit.
    extent_ns: (Option<u64>, Option<u64>),
    /// Are there older ones that are not kept?
    forgot: bool,
    /// A recording to read again, else what was kept.
    input: Option<Inputs>,
    kept: Batch,
}

/// Which migrations are shown, where it is not all of them.
fn which(app: &App) -> String {
    let filter = app.filter_words();
    let filter = filter.map(|words| format!("only {}", printable(&words)));
    let window = app.of_ns().map(|_| app.data.window().name().to_owned());
    let anew = app.data.counts_anew();
    let anew = anew.then(|| "counted anew".to_owned());
    let here = app.is_replaying();
    let here = here.then(|| "up to this moment of the replay".to_owned());
    let which: Vec<_> = [filter, window, anew, here].into_iter().flatten().collect();
    if which.is_empty() {
        String::new()
    } else {
        format!(": {}", which.join(", "))
    }
}

impl Job {
    /// What is shown now.
    pub(super) fn new(app: &App, wanted: Export, input: Option<Inputs>) -> Self {
        let window_ns = app.of_ns().and(app.shown().began_ns());
        let after_ns = window_ns.max(app.data.counted_after_ns());
        let kept = match &input {
            Some(_) => Batch::default(),
            None => app.data.kept_through(after_ns),
        };
        Self {
            wanted,
            facts: app.data.facts().clone(),
            filter: app.data.filter().clone(),
            which: which(app),
            forgot: input.is_none() && app.data.forgot(after_ns),
            extent_ns: (after_ns, app.playback().and_then(Playback::here_ns)),
            input,
            kept,
        }
    }

    /// Writes it. What came of it, as a sentence.
    pub(super) fn run(self) -> String {
        let path = self.path();
        let (forgot, which) = (self.forgot, self.which.clone());
        match self.write(&path) {
            Ok((number, notes)) => {
                let number = counted(number, "migration", "migrations");
                let older = if forgot {
                    "; older ones are not kept"
                } else {
                    ""
                };
                let path = std::path::absolute(&path).unwrap_or(path);
                let notes = notes.iter().map(|note| format!("; {note}"));
                let notes: String = notes.collect();
                format!(
                    "{number} written to {}{which}{older}{notes}",
                    path.display()
                )
            }
            Err(error) => error.to_string(),
        }
    }

    fn path(&self) -> PathBuf {
        let name = || {
            let stamp = file_stamp(machine::unix_time_ns().unwrap_or(0));
            let format = clap::ValueEnum::to_possible_value(&self.wanted.format);
            let end = format.map_or_else(String::new, |format| format.get_name().to_owned());
            format!("migscope-{stamp}.{end}").into()
        };
        self.wanted.path.clone().unwrap_or_else(name)
    }

    /// How many migrations were written, and what there is to say of it.
    fn write(self, path: &Path) -> Result<(u64, Notes), Error> {
        let failed = |cause| Error::Io {
            action: "write",
            path: path.display().to_string(),
            cause,
            advice: "Name a file in a folder that you may write to, below the one where it was started: e, a format, and the file.",
        };
        let (filter, run) = (self.filter, self.facts.run());
        let facts = self.facts.chosen_by(&filter);
        let (after_ns, until_ns) = self.extent_ns;
        let is_shown = |end_ns| {
            after_ns.is_none_or(|after| end_ns > after)
                && until_ns.is_none_or(|until| end_ns <= until)
        };
        let mut number = 0;
        let mut through = |mut batch: Batch| {
            batch.migrations.retain(|row| is_shown(row.end_ns()));
            batch.waits.retain(|wait| is_shown(wait.end_ns()));
            batch.choose(&filter, &run);
            number += batch.migrations.len() as u64;
            batch
        };
        // The dashboard goes on, so nothing waits here for whoever may come to read.
        let created = AtomicFile::create(path, self.wanted.replaces);
        let unread = || io::Error::other("nobody reads this pipe");
        let created = created.and_then(|created| created.ok_or_else(unread));
        let mut out = BufWriter::new(created.map_err(failed)?);
        let format = self.wanted.format.exporter();
        let notes = match self.input {
            Some(input) => {
                let mut batches = input.open()?.map(&mut through);
                format.export(&facts, &mut batches, &mut out)
            }
            None => {
                let mut batches = std::iter::once(self.kept).map(&mut through);
                format.export(&facts, &mut batches, &mut out)
            }
        };
        let notes = notes.map_err(failed)?;
        out.flush()
            .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(AtomicFile::commit)
            .map_err(failed)?;
        Ok((number, notes))
    }
}
