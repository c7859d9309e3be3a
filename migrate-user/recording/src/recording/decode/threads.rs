//! Columns of threads, and of the locks that threads wait for: in rows of migrations and of waits.

use std::sync::Arc;

use super::Wrong;
use super::columns::{Columns, Numbers};
use super::interned::{TextColumn, Texts};
use crate::recording::columns::HOLDER_STACK;
use crate::trace::{Contended, Worker};

/// The columns of a thread: its number, and its name.
pub(super) struct ThreadColumns {
    pub(super) tid: Numbers<u32>,
    pub(super) comm: TextColumn,
}

impl ThreadColumns {
    pub(super) fn new(
        columns: &Columns<'_>,
        tid: &'static str,
        comm: &'static str,
        texts: &mut Texts,
    ) -> Result<Self, Wrong> {
        Ok(Self {
            tid: columns.small(tid)?,
            comm: texts.names(columns, comm)?,
        })
    }

    pub(super) fn get(&self, at: usize) -> Option<Worker> {
        let tid = self.tid.get(at)?;
        let comm = self.comm.get(at).map_or_else(|| "".into(), Arc::clone);
        Some(Worker { tid, comm })
    }
}

/// The columns of locks that a thread waited for.
pub(super) struct LockColumns {
    pub(super) all_ns: Numbers<u64>,
    lock: TextColumn,
    ns: Numbers<u64>,
    holder: ThreadColumns,
    /// `None` in a recording of an older format.
    holder_stack: Option<TextColumn>,
}

impl LockColumns {
    pub(super) fn new(columns: &Columns<'_>, texts: &mut Texts) -> Result<Self, Wrong> {
        Ok(Self {
            all_ns: columns.numbers("lock_ns")?,
            lock: texts.names(columns, "lock")?,
            ns: columns.numbers("lock_longest_ns")?,
            holder: ThreadColumns::new(columns, "holder_tid", "holder_comm", texts)?,
            holder_stack: columns
                .has(HOLDER_STACK)
                .then(|| texts.stacks(columns, HOLDER_STACK))
                .transpose()?,
        })
    }

    /// Those of a row that waited for so long altogether.
    pub(super) fn get(&self, at: usize, all_ns: u64) -> Option<Contended> {
        Some(Contended {
            all_ns,
            ns: self.ns.get(at)?,
            lock: self.lock.get(at).cloned()?,
            holder: self.holder.get(at),
            holder_stack: self
                .holder_stack
                .as_ref()
                .and_then(|it| it.get(at))
                .cloned(),
        })
    }
}
