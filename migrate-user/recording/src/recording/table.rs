//! Migrations and waits as rows of a table.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use super::column::{Column, Of, Rows};
use super::columns::{columns, schema};
use crate::trace::{Details, Facts, Migration, Wait};

/// Makes rows in the columns of a recording.
pub struct Table {
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl Table {
    /// With the columns of a recording with these facts.
    pub(super) fn of_recording(facts: &Facts) -> Self {
        Self::with(columns(facts.details), facts)
    }

    /// With those that tell of migrations alone.
    pub fn of_migrations(facts: &Facts) -> Self {
        let mut columns = columns(facts.details);
        columns.retain(|column| matches!(column.of, Of::Migrations | Of::Both));
        Self::with(columns, facts)
    }

    /// With those that tell of waits alone, also where none were followed.
    pub fn of_waits(facts: &Facts) -> Self {
        let mut columns = columns(Details {
            waits: true,
            ..facts.details
        });
        columns.retain(|column| matches!(column.of, Of::Waits | Of::Both));
        Self::with(columns, facts)
    }

    fn with(columns: Vec<Column>, facts: &Facts) -> Self {
        Self {
            schema: Arc::new(schema(&columns, facts)),
            columns,
        }
    }

    /// The columns, with the facts in the metadata.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// One row for each migration.
    ///
    /// # Errors
    ///
    /// Those of Arrow, which none of these columns is known to have.
    pub fn migrations(&mut self, migrations: &[Migration]) -> Result<RecordBatch, ArrowError> {
        self.rows(&Rows::new(migrations, &[], None))
    }

    /// One row for each wait.
    ///
    /// # Errors
    ///
    /// As [`migrations`](Self::migrations).
    pub fn waits(&mut self, waits: &[Wait]) -> Result<RecordBatch, ArrowError> {
        self.rows(&Rows::new(&[], waits, None))
    }

    pub(super) fn rows(&mut self, rows: &Rows<'_>) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let arrays = self.columns.iter_mut().map(|column| (column.encode)(rows));
        RecordBatch::try_new(schema, arrays.collect())
    }
}
