//! Traces that are tables: each profiler has other ones, and what is read of them is the same.

use std::path::Path;

use rusqlite::Row;

use super::clocks::{Offset, check_begin, check_end};
use super::source::{COLUMNS, Source};
use super::sqlite::{Database, number, text};
use super::{Refusal, Stop, nsys, rocpd};
use crate::export::perfetto::{Numbers, Others, Perfetto, Place, Slice, clock_of};
use crate::export::{Export as _, Notes, Out};
use crate::text::counted;
use crate::trace::{Batch, Facts, Migration};

/// The sequence of packets that are of the other trace; a recording's is 1.
const SEQUENCE: u32 = 2;

/// The longest name that is kept, bytes. Names of templates are long.
const MOST_NAME: usize = 4096;

/// A trace of tables that fits a recording.
pub struct Tables {
    database: Database,
    source: Source,
    /// When it begins, nanoseconds of the recording's clock.
    begin_ns: u64,
}

impl Tables {
    pub(super) fn open(path: &Path, facts: &Facts, same_machine: bool) -> Result<Self, Refusal> {
        let database = Database::open(path)?;
        let tables = database.tables()?;
        let source = if nsys::is_it(&tables) {
            nsys::source(&database, &tables, facts, same_machine)?
        } else if rocpd::is_it(&tables) {
            rocpd::source(&database, &tables, facts, same_machine)?
        } else {
            return Err(Refusal::new(
                "it has no table of Nsight Systems (CUPTI_ACTIVITY_KIND_KERNEL and others) or of rocprofv3 (rocpd_kernel_dispatch)",
                "Trace kernels (`nsys profile --trace cuda`, `rocprofv3 --kernel-trace`), and export what that wrote.",
            ));
        };
        let [begin_ns, end_ns] = extent(&database, &source)?;
        check_end(end_ns, facts)?;
        Ok(Self {
            database,
            source,
            begin_ns,
        })
    }

    pub(super) fn write(
        self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> Result<Notes, Stop> {
        let mut reached_ns = 0_u64;
        let mut passing = batches.inspect(|batch| {
            let status = batch.status.as_ref().map_or(0, |status| status.time_ns);
            let ends = batch.migrations.made().iter().map(Migration::end_ns);
            reached_ns = ends.fold(reached_ns.max(status), u64::max);
        });
        Perfetto.export(facts, &mut passing, &mut *out)?;
        check_begin(self.begin_ns, reached_ns)?;
        let numbers = Numbers::all(SEQUENCE);
        let mut others = Others::new(&numbers, clock_of(facts), out);
        let (mut written, mut wrong) = (0, 0);
        self.database.each(&self.ordered(), |row| {
            match Told::of(row, self.source.offset) {
                Some(told) => {
                    written += 1;
                    others.slice(&told.place, &told.slice())?;
                }
                None => wrong += 1,
            }
            Ok(())
        })?;
        let left_out = others.finish()?;
        let mut notes = self.source.notes;
        notes.extend(lacks(written - left_out, left_out, wrong));
        Ok(notes)
    }

    /// In the order that slices need.
    fn ordered(&self) -> String {
        format!(
            "SELECT {COLUMNS} FROM ({}) ORDER BY start, end DESC",
            self.source.rows
        )
    }
}

/// From when to when it is, nanoseconds of the recording's clock.
fn extent(database: &Database, source: &Source) -> Result<[u64; 2], Refusal> {
    let of = |what: &str| {
        let sql = format!(
            "SELECT {what} FROM ({}) WHERE typeof(start) = 'integer' AND typeof(end) = 'integer' AND start <= end",
            source.rows
        );
        database.numbers(&sql).map(|found| found.first().copied())
    };
    let (Some(begin), Some(end)) = (of("min(start)")?, of("max(end)")?) else {
        return Err(Refusal::new(
            "it has no kernel and no copy",
            "Trace while the program uses the GPU.",
        ));
    };
    match (source.offset.apply(begin), source.offset.apply(end)) {
        (begin, Some(end)) => Ok([begin.unwrap_or(0), end]),
        (_, None) => Err(Refusal::new(
            "it ended before the machine of the recording was started",
            "Record both at once, on one machine.",
        )),
    }
}

/// A row, understood.
struct Told {
    place: Place,
    time_ns: u64,
    end_ns: u64,
    category: String,
    name: String,
    bytes: Option<u64>,
}

impl Told {
    /// `None` if its times are none.
    fn of(row: &Row<'_>, offset: Offset) -> Option<Self> {
        let time = |column| number(row, column).and_then(|time| offset.apply(time));
        let (time_ns, end_ns) = (time(0)?, time(1)?);
        let id = |column| number(row, column).and_then(|id| u32::try_from(id).ok());
        (time_ns <= end_ns).then(|| Self {
            place: Place {
                process: id(3),
                thread: id(4),
                name: name(row, 5),
            },
            time_ns,
            end_ns,
            category: name(row, 2),
            name: name(row, 6),
            bytes: number(row, 7).and_then(|bytes| u64::try_from(bytes).ok()),
        })
    }

    fn slice(&self) -> Slice<'_> {
        Slice {
            time_ns: self.time_ns,
            end_ns: self.end_ns,
            category: &self.category,
            name: &self.name,
            bytes: self.bytes,
        }
    }
}

/// A name, cut where it is too long.
fn name(row: &Row<'_>, column: usize) -> String {
    let Some(mut name) = text(row, column) else {
        return "(no name)".to_owned();
    };
    if name.len() > MOST_NAME {
        let at = (0..=MOST_NAME).rev().find(|at| name.is_char_boundary(*at));
        name.truncate(at.unwrap_or(0));
        name.push_str("[cut]");
    }
    name
}

/// What was written, and what was not.
fn lacks(written: u64, left_out: u64, wrong: u64) -> Notes {
    let rows = |rows| counted(rows, "row", "rows");
    let written = format!("{} of the trace stand beside the recording.", rows(written));
    let left_out = (left_out > 0).then(|| {
        format!(
            "{} are left out: too many overlap, or lie in too many places.",
            rows(left_out)
        )
    });
    let wrong = (wrong > 0).then(|| {
        format!(
            "{} are left out: they have no times, or end before they begin.",
            rows(wrong)
        )
    });
    [Some(written), left_out, wrong]
        .into_iter()
        .flatten()
        .collect()
}
