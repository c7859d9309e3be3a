//! Parquet: one row per migration or wait, in the columns of a recording. The facts stand in the
//! file's metadata.

use std::io;
use std::slice;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Event, Export, Notes, Out};
use crate::recording::Table;
use crate::trace::{Batch, Facts};

/// Rows that are held back to be written together, as column chunks of a row group.
const ROW_GROUP: usize = 1 << 17;

/// A Parquet file.
pub struct Parquet(pub Event);

impl Export for Parquet {
    fn is_binary(&self) -> bool {
        true
    }

    fn events(&self) -> &[Event] {
        slice::from_ref(&self.0)
    }

    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let mut table = match self.0 {
            Event::Migration => Table::of_migrations(facts),
            Event::Wait => Table::of_waits(facts),
        };
        let schema = table.schema();
        let facts = schema.metadata().iter();
        let facts = facts.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_key_value_metadata(Some(facts.collect()))
            .build();
        let mut file = ArrowWriter::try_new(out, schema, Some(properties))?;
        for batch in batches {
            let rows = match self.0 {
                Event::Migration => table.migrations(batch.migrations.made()),
                Event::Wait => table.waits(&batch.waits),
            };
            file.write(&rows.map_err(io::Error::other)?)?;
        }
        file.close()?;
        Ok(Notes::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::UInt64Type;
    use arrow_array::{Array as _, RecordBatch};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use migscope_testkit::{Synthetic, facts};

    /// The rows of an export, and what stands in its metadata.
    fn exported(
        event: Event,
        facts: &Facts,
        batches: &[Batch],
    ) -> (Vec<RecordBatch>, Vec<KeyValue>) {
        let mut out = Vec::new();
        Parquet(event)
            .export(facts, &mut batches.iter().cloned(), &mut out)
            .unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).unwrap();
        let notes = reader.metadata().file_metadata().key_value_metadata();
        let notes = notes.unwrap().clone();
        (reader.build().unwrap().map(Result::unwrap).collect(), notes)
    }

    fn column(rows: &[RecordBatch], name: &str) -> Vec<Option<u64>> {
        let arrays = rows.iter().map(|rows| rows.column_by_name(name).unwrap());
        let values = arrays.flat_map(|array| array.as_primitive::<UInt64Type>().iter());
        values.collect()
    }

    #[test]
    fn a_row_for_each_migration_and_nothing_else() {
        let mut synthetic = Synthetic::new(1).with_totals().with_waits();
        let batches = [synthetic.batch(50), synthetic.batch(0), synthetic.batch(70)];
        let mut facts = facts();
        facts.details.waits = true;
        let (rows, notes) = exported(Event::Migration, &facts, &batches);
        let host = KeyValue::new("migscope.host".to_owned(), "testbed".to_owned());
        assert!(notes.contains(&host));
        let migrations = || batches.iter().flat_map(|batch| &batch.migrations);
        let moved = migrations().map(|m| Some(m.ledger.moved));
        assert_eq!(column(&rows, "moved"), moved.collect::<Vec<_>>());
        let finalize = migrations().map(|m| m.steps[4]);
        assert_eq!(column(&rows, "finalize_ns"), finalize.collect::<Vec<_>>());
        for other in ["event", "status", "wait", "wait_ns"] {
            assert!(rows[0].column_by_name(other).is_none());
        }
        let nobodys = batches[0]
            .migrations
            .made()
            .iter()
            .filter(|m| m.comm.is_none());
        let column = rows[0].column_by_name("comm").unwrap();
        assert!(column.null_count() >= nobodys.count());
    }

    #[test]
    fn a_row_for_each_wait_and_nothing_else() {
        let mut synthetic = Synthetic::new(1).with_totals().with_waits();
        let batches = [synthetic.batch(50), synthetic.batch(0), synthetic.batch(70)];
        // Whether the recording has columns for them or not.
        let (rows, _) = exported(Event::Wait, &facts(), &batches);
        let waits = || batches.iter().flat_map(|batch| &batch.waits);
        let total = waits().map(|wait| Some(wait.total_ns));
        assert_eq!(column(&rows, "wait_ns"), total.collect::<Vec<_>>());
        let address = waits().map(|wait| wait.address);
        assert_eq!(column(&rows, "address"), address.collect::<Vec<_>>());
        for other in ["event", "status", "sequence", "moved", "driver"] {
            assert!(rows[0].column_by_name(other).is_none());
        }
    }
}
