//! One wait as one line of text, with the names of a recording's columns. Unknown is absent.

use serde::Serialize;

use crate::trace::Wait;

/// One wait. The order of the fields is the order in the output.
#[derive(Default, Serialize)]
pub(super) struct Line<'a> {
    time_ns: u64,
    pid: Option<u32>,
    tid: Option<u32>,
    comm: Option<&'a str>,
    worker_tid: Option<u32>,
    worker_comm: Option<&'a str>,
    cgroup: Option<&'a str>,
    wait: &'a str,
    result: &'a str,
    errno: Option<u32>,
    address: Option<u64>,
    wait_pages: Option<u64>,
    wait_ns: u64,
    before_setup_ns: Option<u64>,
    in_migration_ns: Option<u64>,
    page_lock_ns: u64,
    migration: Option<u64>,
    wait_sequence: u64,
    kernel_stack: Option<&'a str>,
    user_stack: Option<&'a str>,
    lock_ns: Option<u64>,
    lock: Option<&'a str>,
    lock_longest_ns: Option<u64>,
    holder_tid: Option<u32>,
    holder_comm: Option<&'a str>,
    holder_stack: Option<&'a str>,
    phase: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn new(wait: &'a Wait) -> Self {
        let worker = wait.worker.as_ref();
        let locks = wait.contended.as_ref();
        let holder = locks.and_then(|locks| locks.holder.as_ref());
        Self {
            time_ns: wait.time_ns,
            pid: wait.pid,
            tid: wait.tid,
            comm: wait.comm.as_deref(),
            worker_tid: worker.map(|worker| worker.tid),
            worker_comm: worker.map(|worker| &*worker.comm),
            cgroup: wait.cgroup.as_deref(),
            wait: wait.kind.name(),
            result: wait.result.name(),
            errno: wait.errno,
            address: wait.address,
            wait_pages: wait.pages,
            wait_ns: wait.total_ns,
            before_setup_ns: wait.before_setup_ns,
            in_migration_ns: wait.in_migration_ns,
            page_lock_ns: wait.page_lock_ns,
            migration: wait.migration,
            wait_sequence: wait.sequence,
            kernel_stack: wait.kernel_stack.as_deref(),
            user_stack: wait.user_stack.as_deref(),
            lock_ns: locks.map(|locks| locks.all_ns),
            lock: locks.map(|locks| &*locks.lock),
            lock_longest_ns: locks.map(|locks| locks.ns),
            holder_tid: holder.map(|holder| holder.tid),
            holder_comm: holder.map(|holder| &*holder.comm),
            holder_stack: locks.and_then(|locks| locks.holder_stack.as_deref()),
            phase: wait.phase.as_deref(),
        }
    }
}
