//! What hangs, for programs.

use serde_json::{Value, json};

use super::Stuck;
use crate::text::harmless_json;
use crate::threads::Thread;
use crate::trace::Unfinished;

/// One object. Times are in nanoseconds; unknown is null.
pub(super) fn page(found: &Stuck) -> String {
    let page = json!({
        "time_ns": found.in_flight.time_ns,
        "older_than_ns": found.older.as_nanos() as u64,
        "oldest_ns": found.in_flight.oldest_ns,
        "calls": found.in_flight.calls.iter().map(call).collect::<Vec<_>>(),
        "not_shown": found.in_flight.more,
        "earlier": found.earlier.iter().map(thread).collect::<Vec<_>>(),
    });
    harmless_json(format!("{page:#}\n"))
}

fn call(call: &Unfinished) -> Value {
    let migration = &call.migration;
    json!({
        "step": call.step.name(),
        "step_ns": call.step_ns,
        "age_ns": call.age_ns,
        "pid": migration.pid,
        "comm": migration.comm.as_deref(),
        "thread": call.thread,
        "worker_comm": migration.worker.as_ref().map(|worker| &*worker.comm),
        "cgroup": migration.cgroup.as_deref(),
        "driver": migration.driver.as_deref(),
        "direction": migration.known_direction(),
        "cause": migration.known_cause(),
        "address": migration.address,
        "requested": migration.ledger.requested,
        "stack": call.stack,
    })
}

fn thread(thread: &Thread) -> Value {
    json!({
        "step": thread.step.map(|step| step.name()),
        "pid": thread.pid,
        "comm": thread.comm,
        "thread": thread.tid,
        "stack": thread.stack,
    })
}
