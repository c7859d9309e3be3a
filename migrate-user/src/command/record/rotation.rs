//! A recording that goes on in another file now and then, of which the last ones are kept.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Rotate;
use crate::model::Tally;
use crate::recording::Output;
use crate::text::{counted, printable};
use crate::trace::{Facts, Migrations, Status};

/// How long a file may go on when it should end, because migrations come so fast that no moment is
/// found between two of them; nanoseconds.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Which files a recording consists of.
pub(super) struct Rotation {
    limit: Option<Rotate>,
    keep: Option<usize>,
    /// The name that was asked for, which is that of number 1.
    base: PathBuf,
    /// Of the file that is being written.
    number: u64,
    /// How many files there have been.
    count: u64,
    /// Those that are there, and count towards what is kept; those of this recording are the last.
    files: VecDeque<PathBuf>,
    /// Files that earlier recordings left under this name.
    earlier: usize,
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
    /// Of a recording that goes to `output`. Where earlier ones left files under that name, it
    /// goes on after their numbers: nothing of another recording is in its way, or lost by it.
    /// `takes_over`: they count towards what is kept, as if they were of this one.
    pub(super) fn new(
        limit: Option<Rotate>,
        keep: Option<u32>,
        output: &Output,
        takes_over: bool,
    ) -> Self {
        let base = match output {
            Output::File(path) => path.clone(),
            Output::Stdout | Output::Socket(_) => PathBuf::new(),
        };
        let earlier = limit.map_or_else(Vec::new, |_| there(&base));
        let number = earlier.last().map_or(1, |last| last + 1);
        let taken_over = earlier.iter().filter(|_| takes_over);
        let mut files: VecDeque<_> = taken_over.map(|at| numbered(&base, *at)).collect();
        files.push_back(numbered(&base, number));
        Self {
            limit,
            keep: keep.map(|keep| keep as usize),
            base,
            number,
            count: 1,
            files,
            earlier: earlier.len(),
            before: None,
            end_ns: None,
            due_ns: None,
            tally: Tally::default(),
        }
    }

    /// The file that it begins with.
    pub(super) fn first(&self) -> Output {
        Output::File(numbered(&self.base, self.number))
    }

    /// What users should know of files that were there before, as a sentence.
    pub(super) fn note(&self) -> Option<String> {
        let first = self.first().to_string();
        let are = counted(self.earlier as u64, "file is", "files are");
        let begins = format!(
            "{are} there from earlier recordings, so this one begins with {}",
            printable(&first)
        );
        let is_left = self.keep.is_some() && self.files.len() == 1;
        (self.earlier > 0).then(|| match is_left {
            true => {
                format!("{begins}. --keep leaves those alone; with --force it counts them, too.")
            }
            false => format!("{begins}."),
        })
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
        let path = self.next_free();
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

    /// Passes over what somebody else has put there meanwhile.
    fn next_free(&mut self) -> PathBuf {
        loop {
            self.number += 1;
            let path = numbered(&self.base, self.number);
            if path.symlink_metadata().is_err() {
                return path;
            }
        }
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

    /// How many files of this recording there have been, and which are there.
    pub(super) fn files(&self) -> (u64, Vec<&PathBuf>) {
        let own = usize::try_from(self.count).unwrap_or(usize::MAX);
        let others = self.files.len().saturating_sub(own);
        (self.count, self.files.iter().skip(others).collect())
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

/// The numbers of files of this name that are there, in their order.
fn there(first: &Path) -> Vec<u64> {
    let one = first.symlink_metadata().is_ok().then_some(1);
    let mut numbers: Vec<_> = one.into_iter().chain(later(first)).collect();
    numbers.sort_unstable();
    numbers
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
    let number = digits.parse().ok().filter(|number| *number > 1)?;
    let is_it = numbered(first, number).file_name()?.to_string_lossy() == name;
    is_it.then_some(number)
}

/// `run.arrow` becomes `run-2.arrow`.
fn numbered(first: &Path, number: u64) -> PathBuf {
    if number == 1 {
        return first.to_owned();
    }
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

    fn rotation(output: &Output, takes_over: bool) -> Rotation {
        Rotation::new(Some(Rotate::Size(1)), Some(3), output, takes_over)
    }

    fn name(path: &Path) -> &str {
        path.file_name().unwrap().to_str().unwrap()
    }

    #[test]
    fn numbers_go_on_after_those_of_earlier_recordings() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::File(folder.path().join("run.arrow"));
        let first = rotation(&output, false);
        assert_eq!((first.first(), first.note()), (output.clone(), None));
        let earlier = ["run.arrow", "run-7.arrow", "run-12.arrow"];
        for name in earlier
            .into_iter()
            .chain(["other-20.arrow", "run-14.arrow"])
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::remove_file(folder.path().join("run-14.arrow")).unwrap();
        let mut after = rotation(&output, false);
        let Output::File(first) = after.first() else {
            panic!("it is a file")
        };
        assert_eq!(name(&first), "run-13.arrow");
        let note = after.note().unwrap();
        assert!(
            note.starts_with("3 files are there") && note.contains("--force"),
            "{note}"
        );
        // Somebody takes the next number meanwhile.
        fs::write(folder.path().join("run-14.arrow"), "theirs").unwrap();
        for _ in 0..4 {
            let (next, _) = after.next(Status::default(), None, &Facts::default());
            let Output::File(next) = next else {
                panic!("it is a file")
            };
            fs::write(next, "own").unwrap();
            after.tidy();
        }
        let (count, kept) = after.files();
        let kept: Vec<_> = kept.into_iter().map(|path| name(path)).collect();
        assert_eq!(count, 5);
        assert_eq!(kept, ["run-16.arrow", "run-17.arrow", "run-18.arrow"]);
        for left in earlier {
            assert_eq!(fs::read_to_string(folder.path().join(left)).unwrap(), left);
        }
        let theirs = fs::read_to_string(folder.path().join("run-14.arrow"));
        assert_eq!(theirs.unwrap(), "theirs");
    }

    #[test]
    fn earlier_files_count_where_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::File(folder.path().join("run.arrow"));
        for name in ["run.arrow", "run-2.arrow", "run-3.arrow"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut rotation = rotation(&output, true);
        assert!(!rotation.note().unwrap().contains("--force"));
        rotation.tidy();
        assert!(!folder.path().join("run.arrow").exists());
        assert!(folder.path().join("run-2.arrow").exists());
        assert_eq!(rotation.files().1, [&folder.path().join("run-4.arrow")]);
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
        let mut rotation = Rotation::new(Some(Rotate::Time(time)), None, &Output::Stdout, false);
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
