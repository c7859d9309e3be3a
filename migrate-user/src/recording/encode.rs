//! Batches to rows of a recording.

use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int8Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};

use super::Facts;
use super::column::{Column, EVENTS, Values, columns, schema};
use crate::source::Batch;

/// Turns batches into the bytes of an Arrow IPC stream, one whole message at a time.
pub(super) struct Encoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    stream: StreamWriter<Vec<u8>>,
}

impl Encoder {
    /// Begins a stream. Its first bytes, schema and facts, are there at once.
    pub(super) fn new(facts: &Facts) -> Result<Self, ArrowError> {
        let schema = SchemaRef::new(schema(facts));
        // Eight bytes is what the format asks for. The usual 64 would pad every small column of a small batch.
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?
            .try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &schema, options)?;
        Ok(Self {
            schema,
            columns: columns(),
            stream,
        })
    }

    /// Encodes one batch; nothing if it has neither migrations nor a status.
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        if batch.migrations.is_empty() && batch.status.is_none() {
            return Ok(());
        }
        let arrays = self
            .columns
            .iter()
            .map(|column| array(column, batch))
            .collect();
        self.stream
            .write(&RecordBatch::try_new(self.schema.clone(), arrays)?)
    }

    /// Ends the stream with its mark.
    pub(super) fn finish(&mut self) -> Result<(), ArrowError> {
        self.stream.finish()
    }

    /// The bytes that have come since this was last called.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.stream.get_mut())
    }
}

/// One column of a batch: its migrations, then its status.
fn array(column: &Column, batch: &Batch) -> ArrayRef {
    let migrations = &batch.migrations;
    let status = batch.status.as_slice();
    match &column.values {
        Values::Event => {
            let keys = std::iter::repeat_n(0, migrations.len()).chain(status.iter().map(|_| 1));
            dictionary(&EVENTS, keys.map(Some).collect())
        }
        Values::Time => {
            let times = migrations
                .iter()
                .map(|m| m.time_ns)
                .chain(status.iter().map(|s| s.time_ns));
            Arc::new(times.collect::<UInt64Array>())
        }
        Values::U64(get) => {
            let numbers = migrations
                .iter()
                .map(get)
                .chain(status.iter().map(|_| None));
            Arc::new(numbers.collect::<UInt64Array>())
        }
        Values::U32(get) => {
            let numbers = migrations
                .iter()
                .map(get)
                .chain(status.iter().map(|_| None));
            Arc::new(numbers.collect::<UInt32Array>())
        }
        Values::Text(get) => {
            let texts = migrations
                .iter()
                .map(get)
                .chain(status.iter().map(|_| None));
            Arc::new(texts.collect::<StringArray>())
        }
        Values::Name(names, get) => {
            let key = |name: &str| {
                names
                    .iter()
                    .position(|known| *known == name)
                    .map(|at| at as i8)
            };
            let keys = migrations.iter().map(|m| get(m).and_then(key));
            dictionary(names, keys.chain(status.iter().map(|_| None)).collect())
        }
        Values::Status(get) => {
            let numbers = migrations
                .iter()
                .map(|_| None)
                .chain(status.iter().map(get));
            Arc::new(numbers.collect::<UInt64Array>())
        }
    }
}

fn dictionary(names: &[&str], keys: Int8Array) -> ArrayRef {
    let names = Arc::new(StringArray::from_iter_values(names));
    Arc::new(DictionaryArray::<Int8Type>::new(keys, names))
}
