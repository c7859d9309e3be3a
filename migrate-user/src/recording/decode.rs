//! Rows of a recording to batches.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{Array, DictionaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use migrate_ebpf::wire::{Direction, LOSS_NAMES, Outcome, Trigger};

use super::column::EVENTS;
use crate::model::{Ledger, Migration, Skips, Step};
use crate::source::{Batch, Status};

/// Longer texts than any that Linux has (a path) are damage.
const MAX_TEXT: usize = 4096;

/// Texts that are remembered, so that migrations share them.
const MAX_SHARED: usize = 4096;

/// What is wrong with a row.
type Wrong = String;

/// Reads rows. Keeps the texts of earlier rows, so that equal ones share memory.
#[derive(Default)]
pub(super) struct Rows {
    texts: HashMap<String, Arc<str>>,
}

impl Rows {
    /// The migrations and the last status among the rows.
    pub(super) fn batch(&mut self, rows: &RecordBatch) -> Result<Batch, Wrong> {
        let columns = Columns { rows };
        let events = columns.names("event", |name| {
            EVENTS.iter().position(|event| *event == name)
        })?;
        let migration = MigrationColumns::new(&columns)?;
        let status = StatusColumns::new(&columns)?;
        let mut batch = Batch::default();
        for row in 0..rows.num_rows() {
            match events.get(row).ok_or("a row without an event")? {
                0 => batch.migrations.push(migration.get(row, self)?),
                _ => batch.status = Some(status.get(row)?),
            }
        }
        Ok(batch)
    }

    fn share(&mut self, text: &str) -> Result<Arc<str>, Wrong> {
        if text.len() > MAX_TEXT {
            return Err(format!("a text of {} bytes", text.len()));
        }
        if let Some(shared) = self.texts.get(text) {
            return Ok(shared.clone());
        }
        if self.texts.len() == MAX_SHARED {
            self.texts.clear();
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(text.to_owned(), shared.clone());
        Ok(shared)
    }
}

/// Finds columns by name.
struct Columns<'a> {
    rows: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    fn typed<A: 'static>(&self, name: &str) -> Result<&'a A, Wrong> {
        self.rows
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| format!("column {name} is missing or of another type"))
    }

    fn u64(&self, name: &'static str) -> Result<Numbers<'a>, Wrong> {
        Ok(Numbers {
            name,
            array: self.typed(name)?,
        })
    }

    /// A dictionary column; `value` gives the meaning of a name.
    fn names<T: Copy>(
        &self,
        name: &'static str,
        value: impl Fn(&str) -> Option<T>,
    ) -> Result<Names<'a, T>, Wrong> {
        let array: &DictionaryArray<Int8Type> = self.typed(name)?;
        let values: &StringArray = array
            .values()
            .as_any()
            .downcast_ref()
            .ok_or_else(|| format!("column {name} holds no names"))?;
        let meaning = |at| {
            let text = values.value(at);
            value(text).ok_or_else(|| format!("unknown {name} {text:?}"))
        };
        let values = (0..values.len()).map(meaning).collect::<Result<_, _>>()?;
        Ok(Names { array, values })
    }
}

/// A column of numbers.
struct Numbers<'a> {
    name: &'static str,
    array: &'a UInt64Array,
}

impl Numbers<'_> {
    fn get(&self, row: usize) -> Option<u64> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    fn needed(&self, row: usize) -> Result<u64, Wrong> {
        self.get(row)
            .ok_or_else(|| format!("a row without {}", self.name))
    }
}

/// A column of names out of a few.
struct Names<'a, T> {
    array: &'a DictionaryArray<Int8Type>,
    values: Vec<T>,
}

impl<T: Copy> Names<'_, T> {
    fn get(&self, row: usize) -> Option<T> {
        self.array
            .key(row)
            .and_then(|key| self.values.get(key).copied())
    }
}

