//! Rows of a recording to batches.

mod columns;
mod interned;
mod migration;
mod status;

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::row::Event;
use crate::model::Exact;
use crate::source::Batch;
use columns::Columns;
use interned::Interned;
use migration::MigrationColumns;
use status::{HistogramColumns, StatusColumns, TotalColumns};

/// What is wrong with a row.
type Wrong = String;

/// Combinations of direction, trigger and outcome, and of direction, trigger and figure, are fewer: more rows of the
/// kernel's totals in a batch are damage.
const MAX_TOTALS: usize = 256;

/// Reads rows. Keeps the texts of earlier rows, so that equal ones share memory.
#[derive(Default)]
pub(super) struct Rows {
    texts: Interned,
}

impl Rows {
    /// The migrations among the rows, and the last status with its totals.
    pub(super) fn batch(&mut self, rows: &RecordBatch) -> Result<Batch, Wrong> {
        let columns = Columns { rows };
        let events = columns.names("event", Event::from_name)?;
        let migration = MigrationColumns::new(&columns)?;
        let status = StatusColumns::new(&columns)?;
        let total = TotalColumns::new(&columns)?;
        let histogram = HistogramColumns::new(&columns)?;
        let mut batch = Batch::default();
        let (mut exact, mut promised) = (Exact::default(), None);
        for row in 0..rows.num_rows() {
            match events.needed(row)? {
                Event::Migration => batch.migrations.push(migration.get(row, &mut self.texts)?),
                Event::Status => {
                    batch.status = Some(status.get(row)?);
                    promised = status.totals(row);
                }
                Event::Total => exact.counts.push(total.get(row)?),
                Event::Histogram => exact.figures.push(histogram.get(row)?),
            }
            if exact.len() > MAX_TOTALS {
                return Err("too many totals in one batch".to_owned());
            }
        }
        if exact.len() as u64 != promised.unwrap_or(0) {
            return Err(format!(
                "{} totals in place of {}",
                exact.len(),
                promised.unwrap_or(0)
            ));
        }
        if let Some(status) = batch.status.as_mut().filter(|_| promised.is_some()) {
            status.exact = Some(Arc::new(exact));
        }
        Ok(batch)
    }
}
