//! What threads waited for, as JSON; `null` where waits were not followed. Times of different kinds
//! may be the same time twice: they are not to be added up.
//!
//! - `followed`: the kinds that were: `fault`, `migrating`, and with `--device-side` `range_fault`,
//!   `notifier`, `exclusive`. Of others nothing is known
//! - `from`: where `counts` and `figures` come from: `records`, or `kernel` where records do not
//!   tell everything; `span_ns`: how much time they are about; `lost`: waits of which no record
//!   came, `missed`: those that were not followed to their end and are in no figure (`null` before
//!   the tracer has told)
//! - `counts`: of each `kind` and `result` that occurred: `waits`, `pages`, `total_ns`,
//!   `before_setup_ns`, `in_migration_ns`, `page_lock_ns`
//! - `figures`: by name (`fault_ns`, ..., `before_setup_ns`): `count`, `sum_ns`, `p50_ns`,
//!   `p90_ns`, `p99_ns`, `p999_ns`, `max_ns`
//! - everything else is of the records that came. `processes` and `threads`: those first that
//!   waited longest: `pid`, `comm`, of threads also `tid` and `worker` (its name, where it is none
//!   of the process's), `kind`, `waits`, `total_ns`, `longest_ns`, `retries`, `retries_ns`, and of
//!   those that made migrations `made`, `made_ns`, `before_setup_ns`
//! - `for_others`: for whose migrations threads waited, where address and time tell exactly one:
//!   `waits`, `total_ns`, `unknown`, `unknown_ns`, and in `by` whose: `pid`, `tid`, `direction`,
//!   `cause`, `waits`, `total_ns`, `longest_ns`, and `migration`, the number of the one that the
//!   longest wait was for
//! - `retries`: because of whose migrations a device had to ask again, the same; and in `ranges`
//!   where: `pid`, `address`, `pages`, `waits`, `retries`, `retries_ns`, `longest` (in a row)
//! - `convoys`: of each process, its faults that made migrations (`pid`, `comm`, `waits`,
//!   `total_ns`, `before_setup_ns`); of those, at least so many waited before setup while another
//!   thread did (`together`, `together_ns`), and at least so many `threads` at once
//! - `locks`: each `lock` with `waits`, `total_ns`, `longest_ns`, and `holder_tid`, `holder_comm`,
//!   `holder_stack` of the longest of those that tell
//! - `longest`: the longest waits, with all that is known; `for_migration` is the number of the
//!   migration by somebody else that it was for

use serde_json::{Map, Value, json};

use super::times;
use crate::model::Model;
use crate::model::waits::{
    Blocker, Convoy, Joined, Lock, Range, WaitSums, Waiter, Waits, Why, Worst,
};
use crate::trace::{ExactWaits, WaitFigure};

/// Rows of a list, at most.
const ROWS: usize = 100;

/// The object.
pub(super) fn waits(model: &Model) -> Value {
    if !model.follows_waits() {
        return Value::Null;
    }
    let totals = model.wait_totals();
    let figure = |figure: WaitFigure| {
        let times = times(&totals.durations(figure));
        (figure.name().to_owned(), times)
    };
    let waits = model.waits();
    json!({
        "followed": model.followed().map(|kind| kind.name()).collect::<Vec<_>>(),
        "from": model.waits_from().name(),
        "span_ns": model.waits_span_ns(),
        "lost": model.waits_lost(),
        "missed": model.waits_missed(),
        "counts": totals.counts().iter().map(count).collect::<Vec<_>>(),
        "figures": totals.figures().iter().map(|of| figure(of.figure)).collect::<Map<_, _>>(),
        "processes": list(waits.processes(), process),
        "threads": list(waits.threads(), thread),
        "for_others": joined(&waits.joined(Why::Page)),
        "retries": retries(waits),
        "convoys": list(waits.convoys(), convoy),
        "locks": list(waits.locks(), lock),
        "longest": list(waits.worst(), |worst| one(&worst)),
    })
}

fn list<T>(all: impl IntoIterator<Item = T>, one: impl FnMut(T) -> Value) -> Vec<Value> {
    all.into_iter().take(ROWS).map(one).collect()
}

fn count(count: &ExactWaits) -> Value {
    json!({
        "kind": count.kind.name(),
        "result": count.result.name(),
        "waits": count.waits,
        "pages": count.pages,
        "total_ns": count.total_ns,
        "before_setup_ns": count.before_setup_ns,
        "in_migration_ns": count.in_migration_ns,
        "page_lock_ns": count.page_lock_ns,
    })
}

