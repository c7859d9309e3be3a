//! Nsight Systems' SQLite export.
//!
//! Times are nanoseconds since the session began, whose moment by the wall clock is in
//! `TARGET_INFO_SESSION_START_TIME`. The same table may have `systemClockNs`; which clock of Linux
//! that is, is not said, so it is not used.

use super::Refusal;
use super::clocks::{Offset, check_machine};
use super::source::Source;
use super::sqlite::Database;
use crate::trace::Facts;

const KERNELS: &str = "CUPTI_ACTIVITY_KIND_KERNEL";
const COPIES: &str = "CUPTI_ACTIVITY_KIND_MEMCPY";
const SETS: &str = "CUPTI_ACTIVITY_KIND_MEMSET";
const RANGES: &str = "NVTX_EVENTS";
const STRINGS: &str = "StringIds";
const COPY_KINDS: &str = "ENUM_CUDA_MEMCPY_OPER";
const SESSION: &str = "TARGET_INFO_SESSION_START_TIME";
const SYSTEM: &str = "TARGET_INFO_SYSTEM_ENV";

/// A process and a thread in one number: 24 bits of each, the thread's lowest.
const PROCESS: &str = "(({}) >> 24) & 0xffffff";
const THREAD: &str = "({}) & 0xffffff";

const EXPORT_AGAIN: &str =
    "Export the report again with a newer version: `nsys export --type sqlite`.";

/// Are these tables of it?
pub(super) fn is_it(tables: &[String]) -> bool {
    tables
        .iter()
        .any(|table| [KERNELS, COPIES, SESSION].contains(&table.as_str()))
}

/// What is read of it.
pub(super) fn source(
    database: &Database,
    tables: &[String],
    facts: &Facts,
    same_machine: bool,
) -> Result<Source, Refusal> {
    let export = Export { database, tables };
    if !same_machine {
        check_machine(export.host()?.as_deref(), None, facts)?;
    }
    let offset = Offset::from_unix(export.began_unix_ns()?, facts)?;
    let parts = [
        export.kernels()?,
        export.copies()?,
        export.sets()?,
        export.ranges()?,
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return Err(Refusal::new(
            "it has neither kernels nor copies",
            "Trace them: `nsys profile --trace cuda`.",
        ));
    }
    Ok(Source {
        rows: parts.join(" UNION ALL "),
        offset,
        notes: vec![
            "the trace is put on the recording's clock by the wall clock, which each side read once, when it began. Where the wall \
             clock was set in between, or ran faster or slower, they are apart by that much."
                .to_owned(),
        ],
    })
}

/// An export, by its tables.
struct Export<'a> {
    database: &'a Database,
    tables: &'a [String],
}

impl Export<'_> {
    fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|name| name == table)
    }

    /// When the session began, nanoseconds since 1970.
    fn began_unix_ns(&self) -> Result<i64, Refusal> {
        let unknown = |why| Err(Refusal::new(why, EXPORT_AGAIN));
        let has = |column: &str| {
            let columns = self.database.columns(SESSION)?;
            Ok::<_, Refusal>(columns.iter().any(|name| name == column))
        };
        if !self.has(SESSION) || !has("utcEpochNs")? {
            return unknown(
                "it does not say when its session began (TARGET_INFO_SESSION_START_TIME)",
            );
        }
        let sql = format!("SELECT DISTINCT utcEpochNs FROM {SESSION} LIMIT 2");
        match self.database.numbers(&sql)?[..] {
            [began] => Ok(began),
            [] => unknown("it does not say when its session began (utcEpochNs)"),
            _ => unknown("it says that its session began at several times"),
        }
    }

    fn host(&self) -> Result<Option<String>, Refusal> {
        if !self.has(SYSTEM) {
            return Ok(None);
        }
        let sql = format!("SELECT value FROM {SYSTEM} WHERE name = 'Hostname' LIMIT 1");
        Ok(self.database.texts(&sql)?.pop())
    }

    /// The statement for a table, where it is there and has these columns. What it may have or not
    /// is asked for by `optional`.
    fn part(
        &self,
        table: &str,
        needs: &[&str],
        statement: impl FnOnce(&dyn Fn(&str) -> String) -> String,
    ) -> Result<Option<String>, Refusal> {
        if !self.has(table) {
            return Ok(None);
        }
        let columns = self.database.columns(table)?;
        let has = |column: &str| columns.iter().any(|name| name == column);
        if let Some(missing) = needs.iter().find(|column| !has(column)) {
            let why = format!(
                "its table {table} has no column {missing}, so it is of a version that is not known"
            );
            return Err(Refusal::new(why, EXPORT_AGAIN));
        }
        let optional = |column: &str| match has(column) {
            true => format!("t.{column}"),
            false => "NULL".to_owned(),
        };
        Ok(Some(statement(&optional)))
    }

    /// A statement's column for a string of which a number is known, and what it takes to join it.
    fn string(&self, id: &str) -> (&'static str, String) {
        match self.has(STRINGS) {
            true => ("s.value", format!("LEFT JOIN {STRINGS} s ON s.id = {id}")),
            false => ("NULL", String::new()),
        }
    }

    fn kernels(&self) -> Result<Option<String>, Refusal> {
        let needs = ["start", "end", "deviceId", "streamId"];
        self.part(KERNELS, &needs, |optional| {
            let id = format!(
                "coalesce({}, {})",
                optional("demangledName"),
                optional("shortName")
            );
            let (name, join) = self.string(&id);
            device(KERNELS, "kernel", name, "NULL", &join, optional)
        })
    }

    fn copies(&self) -> Result<Option<String>, Refusal> {
        let needs = ["start", "end", "deviceId", "streamId", "bytes", "copyKind"];
        let (name, join) = match self.has(COPY_KINDS) {
            true => (
                "s.label",
                format!("LEFT JOIN {COPY_KINDS} s ON s.id = t.copyKind"),
            ),
            false => ("'copy of kind ' || t.copyKind", String::new()),
        };
        self.part(COPIES, &needs, |optional| {
            device(COPIES, "memcpy", name, "t.bytes", &join, optional)
        })
    }

    fn sets(&self) -> Result<Option<String>, Refusal> {
        let needs = ["start", "end", "deviceId", "streamId", "bytes"];
        self.part(SETS, &needs, |optional| {
            device(SETS, "memset", "'memset'", "t.bytes", "", optional)
        })
    }

    /// What the program marked: only what has an end.
    fn ranges(&self) -> Result<Option<String>, Refusal> {
        self.part(RANGES, &["start", "end", "text"], |optional| {
            let (name, join) = self.string(&optional("textId"));
            let process = PROCESS.replace("{}", &optional("globalTid"));
            let thread = THREAD.replace("{}", &optional("globalTid"));
            format!(
                "SELECT t.start AS start, t.end AS end, 'nvtx' AS category, {process} AS process, {thread} AS thread, \
                 'NVTX' AS place, coalesce(t.text, {name}) AS name, NULL AS bytes FROM {RANGES} t {join} \
                 WHERE t.end IS NOT NULL"
            )
        })
    }
}

/// The statement for what a device did.
fn device(
    table: &str,
    category: &str,
    name: &str,
    bytes: &str,
    join: &str,
    optional: &dyn Fn(&str) -> String,
) -> String {
    let process = PROCESS.replace("{}", &optional("globalPid"));
    format!(
        "SELECT t.start AS start, t.end AS end, '{category}' AS category, {process} AS process, NULL AS thread, \
         'GPU ' || t.deviceId || ', stream ' || t.streamId AS place, {name} AS name, {bytes} AS bytes FROM {table} t {join}"
    )
}
