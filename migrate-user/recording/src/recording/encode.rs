//! Batches to rows of a recording.

use std::sync::Arc;

use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::ArrowError;

use super::column::{Rows, Told};
use super::limits::{MAX_ROWS, MAX_STACK, MAX_TEXTS};
use super::{Table, status};
use crate::trace::{Batch, Facts, Losses, Migration, Status};

/// How often the kernel's totals are written, nanoseconds of the recording's time: they take some
/// kilobytes.
const TOTALS_EVERY_NS: u64 = 30_000_000_000;

/// The same where the records do not tell everything, so that figures come from the totals.
const TOTALS_EVERY_IF_NEEDED_NS: u64 = 10_000_000_000;

/// The level of Zstandard that takes the least time. Higher ones take more and save nothing: times
/// are noise to them.
const LEVEL: i32 = 1;

/// The most migrations in one message with stacks, which may be long: a reader must be able to hold
/// it.
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
        // Eight bytes is what the format asks for. The usual 64 would pad every small column of a
        // small batch.
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

    /// Encodes one batch; nothing if it has neither migrations nor a status. The kernel's totals in
    /// it are written when their time has come.
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        let status = batch.status.as_ref().map(|status| self.sparse(status));
        self.write(batch.migrations.made(), status.as_ref())
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
        let told: Option<Told> = status
            .map(status::encode)
            .transpose()
            .map_err(ArrowError::ComputeError)?;
        loop {
            let (first, rest) = migrations.split_at(self.fitting(migrations));
            // The status is a row, too.
            if rest.is_empty() && first.len() < self.max_rows {
                return self.message(Rows::new(first, told));
            }
            self.message(Rows::new(first, None))?;
            migrations = rest;
        }
    }

    /// How many of these, from the first on, one message may hold.
    fn fitting(&self, migrations: &[Migration]) -> usize {
        let mut bytes = 0;
        let fits = |migration: &&Migration| {
            bytes += text_bytes(migration);
            bytes <= MAX_TEXTS
        };
        let first = migrations.iter().take(self.max_rows);
        first.take_while(fits).count().max(1).min(migrations.len())
    }

    fn message(&mut self, rows: Rows<'_>) -> Result<(), ArrowError> {
        if rows.len() == 0 {
            return Ok(());
        }
        let batch = self.table.rows(&rows)?;
        self.stream.write(&batch)
    }

    /// Ends the stream with its mark, and before it with the last totals if they have not been
    /// written.
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

/// What the texts of a migration take, bytes.
fn text_bytes(migration: &Migration) -> usize {
    let stacks = [&migration.kernel_stack, &migration.user_stack];
    let names = [
        &migration.comm,
        &migration.cgroup,
        &migration.driver,
        &migration.from.place,
        &migration.to.place,
    ];
    let length = |text: &Arc<str>| text.len();
    let worker = migration.worker.as_ref().map(|worker| &worker.comm);
    let names = names.into_iter().flatten().chain(worker).map(length);
    let stacks = stacks.into_iter().flatten().map(length);
    names.chain(stacks.map(|bytes| bytes.min(MAX_STACK))).sum()
}
