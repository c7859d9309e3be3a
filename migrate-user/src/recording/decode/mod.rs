//! Rows of a recording to batches.

mod columns;
mod interned;
mod migration;

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::columns::{EVENT, EVENTS, STATUS};
use super::facts::Details;
use super::status;
use crate::source::Batch;
use columns::Columns;
use interned::Texts;
use migration::MigrationColumns;

/// What is wrong with a row.
type Wrong = String;

/// The most migrations that are made of rows at a time: they take four times the memory, and what is used at once should fit
/// into a processor's cache.
pub(super) const MOST: usize = 1024;

/// Makes batches of rows.
pub(super) struct Rows {
    /// The place of each column.
    places: HashMap<String, usize>,
    details: Details,
    /// Texts of earlier rows, so that equal ones share memory.
    texts: Texts,
    /// Rows of which no batch has been made.
    left: Option<RecordBatch>,
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

    /// Takes in rows. Those before must have been used up.
    pub(super) fn add(&mut self, rows: RecordBatch) {
        self.left = Some(rows);
    }

    /// The next migrations, and with the last of a message its status; `None` when all rows are used up.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, Wrong> {
        let Some(rows) = self.left.take().filter(|rows| rows.num_rows() > 0) else {
            return Ok(None);
        };
        let [migrations, statuses] = self.events(&rows)?;
        let taken = migrations.min(MOST);
        let mut batch = Batch {
            migrations: self.migrations(&rows.slice(0, taken))?,
            status: None,
        };
        if taken < migrations {
            self.left = Some(rows.slice(taken, rows.num_rows() - taken));
        } else if statuses > 0 {
            let columns = self.columns(&rows);
            let time_ns = columns.numbers("time_ns")?.get(taken);
            let text = columns.text(STATUS, taken)?;
            batch.status = Some(status::decode(time_ns.unwrap_or(0), text)?);
        }
        Ok(Some(batch))
    }

    fn columns<'a>(&'a self, rows: &'a RecordBatch) -> Columns<'a> {
        Columns {
            rows,
            places: &self.places,
        }
    }

    /// How many migrations and statuses these rows are: one status at the most, behind all migrations.
    fn events(&self, rows: &RecordBatch) -> Result<[usize; 2], Wrong> {
        let is_migration = |name: &str| Some(name == EVENTS[0]);
        let columns = self.columns(rows);
        let events = columns.names(EVENT, is_migration)?.needed()?;
        let migrations = (0..rows.num_rows())
            .take_while(|row| events.get(*row))
            .count();
        let others = rows.num_rows() - migrations;
        if others > 1 {
            return Err(format!("{others} rows in place of one status"));
        }
        Ok([migrations, others])
    }

    fn migrations(&mut self, rows: &RecordBatch) -> Result<Vec<crate::model::Migration>, Wrong> {
        let columns = Columns {
            rows,
            places: &self.places,
        };
        let columns = MigrationColumns::new(&columns, self.details, &mut self.texts)?;
        Ok((0..rows.num_rows()).map(|row| columns.get(row)).collect())
    }
}
