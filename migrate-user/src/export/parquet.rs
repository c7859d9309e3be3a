//! Parquet: one row per migration, in the columns of a recording. The facts stand in the file's
//! metadata.

use std::io;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Export, Out};
use crate::recording::Table;
use crate::trace::{Batch, Facts};

/// Rows that are held back to be written together, as column chunks of a row group.
const ROW_GROUP: usize = 1 << 17;

/// A Parquet file.
pub struct Parquet;

impl Export for Parquet {
    fn is_binary(&self) -> bool {
        true
    }

    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()> {
        let mut table = Table::of_migrations(facts);
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
            let rows = table.migrations(batch.migrations.made());
            file.write(&rows.map_err(io::Error::other)?)?;
        }
        file.close()?;
        Ok(())
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

    #[test]
    fn a_row_for_each_migration_and_nothing_else() {
        let mut synthetic = Synthetic::new(1).with_totals();
        let batches = [synthetic.batch(50), synthetic.batch(0), synthetic.batch(70)];
        let mut out = Vec::new();
        Parquet
            .export(&facts(), &mut batches.iter().cloned(), &mut out)
            .unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).unwrap();
        let notes = reader.metadata().file_metadata().key_value_metadata();
        let host = KeyValue::new("migscope.host".to_owned(), "testbed".to_owned());
        assert!(notes.unwrap().contains(&host));
        let rows: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        let column = |name: &str| -> Vec<Option<u64>> {
            let arrays = rows.iter().map(|rows| rows.column_by_name(name).unwrap());
            let values = arrays.flat_map(|array| array.as_primitive::<UInt64Type>().iter());
            values.collect()
        };
        let migrations = || batches.iter().flat_map(|batch| &batch.migrations);
        let moved = migrations().map(|m| Some(m.ledger.moved));
        assert_eq!(column("moved"), moved.collect::<Vec<_>>());
        let finalize = migrations().map(|m| m.steps[4]);
        assert_eq!(column("finalize_ns"), finalize.collect::<Vec<_>>());
        assert!(rows[0].column_by_name("status").is_none());
        let nobodys = batches[0]
            .migrations
            .made()
            .iter()
            .filter(|m| m.comm.is_none());
        let column = rows[0].column_by_name("comm").unwrap();
        assert!(column.null_count() >= nobodys.count());
    }
}
