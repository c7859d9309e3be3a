//! A recording that goes on in another file now and then, of which the last ones are kept.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::Rotate;
use crate::recording::{Facts, Output};
use crate::source::Status;

/// Which files a recording consists of.
pub(super) struct Rotation {
    limit: Option<Rotate>,
    keep: Option<usize>,
    first: PathBuf,
    /// How many files there have been.
    count: u64,
    /// Those that are there.
    files: VecDeque<PathBuf>,
    /// What the tracer told when the file that is being written was begun; `None` for the first.
    before: Option<Status>,
}

impl Rotation {
    pub(super) fn new(limit: Option<Rotate>, keep: Option<u32>, output: &Output) -> Self {
        let first = match output {
            Output::File(path) => path.clone(),
            Output::Stdout | Output::Socket(_) => PathBuf::new(),
        };
        Self {
            limit,
            keep: keep.map(|keep| keep as usize),
            files: VecDeque::from([first.clone()]),
            first,
            count: 1,
            before: None,
        }
    }

    /// Is it time for another file? `now` must tell the kernel's totals, from which the next one counts.
    pub(super) fn is_due(&self, bytes: u64, now: &Status, facts: &Facts) -> bool {
        let began_ns = self.began_ns(facts).unwrap_or(now.time_ns);
        let is_due = match self.limit {
            None => false,
            Some(Rotate::Size(size)) => bytes >= size,
            Some(Rotate::Time(time)) => {
                u128::from(now.time_ns.saturating_sub(began_ns)) >= time.as_nanos()
            }
        };
        is_due && now.exact.is_some()
    }

    fn began_ns(&self, facts: &Facts) -> Option<u64> {
        let before = self.before.as_ref().map(|before| before.time_ns);
        before.or(facts.started_ns)
    }

    /// The next file, with its facts: a recording of its own time. `now` is the last status of the one before.
    pub(super) fn next(&mut self, now: Status, facts: &Facts) -> (Output, Facts) {
        self.count += 1;
        let path = numbered(&self.first, self.count);
        self.files.push_back(path.clone());
        let later_ns = facts
            .started_ns
            .map(|started_ns| now.time_ns.saturating_sub(started_ns));
        let facts = Facts {
            started_ns: Some(now.time_ns),
            started_unix_ns: facts
                .started_unix_ns
                .zip(later_ns)
                .map(|(started, later)| started.saturating_add(later)),
            ..facts.clone()
        };
        self.before = Some(now);
        (Output::File(path), facts)
    }

    /// Removes files that are too many. One that cannot be removed is somebody else's business by now.
    pub(super) fn tidy(&mut self) {
        while self.keep.is_some_and(|keep| self.files.len() > keep) {
            if let Some(oldest) = self.files.pop_front() {
                let _ = fs::remove_file(oldest);
            }
        }
    }

    /// A status as the file that is being written tells it: counted since the file began.
    pub(super) fn tell(&self, status: Status) -> Status {
        match &self.before {
            Some(before) => status.since(before),
            None => status,
        }
    }

    /// How many files there have been, and which are there.
    pub(super) fn files(&self) -> (u64, &VecDeque<PathBuf>) {
        (self.count, &self.files)
    }
}

/// `run.arrow` becomes `run-2.arrow`.
fn numbered(first: &Path, number: u64) -> PathBuf {
    let stem = first.file_stem().unwrap_or_default().to_string_lossy();
    let mut name = format!("{stem}-{number}");
    if let Some(extension) = first.extension() {
        name = format!("{name}.{}", extension.to_string_lossy());
    }
    first.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_further_files() {
        let name = |first: &str| numbered(Path::new(first), 2);
        assert_eq!(name("/tmp/run.arrow"), Path::new("/tmp/run-2.arrow"));
        assert_eq!(name("run.1.arrow"), Path::new("run.1-2.arrow"));
        assert_eq!(name("run"), Path::new("run-2"));
    }
}
