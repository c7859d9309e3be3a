//! Rows of event `wait`. They are few, so that they are made at once.

use std::ops::Range;

use arrow_buffer::ScalarBuffer;

use super::Wrong;
use super::columns::{Columns, NeededNames, Numbers};
use super::interned::{TextColumn, Texts};
use super::threads::{LockColumns, ThreadColumns};
use crate::trace::{Details, Wait, WaitKind, WaitResult};

/// The columns of rows that are all of event `wait`.
pub(super) struct WaitColumns {
    sequence: ScalarBuffer<u64>,
    time_ns: ScalarBuffer<u64>,
    kind: NeededNames<WaitKind>,
    result: NeededNames<WaitResult>,
    errno: Numbers<u32>,
    pid: Numbers<u32>,
    tid: Numbers<u32>,
    comm: TextColumn,
    worker: ThreadColumns,
    cgroup: TextColumn,
    address: Numbers<u64>,
    pages: Numbers<u64>,
    total_ns: ScalarBuffer<u64>,
    before_setup_ns: Numbers<u64>,
    in_migration_ns: Numbers<u64>,
    page_lock_ns: ScalarBuffer<u64>,
    migration: Numbers<u64>,
    locks: Option<LockColumns>,
    kernel_stack: Option<TextColumn>,
    user_stack: Option<TextColumn>,
    phase: Option<TextColumn>,
}

impl WaitColumns {
    pub(super) fn new(
        columns: &Columns<'_>,
        details: Details,
        texts: &mut Texts,
    ) -> Result<Self, Wrong> {
        let mut stack = |asked: bool, name| asked.then(|| texts.stacks(columns, name)).transpose();
        let kernel_stack = stack(details.kernel_stacks, "kernel_stack")?;
        let user_stack = stack(details.user_stacks, "user_stack")?;
        let phase = details.phases.then(|| texts.names(columns, "phase"));
        let phase = phase.transpose()?;
        Ok(Self {
            sequence: columns.needed("wait_sequence")?,
            time_ns: columns.needed("time_ns")?,
            kind: columns.names("wait", WaitKind::from_name)?.needed()?,
            result: columns.names("result", WaitResult::from_name)?.needed()?,
            errno: columns.small("errno")?,
            pid: columns.small("pid")?,
            tid: columns.small("tid")?,
            comm: texts.names(columns, "comm")?,
            worker: ThreadColumns::new(columns, "worker_tid", "worker_comm", texts)?,
            cgroup: texts.names(columns, "cgroup")?,
            address: columns.numbers("address")?,
            pages: columns.numbers("wait_pages")?,
            total_ns: columns.needed("wait_ns")?,
            before_setup_ns: columns.numbers("before_setup_ns")?,
            in_migration_ns: columns.numbers("in_migration_ns")?,
            page_lock_ns: columns.needed("page_lock_ns")?,
            migration: columns.numbers("migration")?,
            locks: details
                .sub_steps
                .then(|| LockColumns::new(columns, texts))
                .transpose()?,
            kernel_stack,
            user_stack,
            phase,
        })
    }

    /// Some of the waits.
    pub(super) fn waits(&self, range: Range<usize>) -> Vec<Wait> {
        range.map(|at| self.wait(at)).collect()
    }

    fn wait(&self, at: usize) -> Wait {
        let text = |column: &Option<TextColumn>| column.as_ref()?.get(at).cloned();
        Wait {
            sequence: self.sequence[at],
            time_ns: self.time_ns[at],
            kind: self.kind.get(at),
            result: self.result.get(at),
            errno: self.errno.get(at),
            pid: self.pid.get(at),
            tid: self.tid.get(at),
            comm: self.comm.get(at).cloned(),
            worker: self.worker.get(at),
            cgroup: self.cgroup.get(at).cloned(),
            address: self.address.get(at),
            pages: self.pages.get(at),
            total_ns: self.total_ns[at],
            before_setup_ns: self.before_setup_ns.get(at),
            in_migration_ns: self.in_migration_ns.get(at),
            page_lock_ns: self.page_lock_ns[at],
            migration: self.migration.get(at),
            contended: self.locks.as_ref().and_then(|locks| {
                let all_ns = locks.all_ns.get(at)?;
                locks.get(at, all_ns)
            }),
            kernel_stack: text(&self.kernel_stack),
            user_stack: text(&self.user_stack),
            phase: text(&self.phase),
        }
    }
}
