//! Batches to rows of a recording.

use std::sync::Arc;

use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use arrow_schema::ArrowError;

use super::column::{Rows, Told};
use super::limits::{MAX_ROWS, MAX_STACK, MAX_TEXTS};
use super::{Table, status};
use crate::trace::{Batch, Facts, Losses, Migration, Status, Wait};

/// How often the kernel's totals are written, nanoseconds of the recording's time: they take some
/// kilobytes.
const TOTALS_EVERY_NS: u64 = 30_000_000_000;

/// The same where the records do not tell everything, so that figures come from the totals.
const TOTALS_EVERY_IF_NEEDED_NS: u64 = 10_000_000_000;

/// The level of Zstandard that takes the least time. Higher ones take more and save nothing: times
/// are noise to them.
const LEVEL: i32 = 1;

/// The most rows in one message with stacks, which may be long: a reader must be able to hold
/// it.
const MAX_ROWS_WITH_STACKS: usize = 1024;

/// Turns batches into the bytes of an Arrow IPC stream, whole messages at a time.
pub(super) struct Encoder {
    table: Table,
    max_rows: usize,
    /// Are there columns for waits?
    has_waits: bool,
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
            has_waits: facts.details.has_waits(),
            records_all: facts.record_every == 1,
            stream,
            totals_ns: None,
            unwritten: None,
        })
    }

    /// Encodes one batch; nothing if it has no migrations, waits or status. The kernel's totals in
    /// it are written when their time has come. Waits are for a recording that is to have some.
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        let status = batch.status.as_ref().map(|status| self.sparse(status));
        let waits = if self.has_waits { &*batch.waits } else { &[] };
        self.write(batch.migrations.made(), waits, status.as_ref())
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
        mut waits: &[Wait],
        status: Option<&Status>,
    ) -> Result<(), ArrowError> {
        let told: Option<Told> = status
            .map(status::encode)
            .transpose()
            .map_err(ArrowError::ComputeError)?;
        loop {
            let mut room = Room::new(self.max_rows);
            let first = room.take(&mut migrations, text_bytes);
            let behind = if migrations.is_empty() {
                room.take(&mut waits, wait_text_bytes)
            } else {
                &[]
            };
            // The status is a row, too.
            if migrations.is_empty() && waits.is_empty() && room.rows > 0 {
                return self.message(Rows::new(first, behind, told));
            }
            self.message(Rows::new(first, behind, None))?;
        }
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
            self.write(&[], &[], Some(&status))?;
        }
        self.stream.finish()
    }

    /// The bytes that have come since this was last called.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.stream.get_mut())
    }
}

/// What one message may still hold.
struct Room {
    rows: usize,
    bytes: usize,
    is_empty: bool,
}

impl Room {
    fn new(rows: usize) -> Self {
        Self {
            rows,
            bytes: MAX_TEXTS,
            is_empty: true,
        }
    }

    /// Takes off as many, from the first on, as fit in. One fits into an empty message.
    fn take<'a, T>(&mut self, all: &mut &'a [T], text_bytes: fn(&T) -> usize) -> &'a [T] {
        let mut number = 0;
        for one in all.iter().take(self.rows) {
            let bytes = text_bytes(one);
            if bytes > self.bytes && !self.is_empty {
                break;
            }
            self.bytes = self.bytes.saturating_sub(bytes);
            self.is_empty = false;
            number += 1;
        }
        self.rows -= number;
        let (taken, rest) = all.split_at(number);
        *all = rest;
        taken
    }
}

/// What the texts of a migration take, bytes.
fn text_bytes(migration: &Migration) -> usize {
    let locks = migration.contended.as_ref();
    let holder = locks.and_then(|locks| locks.holder.as_ref());
    let mapping = migration.mapping.as_ref();
    let names = [
        migration.comm.as_ref(),
        migration.cgroup.as_ref(),
        migration.driver.as_ref(),
        migration.from.place.as_ref(),
        migration.to.place.as_ref(),
        migration.worker.as_ref().map(|worker| &worker.comm),
        locks.map(|locks| &locks.lock),
        holder.map(|holder| &holder.comm),
        mapping.and_then(|mapping| mapping.name.as_ref()),
        mapping.and_then(|mapping| mapping.file.as_ref().map(|file| &file.device)),
        migration.phase.as_ref(),
    ];
    let stacks = [
        migration.kernel_stack.as_ref(),
        migration.user_stack.as_ref(),
        locks.and_then(|locks| locks.holder_stack.as_ref()),
    ];
    bytes(names, stacks)
}

/// What those of a wait take, bytes.
fn wait_text_bytes(wait: &Wait) -> usize {
    let locks = wait.contended.as_ref();
    let holder = locks.and_then(|locks| locks.holder.as_ref());
    let names = [
        wait.comm.as_ref(),
        wait.cgroup.as_ref(),
        wait.worker.as_ref().map(|worker| &worker.comm),
        locks.map(|locks| &locks.lock),
        holder.map(|holder| &holder.comm),
    ];
    let stacks = [
        wait.kernel_stack.as_ref(),
        wait.user_stack.as_ref(),
        locks.and_then(|locks| locks.holder_stack.as_ref()),
    ];
    bytes(names, stacks)
}

fn bytes<const N: usize>(names: [Option<&Arc<str>>; N], stacks: [Option<&Arc<str>>; 3]) -> usize {
    let length = |text: &Arc<str>| text.len();
    let names = names.into_iter().flatten().map(length);
    let stacks = stacks.into_iter().flatten().map(length);
    names.chain(stacks.map(|bytes| bytes.min(MAX_STACK))).sum()
}
