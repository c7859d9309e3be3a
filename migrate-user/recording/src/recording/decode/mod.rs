//! Rows of a recording to batches.

mod columns;
mod interned;
mod migration;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::columns::{EVENT, EVENTS, STATUS};
use super::status;
use crate::trace::{Batch, Details, Migrations, Status};
use columns::Columns;
use interned::Texts;
use migration::{MigrationColumns, Stretch};

/// What is wrong with a row.
type Wrong = String;

/// The most migrations in a batch: what a view takes in at once should fit into a processor's
/// cache.
pub(super) const MOST: usize = 1024;

/// Makes batches of rows.
pub(super) struct Rows {
    /// The place of each column.
    places: HashMap<String, usize>,
    details: Details,
    /// Texts of earlier rows, so that equal ones share memory.
    texts: Texts,
    left: Option<Left>,
}

/// A message of which not all batches have been made.
struct Left {
    columns: Arc<MigrationColumns>,
    /// The migrations that are in no batch yet.
    migrations: Range<usize>,
    status: Option<Status>,
}

impl Rows {
    /// Rows of this schema, with these details.
    pub(super) fn new(schema: &Schema, details: Details) -> Self {
        let names = schema.fields().iter().map(|field| field.name().clone());
        Self {
            places: names.zip(0..).collect(),
            details,
            texts: Texts::default(),
            left: None,
        }
    }

    /// Takes in a message. Those before must have been used up.
    pub(super) fn add(&mut self, rows: &RecordBatch) -> Result<(), Wrong> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let of = |rows| Columns {
            rows,
            places: &self.places,
        };
        let migrations = migrations(&of(rows))?;
        let status = (migrations < rows.num_rows())
            .then(|| status_at(&of(rows), migrations))
            .transpose()?;
        let rows = rows.slice(0, migrations);
        let columns = MigrationColumns::new(&of(&rows), self.details, &mut self.texts)?;
        self.left = Some(Left {
            columns: Arc::new(columns),
            migrations: 0..migrations,
            status,
        });
        Ok(())
    }

    /// The next migrations, and with the last of a message its status; `None` when all rows are
    /// used up.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let left = self.left.as_mut()?;
        let Range { start, end } = left.migrations;
        let next = end.min(start + MOST);
        let stretch = Stretch {
            columns: Arc::clone(&left.columns),
            range: start..next,
        };
        let mut batch = Batch {
            migrations: Migrations::of_rows(Arc::new(stretch)),
            waits: Vec::new(),
            status: None,
        };
        left.migrations.start = next;
        if next == end {
            batch.status = left.status.take();
            self.left = None;
        }
        Some(batch)
    }
}

/// How many of these rows are migrations. Behind them there is one status at the most.
fn migrations(columns: &Columns<'_>) -> Result<usize, Wrong> {
    let is_migration = |name: &str| Some(name == EVENTS[0]);
    let events = columns.names(EVENT, is_migration)?.needed()?;
    let rows = columns.rows.num_rows();
    let migrations = (0..rows).take_while(|row| events.get(*row)).count();
    match rows - migrations {
        0 | 1 => Ok(migrations),
        others => Err(format!("{others} rows in place of one status")),
    }
}

/// The status in this row.
fn status_at(columns: &Columns<'_>, row: usize) -> Result<Status, Wrong> {
    let time_ns = columns.numbers("time_ns")?.get(row);
    status::decode(time_ns.unwrap_or(0), columns.text(STATUS, row)?)
}
