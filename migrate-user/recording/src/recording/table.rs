//! Migrations as rows of a table.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::column::{Column, Rows};
use super::columns::{EVENT, STATUS, columns, schema};
use crate::trace::{Facts, Migration};

/// Makes rows in the columns of a recording.
pub struct Table {
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl Table {
    /// With the columns of a recording with these facts.
    pub(super) fn of_recording(facts: &Facts) -> Self {
        Self {
            schema: Arc::new(schema(facts)),
            columns: columns(facts.details),
        }
    }

    /// With those that tell of migrations alone.
    pub fn of_migrations(facts: &Facts) -> Self {
        let is_kept = |name: &str| name != EVENT && name != STATUS;
        let Schema { fields, metadata } = schema(facts);
        let fields = fields.iter().filter(|field| is_kept(field.name())).cloned();
        let mut columns = columns(facts.details);
        columns.retain(|column| is_kept(&column.name));
        Self {
            schema: Arc::new(Schema::new_with_metadata(
                fields.collect::<Vec<_>>(),
                metadata,
            )),
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
        self.rows(&Rows::new(migrations, None))
    }

    pub(super) fn rows(&mut self, rows: &Rows<'_>) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let arrays = self.columns.iter_mut().map(|column| (column.encode)(rows));
        RecordBatch::try_new(schema, arrays.collect())
    }
}
