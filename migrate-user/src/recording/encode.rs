//! Batches to rows of a recording.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Int8Array, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};

use super::column::{Column, Values};
use super::columns::{columns, schema};
use super::row::{Event, Row};
use super::{Facts, histogram};
use crate::model::Migration;
use crate::source::{Batch, Status};

/// How often the kernel's totals are written, nanoseconds of the recording's time: they take some kilobytes.
const TOTALS_EVERY_NS: u64 = 10_000_000_000;

/// The longest stack that is written whole, bytes.
pub(super) const MAX_STACK: usize = 1 << 16;

/// Stands for the outermost frames of a stack that is longer.
const CUT: &str = "[cut]";

/// Turns batches into the bytes of an Arrow IPC stream, one whole message at a time.
pub(super) struct Encoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    stream: StreamWriter<Vec<u8>>,
    /// When the kernel's totals were last written.
    totals_ns: Option<u64>,
    /// The last status, if its totals have not been written.
    unwritten: Option<Status>,
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
            totals_ns: None,
            unwritten: None,
        })
    }

    /// Encodes one batch; nothing if it has neither migrations nor a status. The kernel's totals in it are written when
    /// their time has come.
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        if batch.migrations.is_empty() && batch.status.is_none() {
            return Ok(());
        }
        let status = batch.status.as_ref().map(|status| self.sparse(status));
        self.write(&batch.migrations, status.as_ref())
    }

    /// The status without the kernel's totals, unless their time has come.
    fn sparse(&mut self, status: &Status) -> Status {
        let is_due = |then: u64| status.time_ns.saturating_sub(then) >= TOTALS_EVERY_NS;
        if status.exact.is_none() {
            status.clone()
        } else if self.totals_ns.is_none_or(is_due) {
            self.totals_ns = Some(status.time_ns);
            self.unwritten = None;
            status.clone()
        } else {
            self.unwritten = Some(status.clone());
            Status {
                exact: None,
                ..*status
            }
        }
    }

    fn write(
        &mut self,
        migrations: &[Migration],
        status: Option<&Status>,
    ) -> Result<(), ArrowError> {
        let rows = Row::all(migrations, status);
        let arrays = self.columns.iter().map(|column| array(column, &rows));
        let batch = RecordBatch::try_new(self.schema.clone(), arrays.collect::<Result<_, _>>()?)?;
        self.stream.write(&batch)
    }

    /// Ends the stream with its mark, and before it with the last totals if they have not been written.
    pub(super) fn finish(&mut self) -> Result<(), ArrowError> {
        if let Some(status) = self.unwritten.take() {
            self.write(&[], Some(&status))?;
        }
        self.stream.finish()
    }

    /// The bytes that have come since this was last called.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.stream.get_mut())
    }
}

/// One column of a batch.
fn array(column: &Column, rows: &[Row<'_>]) -> Result<ArrayRef, ArrowError> {
    let migrations = || rows.iter().map(Row::migration);
    let numbers = |get: &dyn Fn(&Row<'_>) -> Option<u64>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<UInt64Array>())
    };
    Ok(match &column.values {
        Values::Event => {
            let keys = rows.iter().map(|row| Some(row.event() as i8)).collect();
            names(&Event::ALL.map(Event::name), keys)
        }
        Values::Time => Arc::new(rows.iter().map(Row::time_ns).collect::<UInt64Array>()),
        Values::U64(get) => numbers(&|row| row.migration().and_then(get)),
        Values::Status(get) => numbers(&|row| row.status().and_then(get)),
        Values::Total(get) => numbers(&|row| row.total().and_then(get)),
        Values::Sum => numbers(&|row| row.histogram().map(|figure| figure.sum)),
        Values::U32(get) => {
            let values = migrations().map(|m| m.and_then(get));
            Arc::new(values.collect::<UInt32Array>())
        }
        Values::Text(get) => {
            let values = migrations().map(|m| m.and_then(get));
            Arc::new(values.collect::<StringArray>())
        }
        Values::Stack(get) => stacks(migrations().map(|m| m.and_then(get))),
        Values::Name(known, get) => {
            let key = |name: &str| known.iter().position(|k| *k == name).map(|at| at as i8);
            let keys = rows.iter().map(|row| get(row).and_then(key));
            names(known, keys.collect())
        }
        Values::Histogram => {
            let encode = |row: &Row<'_>| {
                let figure = row.histogram();
                figure
                    .map(|figure| histogram::encode(&figure.histogram))
                    .transpose()
            };
            let values: Vec<Option<Vec<u8>>> = rows
                .iter()
                .map(encode)
                .collect::<Result<_, _>>()
                .map_err(ArrowError::ComputeError)?;
            Arc::new(values.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
    })
}

fn names(names: &[&str], keys: Int8Array) -> ArrayRef {
    let names = Arc::new(StringArray::from_iter_values(names));
    Arc::new(DictionaryArray::<Int8Type>::new(keys, names))
}

/// Each stack once. The first place is empty, because a dictionary of nothing has no body, which readers take for damage.
fn stacks<'a>(stacks: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("");
    for stack in stacks {
        dictionary.append_option(stack.map(shorten));
    }
    let with_empty = dictionary.finish();
    Arc::new(with_empty.slice(1, with_empty.len() - 1))
}

/// A stack of bounded length: of one that is longer, the innermost frames.
fn shorten(stack: &str) -> Cow<'_, str> {
    if stack.len() <= MAX_STACK {
        return stack.into();
    }
    let from = stack.ceil_char_boundary(stack.len() - MAX_STACK + CUT.len());
    let frames = &stack[from..];
    let kept = frames.find(';').map_or("", |at| &frames[at..]);
    format!("{CUT}{kept}").into()
}
