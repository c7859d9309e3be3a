//! SQLite files of strangers. Only their tables are read, by statements of ours: no view, trigger
//! or virtual table of theirs is run, and no value is longer than [`MOST_BYTES`].

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, Row, Statement};

use super::{Refusal, Stop};

/// The longest value that is read, bytes.
const MOST_BYTES: i32 = 1 << 20;

/// What SQLite may remember of the file, KiB.
const CACHE_KIB: u32 = 16 << 10;

/// The most tables of a file that are looked at.
const MOST_TABLES: usize = 4096;

const DAMAGED: &str = "Copy it again, in binary mode, or export it again.";

/// A file that is open to be read.
pub(super) struct Database(Connection);

/// Why SQLite does not read it.
pub(super) fn unread(error: &rusqlite::Error) -> Refusal {
    Refusal::new(format!("SQLite cannot read it: {error}"), DAMAGED)
}

/// A name of a table as a statement has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Database {
    /// Opens it, so that nothing in it can do anything.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        Self::opened(path).map_err(|error| unread(&error))
    }

    fn opened(path: &Path) -> rusqlite::Result<Self> {
        // A name that begins with `file:` would be taken for an address with options.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        for (what, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        ] {
            connection.set_db_config(what, on)?;
        }
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST_BYTES)?;
        connection.execute_batch(&format!(
            "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -{CACHE_KIB};"
        ))?;
        Ok(Self(connection))
    }

    /// The names of its ordinary tables.
    pub(super) fn tables(&self) -> Result<Vec<String>, Refusal> {
        let sql = format!(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' LIMIT {MOST_TABLES}"
        );
        self.texts(&sql)
    }

    /// The names of a table's columns.
    pub(super) fn columns(&self, table: &str) -> Result<Vec<String>, Refusal> {
        self.texts(&format!(
            "SELECT name FROM pragma_table_info({})",
            literal(table)
        ))
    }

    /// The first column of a statement, as texts. Null is left out.
    pub(super) fn texts(&self, sql: &str) -> Result<Vec<String>, Refusal> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.0.prepare(sql)?;
            let mut rows = statement.query([])?;
            let mut texts = Vec::new();
            while let Some(row) = rows.next()? {
                texts.extend(text(row, 0));
            }
            Ok(texts)
        };
        read().map_err(|error| unread(&error))
    }

    /// The first column of a statement, as numbers. What is none is left out.
    pub(super) fn numbers(&self, sql: &str) -> Result<Vec<i64>, Refusal> {
        let mut numbers = Vec::new();
        self.each(sql, |row| {
            numbers.extend(number(row, 0));
            Ok(())
        })
        .map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal,
            Stop::Out(cause) => Refusal::new(cause.to_string(), DAMAGED),
        })?;
        Ok(numbers)
    }

    /// Hands over each row of a statement.
    pub(super) fn each(
        &self,
        sql: &str,
        mut take: impl FnMut(&Row<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let failed = |error: rusqlite::Error| Stop::Refused(unread(&error));
        let mut statement: Statement<'_> = self.0.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(row)?;
        }
        Ok(())
    }
}

/// A text as a statement has it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column as text; `None` for what is none. What is no UTF-8 is replaced.
pub(super) fn text(row: &Row<'_>, column: usize) -> Option<String> {
    let value = row.get_ref(column).ok()?;
    let bytes = value.as_bytes().ok()?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// A column as a number; `None` for what is none.
pub(super) fn number(row: &Row<'_>, column: usize) -> Option<i64> {
    row.get_ref(column).ok()?.as_i64().ok()
}
