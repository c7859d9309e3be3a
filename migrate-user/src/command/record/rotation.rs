//! A recording that goes on in another file now and then, of which the last ones are kept.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::cli::Rotate;
use crate::model::Tally;
use crate::recording::Output;
use crate::trace::{Facts, Migrations, Status};

/// How long a file may go on when it should end, because migrations come so fast that no moment is
/// found between two of them; nanoseconds.
const PATIENCE_NS: u64 = 1_000_000_000;

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
    /// When the file that is being written should end, for files of the same time; and since when
    /// it should have ended.
    end_ns: Option<u64>,
    due_ns: Option<u64>,
    /// Of the records in the file that is being written.
    tally: Tally,
}

/// May the file that is being written end now?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    No,
    /// Yes, once records and counts are of the same migrations.
    AtNextCut,
    /// It has waited long enough for that.
    Overdue,
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
            end_ns: None,
            due_ns: None,
            tally: Tally::default(),
        }
    }

    /// Refuses names of further files that are taken, before anything is traced: a recording that
    /// came to one of them would end there, after hours perhaps.
    pub(super) fn check(output: &Output) -> Result<(), Error> {
        let Output::File(first) = output else {
            return Ok(());
        };
        match later(first).into_iter().min() {
            None => Ok(()),
            Some(number) => Err(Error::ExistsLater {
                path: numbered(first, number).display().to_string(),
                first: first.display().to_string(),
            }),
        }
    }

    /// Is it time for another file, of which the one that is being written has so many bytes?
    pub(super) fn is_due(&mut self, bytes: u64, now_ns: u64, facts: &Facts) -> Due {
        let is_due = match self.limit {
            None => false,
            Some(Rotate::Size(size)) => bytes >= size,
            Some(Rotate::Time(time)) => {
                let period_ns = nanoseconds(time);
                let began_ns = facts.started_ns.unwrap_or(now_ns);
                let end_ns = self
                    .end_ns
                    .get_or_insert(began_ns.saturating_add(period_ns));
                now_ns >= *end_ns
            }
        };
        if !is_due {
            return Due::No;
        }
        let since_ns = *self.due_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since_ns) < PATIENCE_NS {
            Due::AtNextCut
        } else {
            Due::Overdue
        }
    }

    /// The next file, with its facts: a recording of its own time. `now` is the last status of the
    /// one before, and `unix_ns` when that was.
    pub(super) fn next(
        &mut self,
        now: Status,
        unix_ns: Option<u64>,
        facts: &Facts,
    ) -> (Output, Facts) {
        self.count += 1;
        let path = numbered(&self.first, self.count);
        self.files.push_back(path.clone());
        let facts = Facts {
            started_ns: Some(now.time_ns),
            started_unix_ns: unix_ns,
            ..facts.clone()
        };
        if let (Some(Rotate::Time(time)), Some(end_ns)) = (self.limit, self.end_ns) {
            self.end_ns = Some(next_end(end_ns, nanoseconds(time), now.time_ns));
        }
        self.due_ns = None;
        self.before = Some(now);
        self.tally = Tally::default();
        (Output::File(path), facts)
    }

    /// Removes files that are too many. One that cannot be removed is somebody else's business by
    /// now.
    pub(super) fn tidy(&mut self) {
        while self.keep.is_some_and(|keep| self.files.len() > keep) {
            if let Some(oldest) = self.files.pop_front() {
                let _ = fs::remove_file(oldest);
            }
        }
    }

    /// Records come into the file that is being written.
    pub(super) fn count(&mut self, migrations: &Migrations) {
        if self.limit.is_some() {
            migrations.each(|row| self.tally.count(row));
        }
    }

    /// A status as the file that is being written tells it: counted since the file began.
    ///
    /// The kernel's totals are read while migrations go on, so that their difference may have a few
    /// that stand in the next file, or lack some. Where every migration of a file has its record,
    /// its totals are counted from those. Those of waits stay the kernel's.
    pub(super) fn tell(&self, status: Status, facts: &Facts) -> Status {
        let mut status = match &self.before {
            Some(before) => status.since(before),
            None => status,
        };
        let is_told = facts.record_every == 1 && !status.lacks_records();
        if self.limit.is_some()
            && is_told
            && let Some(exact) = &mut status.exact
        {
            let told = self.tally.exact();
            let exact = Arc::make_mut(exact);
            exact.counts.clone_from(&told.counts);
            exact.figures.clone_from(&told.figures);
        }
        status
    }

    /// How many files there have been, and which are there.
    pub(super) fn files(&self) -> (u64, &VecDeque<PathBuf>) {
        (self.count, &self.files)
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// When the next file ends: a period after the one before should have, so that files do not become
/// longer by what their ends come late. Periods that are over already are left out.
fn next_end(end_ns: u64, period_ns: u64, now_ns: u64) -> u64 {
    let late = now_ns.saturating_sub(end_ns) / period_ns.max(1);
    end_ns.saturating_add(period_ns.saturating_mul(late + 1))
}

/// The numbers of further files that are there.
fn later(first: &Path) -> Vec<u64> {
    let folder = match first.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // A folder that cannot be read can still be written to; then it is told when it comes to that.
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| number_in(first, &name)).collect()
}

/// The number of a further file of this name.
fn number_in(first: &Path, name: &str) -> Option<u64> {
    let stem = first.file_stem()?.to_string_lossy();
    let rest = name.strip_prefix(&*stem)?.strip_prefix('-')?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let number = digits.parse().ok()?;
    let is_it = numbered(first, number).file_name()?.to_string_lossy() == name;
    (is_it && number > 1).then_some(number)
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

    #[test]
    fn numbers_of_further_files_are_read_back() {
        let first = Path::new("/tmp/run.arrow");
        assert_eq!(number_in(first, "run-2.arrow"), Some(2));
        assert_eq!(number_in(first, "run-17.arrow"), Some(17));
        for other in [
            "run.arrow",
            "run-1.arrow",
            "run-02.arrow",
            "run-2.txt",
            "run-x.arrow",
            "rerun-2.arrow",
        ] {
            assert_eq!(number_in(first, other), None, "{other}");
        }
        assert_eq!(number_in(Path::new("run"), "run-3"), Some(3));
    }

    #[test]
    fn a_number_that_is_taken_is_refused_before_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::File(folder.path().join("run.arrow"));
        let check = || {
            Rotation::check(&output)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(check(), None);
        for name in ["run-12.arrow", "run-7.arrow", "other-2.arrow"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let refused = check().unwrap();
        assert!(refused.contains("run-7.arrow exists already"), "{refused}");
        assert!(Rotation::check(&Output::Stdout).is_ok());
    }

    #[test]
    fn files_keep_their_period() {
        assert_eq!(next_end(100, 50, 100), 150);
        assert_eq!(next_end(100, 50, 149), 150);
        assert_eq!(next_end(100, 50, 260), 300, "it was suspended");
        assert_eq!(next_end(u64::MAX - 1, 50, u64::MAX), u64::MAX);
    }

    #[test]
    fn a_file_ends_between_two_migrations_or_late() {
        let time = std::time::Duration::from_nanos(100);
        let mut rotation = Rotation::new(Some(Rotate::Time(time)), None, &Output::Stdout);
        let facts = Facts {
            started_ns: Some(1000),
            ..Facts::default()
        };
        let mut is_due = |now_ns| rotation.is_due(0, now_ns, &facts);
        assert_eq!(is_due(1099), Due::No);
        assert_eq!(is_due(1100), Due::AtNextCut);
        assert_eq!(is_due(1100 + PATIENCE_NS), Due::Overdue);
    }
}