/// The columns of a row of event `migration`.
struct MigrationColumns<'a> {
    sequence: Numbers<'a>,
    time_ns: Numbers<'a>,
    pid: &'a UInt32Array,
    tid: &'a UInt32Array,
    comm: &'a StringArray,
    cgroup: &'a StringArray,
    driver: &'a StringArray,
    direction: Names<'a, Direction>,
    trigger: Names<'a, Trigger>,
    outcome: Names<'a, Outcome>,
    errno: &'a UInt32Array,
    address: Numbers<'a>,
    ledger: LedgerColumns<'a>,
    not_collected: Numbers<'a>,
    unmap_failed: Numbers<'a>,
    steps: [Numbers<'a>; Step::COUNT],
    probe: [Numbers<'a>; 3],
    anomalies: &'a UInt32Array,
}

impl<'a> MigrationColumns<'a> {
    fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        Ok(Self {
            sequence: columns.u64("sequence")?,
            time_ns: columns.u64("time_ns")?,
            pid: columns.typed("pid")?,
            tid: columns.typed("tid")?,
            comm: columns.typed("comm")?,
            cgroup: columns.typed("cgroup")?,
            driver: columns.typed("driver")?,
            direction: columns.names("direction", Direction::from_name)?,
            trigger: columns.names("trigger", Trigger::from_name)?,
            outcome: columns.names("outcome", Outcome::from_name)?,
            errno: columns.typed("errno")?,
            address: columns.u64("address")?,
            ledger: LedgerColumns::new(columns)?,
            not_collected: columns.u64("not_collected")?,
            unmap_failed: columns.u64("unmap_failed")?,
            steps: [
                columns.u64("setup_ns")?,
                columns.u64("alloc_and_copy_ns")?,
                columns.u64("pages_ns")?,
                columns.u64("finalize_and_map_ns")?,
                columns.u64("finalize_ns")?,
            ],
            probe: [
                columns.u64("probe_setup_ns")?,
                columns.u64("probe_pages_ns")?,
                columns.u64("probe_finalize_ns")?,
            ],
            anomalies: columns.typed("anomalies")?,
        })
    }

    fn get(&self, row: usize, rows: &mut Rows) -> Result<Migration, Wrong> {
        let probe = |place: usize| self.probe[place].needed(row);
        let anomalies = u32_at(self.anomalies, row).ok_or("a row without anomalies")?;
        Ok(Migration {
            sequence: self.sequence.needed(row)?,
            time_ns: self.time_ns.needed(row)?,
            pid: u32_at(self.pid, row).ok_or("a row without pid")?,
            tid: u32_at(self.tid, row).ok_or("a row without tid")?,
            comm: text_at(self.comm, row, rows)?.ok_or("a row without comm")?,
            cgroup: text_at(self.cgroup, row, rows)?,
            driver: text_at(self.driver, row, rows)?,
            direction: self.direction.get(row).unwrap_or(Direction::Unknown),
            trigger: self.trigger.get(row).unwrap_or(Trigger::Unknown),
            outcome: self.outcome.get(row).ok_or("a row without outcome")?,
            errno: u32_at(self.errno, row),
            address: self.address.get(row),
            ledger: self.ledger.get(row)?,
            skips: self.skips(row),
            steps: std::array::from_fn(|step| self.steps[step].get(row)),
            probe: [probe(0)?, probe(1)?, probe(2)?],
            pgmap_owner: None,
            kernel_stack: None,
            user_stack: None,
            parts: None,
            off_cpu: None,
            anomalies: u8::try_from(anomalies).map_err(|_| format!("anomalies {anomalies:#x}"))?,
        })
    }

    fn skips(&self, row: usize) -> Option<Skips> {
        Some(Skips {
            not_collected: self.not_collected.get(row)?,
            unmap_failed: self.unmap_failed.get(row)?,
        })
    }
}

fn u32_at(array: &UInt32Array, row: usize) -> Option<u32> {
    array.is_valid(row).then(|| array.value(row))
}

fn text_at(array: &StringArray, row: usize, rows: &mut Rows) -> Result<Option<Arc<str>>, Wrong> {
    array
        .is_valid(row)
        .then(|| rows.share(array.value(row)))
        .transpose()
}

/// The columns of the ledger.
struct LedgerColumns<'a> {
    requested: Numbers<'a>,
    skipped: Numbers<'a>,
    declined: Numbers<'a>,
    moved: Numbers<'a>,
    populated: Numbers<'a>,
    wasted_copy: Numbers<'a>,
    wasted_fill: Numbers<'a>,
    rolled_back: Numbers<'a>,
    rejected: Numbers<'a>,
}

impl<'a> LedgerColumns<'a> {
    fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        Ok(Self {
            requested: columns.u64("requested")?,
            skipped: columns.u64("skipped")?,
            declined: columns.u64("declined")?,
            moved: columns.u64("moved")?,
            populated: columns.u64("populated")?,
            wasted_copy: columns.u64("wasted_copy")?,
            wasted_fill: columns.u64("wasted_fill")?,
            rolled_back: columns.u64("rolled_back")?,
            rejected: columns.u64("rejected")?,
        })
    }

    fn get(&self, row: usize) -> Result<Ledger, Wrong> {
        Ok(Ledger {
            requested: self.requested.needed(row)?,
            skipped: self.skipped.needed(row)?,
            declined: self.declined.needed(row)?,
            moved: self.moved.needed(row)?,
            populated: self.populated.needed(row)?,
            wasted_copy: self.wasted_copy.needed(row)?,
            wasted_fill: self.wasted_fill.needed(row)?,
            rolled_back: self.rolled_back.needed(row)?,
            rejected: self.rejected.needed(row)?,
        })
    }
}

/// The columns of a row of event `status`.
struct StatusColumns<'a> {
    time_ns: Numbers<'a>,
    ended: Numbers<'a>,
    losses: Vec<&'a UInt64Array>,
}

impl<'a> StatusColumns<'a> {
    fn new(columns: &Columns<'a>) -> Result<Self, Wrong> {
        let loss = |name| columns.typed(&format!("lost_{name}"));
        Ok(Self {
            time_ns: columns.u64("time_ns")?,
            ended: columns.u64("ended")?,
            losses: LOSS_NAMES.into_iter().map(loss).collect::<Result<_, _>>()?,
        })
    }

    fn get(&self, row: usize) -> Result<Status, Wrong> {
        let mut losses = [0; LOSS_NAMES.len()];
        for (loss, array) in losses.iter_mut().zip(&self.losses) {
            *loss = array
                .is_valid(row)
                .then(|| array.value(row))
                .ok_or("a status without losses")?;
        }
        Ok(Status {
            time_ns: self.time_ns.needed(row)?,
            ended: self.ended.needed(row)?,
            losses,
            exact: None,
        })
    }
}
