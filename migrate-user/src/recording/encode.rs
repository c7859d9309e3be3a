//! Batches to rows of a recording.

use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::ArrowError;

use super::column::{Rows, Told};
use super::{Facts, Table, status};
use crate::model::{Losses, Migration};
use crate::source::{Batch, Status};

/// How often the kernel's totals are written, nanoseconds of the recording's time: they take some kilobytes.
const TOTALS_EVERY_NS: u64 = 30_000_000_000;

/// The same where the records do not tell everything, so that figures come from the totals.
const TOTALS_EVERY_IF_NEEDED_NS: u64 = 10_000_000_000;

/// The level of Zstandard that takes the least time. Higher ones take more and save nothing: times are noise to them.
const LEVEL: i32 = 1;

/// The most migrations in one message.
pub const MAX_ROWS: usize = 8192;

/// The same with stacks, which may be long: a reader must be able to hold a message.
const MAX_ROWS_WITH_STACKS: usize = 1024;

/// Turns batches into the bytes of an Arrow IPC stream, whole messages at a time.
pub(super) struct Encoder {
    table: Table,
    max_rows: usize,
    /// Is every migration to be recorded?
    records_all: bool,
    stream: StreamWriter<Vec<u8>>,
    /// When the kernel's totals were last written.
    totals_ns: Option<u64>,
    /// The last status, if its totals have not been written.
    unwritten: Option<Status>,
}

impl Encoder {
    /// Begins a stream. Its first bytes, schema and facts, are there at once.
    pub(super) fn new(facts: &Facts) -> Result<Self, ArrowError> {
        let table = Table::of_recording(facts);
        // Eight bytes is what the format asks for. The usual 64 would pad every small column of a small batch.
        let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(LEVEL))?;
        let stream = StreamWriter::try_new_with_options(Vec::new(), &table.schema(), options)?;
        let stacks = facts.details.kernel_stacks || facts.details.user_stacks;
        Ok(Self {
            table,
            max_rows: if stacks {
                MAX_ROWS_WITH_STACKS
            } else {
                MAX_ROWS
            },
            records_all: facts.record_every == 1,
            stream,
            totals_ns: None,
            unwritten: None,
        })
    }

    /// Encodes one batch; nothing if it has neither migrations nor a status. The kernel's totals in it are written when
    /// their time has come.
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        let status = batch.status.as_ref().map(|status| self.sparse(status));
        self.write(&batch.migrations, status.as_ref())
    }

    /// The status without the kernel's totals, unless their time has come.
    fn sparse(&mut self, status: &Status) -> Status {
        let is_told = self.records_all && Losses::new(status.losses).lost_of_ended() == 0;
        let every_ns = if is_told {
            TOTALS_EVERY_NS
        } else {
            TOTALS_EVERY_IF_NEEDED_NS
        };
        let is_due = |then: u64| status.time_ns.saturating_sub(then) >= every_ns;
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
        mut migrations: &[Migration],
        status: Option<&Status>,
    ) -> Result<(), ArrowError> {
        while let Some((first, rest)) = migrations.split_at_checked(self.max_rows) {
            self.message(Rows::new(first, None))?;
            migrations = rest;
        }
        let told: Option<Told> = status
            .map(status::encode)
            .transpose()
            .map_err(ArrowError::ComputeError)?;
        self.message(Rows::new(migrations, told))
    }

    fn message(&mut self, rows: Rows<'_>) -> Result<(), ArrowError> {
        if rows.len() == 0 {
            return Ok(());
        }
        let batch = self.table.rows(&rows)?;
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