fn process(waiter: &Waiter) -> Value {
    let sums = &waiter.sums;
    json!({
        "pid": waiter.pid,
        "comm": waiter.comm.as_deref(),
        "kind": waiter.kind.name(),
        "waits": sums.waits,
        "total_ns": sums.total_ns,
        "longest_ns": sums.longest_ns,
        "retries": sums.retries,
        "retries_ns": sums.retries_ns,
        "made": sums.made,
        "made_ns": sums.made_ns,
        "before_setup_ns": sums.before_setup_ns,
    })
}

fn thread(waiter: &Waiter) -> Value {
    let mut object = process(waiter);
    object["tid"] = json!(waiter.tid);
    object["worker"] = json!(waiter.worker.as_deref());
    object
}

fn joined(joined: &Joined) -> Value {
    let by = |of: &Blocker| {
        json!({
            "pid": of.pid,
            "tid": of.thread,
            "direction": of.direction.name(),
            "cause": of.cause.name(),
            "waits": of.waits,
            "total_ns": of.total_ns,
            "longest_ns": of.longest_ns,
            "migration": of.sequence,
        })
    };
    json!({
        "waits": joined.waits,
        "total_ns": joined.total_ns,
        "unknown": joined.unknown,
        "unknown_ns": joined.unknown_ns,
        "by": list(&joined.blockers, by),
    })
}

fn retries(waits: &Waits) -> Value {
    let range = |of: &Range| {
        json!({
            "pid": of.pid,
            "address": of.address,
            "pages": of.pages,
            "waits": of.sums.waits,
            "retries": of.sums.retries,
            "retries_ns": of.sums.retries_ns,
            "longest": of.longest,
        })
    };
    let mut object = joined(&waits.joined(Why::Retry));
    object["ranges"] = json!(list(waits.ranges(), range));
    object
}

fn convoy(convoy: &Convoy) -> Value {
    let WaitSums {
        waits,
        total_ns,
        before_setup_ns,
        ..
    } = convoy.sums;
    json!({
        "pid": convoy.pid,
        "comm": convoy.comm.as_deref(),
        "waits": waits,
        "total_ns": total_ns,
        "before_setup_ns": before_setup_ns,
        "together": convoy.together,
        "together_ns": convoy.together_ns,
        "threads": convoy.threads,
    })
}

fn lock(lock: &Lock) -> Value {
    json!({
        "lock": &*lock.name,
        "pid": lock.pid,
        "waits": lock.waits,
        "total_ns": lock.total_ns,
        "longest_ns": lock.longest_ns,
        "holder_tid": lock.holder.as_ref().map(|holder| holder.tid),
        "holder_comm": lock.holder.as_ref().map(|holder| &*holder.comm),
        "holder_stack": lock.holder_stack.as_deref(),
    })
}

fn one(worst: &Worst) -> Value {
    let wait = &worst.wait;
    let contended = wait.contended.as_ref();
    let holder = contended.and_then(|of| of.holder.as_ref());
    let worker = wait.worker.as_ref();
    json!({
        "sequence": wait.sequence,
        "time_ns": wait.time_ns,
        "kind": wait.kind.name(),
        "result": wait.result.name(),
        "errno": wait.errno,
        "pid": wait.pid,
        "comm": wait.comm.as_deref(),
        "tid": wait.thread(),
        "worker": worker.map(|worker| &*worker.comm),
        "cgroup": wait.cgroup.as_deref(),
        "address": wait.address,
        "pages": wait.pages,
        "total_ns": wait.total_ns,
        "before_setup_ns": wait.before_setup_ns,
        "in_migration_ns": wait.in_migration_ns,
        "after_ns": wait.after_ns(),
        "page_lock_ns": wait.page_lock_ns,
        "migration": wait.migration,
        "for_migration": worst.moved.map(|moved| moved.sequence),
        "lock": contended.map(|of| &*of.lock),
        "lock_ns": contended.map(|of| of.ns),
        "locks_ns": contended.map(|of| of.all_ns),
        "holder_tid": holder.map(|holder| holder.tid),
        "holder_comm": holder.map(|holder| &*holder.comm),
        "holder_stack": contended.and_then(|of| of.holder_stack.as_deref()),
        "kernel_stack": wait.kernel_stack.as_deref(),
        "user_stack": wait.user_stack.as_deref(),
    })
}
