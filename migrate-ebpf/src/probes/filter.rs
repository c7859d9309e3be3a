//! Which migrations are counted and recorded.
//!
//! Asked once, at the end, when everything is known: a call cannot be let go before, because
//! whoever comes to its end would not know that it was let go.

use migrate_ebpf::wire::{Steps, UNKNOWN, Wait};

use crate::{
    config::{config, filter, names_driver},
    in_flight::Call,
};

/// Is this migration wanted?
#[inline(always)]
pub(super) fn wants(call: &Call) -> bool {
    if config!(filters) == 0 {
        return true;
    }
    let record = &call.record;
    let (comm, worker) = (filter!(comm), filter!(worker));
    is_or_any(filter!(pid), u64::from(record.pid))
        && (comm[0] == 0 || record.comm == comm)
        && (worker[0] == 0 || record.worker_comm == worker)
        && is_or_any(filter!(cgroup), record.cgroup)
        && is_or_any(filter!(cause), u64::from(record.cause))
        && is_or_any(filter!(direction), u64::from(record.direction))
        && is_or_any(filter!(outcome), u64::from(record.outcome))
        && record.ledger.requested >= filter!(min_pages)
        && total_ns(&record.steps) >= filter!(slower_than_ns)
        && call.foreign == 0
}

/// Is this wait wanted? None is where something is asked for that only migrations have.
#[inline(always)]
pub(super) fn wants_wait(wait: &Wait) -> bool {
    if config!(filters) == 0 {
        return true;
    }
    let (comm, worker) = (filter!(comm), filter!(worker));
    let of_migrations = filter!(cause) | filter!(direction) | filter!(outcome) | filter!(min_pages);
    of_migrations == 0
        && !names_driver()
        && is_or_any(filter!(pid), u64::from(wait.pid))
        && (comm[0] == 0 || wait.comm == comm)
        && (worker[0] == 0 || wait.worker_comm == worker)
        && is_or_any(filter!(cgroup), wait.cgroup)
        && wait.total_ns >= filter!(slower_than_ns)
}

#[inline(always)]
fn is_or_any(asked: u64, found: u64) -> bool {
    asked == 0 || asked == found
}

/// The steps that happened, together.
#[inline(always)]
fn total_ns(steps: &Steps) -> u64 {
    let mut total = 0;
    for ns in [
        steps.setup_ns,
        steps.alloc_and_copy_ns,
        steps.pages_ns,
        steps.finalize_and_map_ns,
        steps.finalize_ns,
    ] {
        if ns != UNKNOWN {
            total += ns;
        }
    }
    total
}
