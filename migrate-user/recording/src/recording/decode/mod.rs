//! Rows of a recording to batches.

mod columns;
mod interned;
mod mapping;
mod migration;
mod threads;
mod wait;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use super::columns::{EVENT, EVENTS, STATUS};
use super::status as account;
use crate::trace::{Batch, Details, Migrations, Status};
use columns::Columns;
use interned::Texts;
use migration::{MigrationColumns, Stretch};
use wait::WaitColumns;

/// What is wrong with a row.
type Wrong = String;

/// The most migrations in a batch, and the most waits: what a view takes in at once should fit into
/// a processor's cache.
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
    /// Where the message has any.
    wait_columns: Option<WaitColumns>,
    /// The waits that are in no batch yet.
    waits: Range<usize>,
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
        let places = &self.places;
        let of = |rows| Columns { rows, places };
        let [migrations, waits] = events(&of(rows))?;
        let status_at = migrations + waits;
        let status = (status_at < rows.num_rows())
            .then(|| status(&of(rows), status_at))
            .transpose()?;
        let (details, texts) = (self.details, &mut self.texts);
        let of_waits = rows.slice(migrations, waits);
        let wait_columns = (waits > 0)
            .then(|| WaitColumns::new(&of(&of_waits), details, texts))
            .transpose()?;
        let of_migrations = rows.slice(0, migrations);
        let columns = MigrationColumns::new(&of(&of_migrations), details, texts)?;
        self.left = Some(Left {
            columns: Arc::new(columns),
            migrations: 0..migrations,
            wait_columns,
            waits: 0..waits,
            status,
        });
        Ok(())
    }

    /// The next migrations, with the last of a message its first waits, and with the last of those
    /// its status; `None` when all rows are used up.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let left = self.left.as_mut()?;
        let range = first(&mut left.migrations, MOST);
        let stretch = Stretch {
            columns: Arc::clone(&left.columns),
            range,
        };
        let mut batch = Batch {
            migrations: Migrations::of_rows(Arc::new(stretch)),
            ..Batch::default()
        };
        if left.migrations.is_empty() {
            let range = first(&mut left.waits, MOST);
            let columns = left.wait_columns.as_ref();
            batch.waits = columns.map_or_else(Vec::new, |columns| columns.waits(range));
            if left.waits.is_empty() {
                batch.status = left.status.take();
                self.left = None;
            }
        }
        Some(batch)
    }
}

/// Takes the first `most` off.
fn first(range: &mut Range<usize>, most: usize) -> Range<usize> {
    let begin = range.start;
    range.start = range.end.min(begin + most);
    begin..range.start
}

/// How many of these rows are migrations, and how many behind them are waits. Behind those there is
/// one status at the most.
fn events(columns: &Columns<'_>) -> Result<[usize; 2], Wrong> {
    let event = |name: &str| EVENTS.iter().position(|event| *event == name);
    let events = columns.names(EVENT, event)?.needed()?;
    let mut rows = (0..columns.rows.num_rows())
        .map(|row| events.get(row))
        .peekable();
    let mut number = |event| std::iter::from_fn(|| rows.next_if_eq(&event)).count();
    let [migrations, waits, statuses] = [number(0), number(1), number(2)];
    match (statuses, rows.count()) {
        (0 | 1, 0) => Ok([migrations, waits]),
        (_, 0) => Err(format!("{statuses} rows in place of one status")),
        _ => Err("rows that are out of order by event".to_owned()),
    }
}

/// The status in this row.
fn status(columns: &Columns<'_>, row: usize) -> Result<Status, Wrong> {
    let time_ns = columns.numbers("time_ns")?.get(row);
    account::decode(time_ns.unwrap_or(0), columns.text(STATUS, row)?)
}
