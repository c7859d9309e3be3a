//! What only records tell, as JSON. All of it is bounded; lists begin with what matters most.
//!
//! What is summed up has the same names everywhere: `migrations`, `ledger`, `not_collected`,
//! `unmap_failed`, `skipped_unknown`, `time_ns` (all steps), `wasted_ns` (the part of pages in
//! vain), `arrived` (pages, by direction), `ns_per_page`
//!
//! - `drivers`: each `driver` (`null`: not known) with its sums
//! - `processes`: each `pid`, `comm`, `cgroup` with its sums; `other_processes`: `null`, or the
//!   sums of those that gave way to them, with how often that was (`processes`)
//! - `phases`: `null` where they were not followed, else how many programs have `opened`, known or
//!   lost, and in `paths` each `phase` (`""`: in none; `null`: not known) with its sums,
//!   `steps_ns`, the time in each step, and `waits`: by each kind that was followed its `waits`,
//!   `total_ns` and `longest_ns`; `others`: the same of those that came when there were too many,
//!   or `null`
//! - `batching`: by direction and for `both`: `sizes`, by the pages that completed calls asked for
//!   (`pages_min`, `pages_max`): `calls`, `requested`, `arrived`, `time_ns`, `ns_per_page`,
//!   `steps_ns`, `saved_ns` (for `both`: what it would have saved if no call had been smaller, of
//!   the groups in `costs` that tell)
//! - `costs`: of each `direction` and `cause`, those first of which completed calls took most time:
//!   `time_ns`, and in `steps`, by step and for `total`: `fixed_ns`, `fixed_error_ns`,
//!   `per_page_ns`, `per_page_error_ns` (half of a 95% interval), `calls`, `break_even_pages`;
//!   `null` where it cannot be told from 0, and all of it where no line can be drawn or migrations
//!   were chosen by how they went
//! - `ping_pong`: `null` under a filter that leaves out some migrations of a page, else what came
//!   back within a second: `pages` (at least), `most_pages` (at most: of a migration that moved a
//!   part of its pages nobody knows which), `trips` and `time_ns` of those that are certain,
//!   `evicted` (blocks that gave way to others), `forgotten_pages` (of which it was forgotten where
//!   they are), and its `ranges`, those first of which most came back: `pid`, `start`, `end`,
//!   `pages`, `most_pages`, `trips`, `soonest_ns`, `mean_ns` (`null` where it is not known which
//!   pages came back); `soonest`: the same, those first that came back soonest
//! - `retries`: `null` under such a filter, else `calls` and `time_ns` of what was tried again in
//!   vain, `evicted`, and the longest series in `ranges`: `pid`, `address`, `direction`, `calls`,
//!   `pages`, `outcome`, `time_ns`
//! - `slowest`: the slowest migrations: `sequence`, `time_ns`, `pid`, `comm`, `direction`, `cause`,
//!   `outcome`, `requested`, `total_ns`, `steps_ns`, `ledger`, `driver`

use serde_json::{Map, Value, json};

use super::exact::rows;
use crate::figures;
use crate::model::{
    Batching, Bounce, Driver, Fit, Group, Model, Phase, Process, Retry, Size, Sums,
};
use crate::trace::{Direction, Migration, Step, WaitKind};

/// Rows of a list, at most.
const ROWS: usize = 100;

pub(super) fn drivers(model: &Model) -> Vec<Value> {
    let driver = |driver: &Driver| with(json!({ "driver": driver.name.as_deref() }), &driver.sums);
    model.drivers().sorted().into_iter().map(driver).collect()
}

pub(super) fn processes(model: &Model) -> Vec<Value> {
    let process = |process: &Process| {
        let who = json!({
            "pid": process.pid,
            "comm": process.comm.as_deref(),
            "cgroup": process.cgroup.as_deref(),
        });
        with(who, &process.sums)
    };
    model
        .processes()
        .sorted()
        .into_iter()
        .map(process)
        .collect()
}

pub(super) fn other_processes(model: &Model) -> Option<Value> {
    let others = model.processes().others()?;
    Some(with(json!({ "processes": others.processes }), &others.sums))
}

/// An object with sums added.
pub(super) fn with(mut object: Value, sums: &Sums) -> Value {
    let arrived = Direction::ALL.iter().map(|direction| {
        let pages = sums.arrived(Some(*direction));
        (direction.name().to_owned(), json!(pages))
    });
    let more = json!({
        "migrations": sums.migrations,
        "ledger": rows(&sums.ledger),
        "not_collected": sums.reasons.not_collected,
        "unmap_failed": sums.reasons.unmap_failed,
        "skipped_unknown": sums.reasons.unknown,
        "time_ns": sums.time_ns,
        "wasted_ns": sums.wasted_ns,
        "arrived": arrived.collect::<Map<_, _>>(),
        "ns_per_page": sums.ns_per_page(),
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

pub(super) fn phases(model: &Model) -> Option<Value> {
    let phase = |phase: &Phase| {
        let steps = Step::ALL
            .into_iter()
            .zip(phase.steps_ns)
            .map(|(step, ns)| (step.name().to_owned(), json!(ns)));
        let what = json!({
            "phase": phase.path.as_deref(),
            "steps_ns": steps.collect::<Map<_, _>>(),
            "waits": model.followed().map(|kind| waits(phase, kind)).collect::<Map<_, _>>(),
        });
        with(what, &phase.sums)
    };
    let phases = model.phases();
    model.facts().details.phases.then(|| {
        json!({
            "opened": model.phases_opened(),
            "paths": phases.sorted().into_iter().map(phase).collect::<Vec<_>>(),
            "others": phases.others().map(phase),
        })
    })
}

fn waits(phase: &Phase, kind: WaitKind) -> (String, Value) {
    let sums = phase.waits(kind);
    let sums = json!({
        "waits": sums.waits,
        "total_ns": sums.total_ns,
        "longest_ns": sums.longest_ns,
    });
    (kind.name().to_owned(), sums)
}

pub(super) fn batching(model: &Model) -> Map<String, Value> {
    let batching = model.batching();
    let of = |direction: Option<Direction>| {
        json!({
            "sizes": batching.sizes(direction).map(|of| size(batching, &of, direction)).collect::<Vec<_>>(),
        })
    };
    by_direction(model, of)
}

pub(super) fn costs(model: &Model) -> Vec<Value> {
    let batching = model.batching();
    let of = |group: Group| {
        let steps = Step::ALL.into_iter().map(Some).chain([None]);
        let costs = steps.map(|step| {
            let name = step.map_or("total", Step::name).to_owned();
            (name, json!(batching.fit(step, group).as_ref().map(fit)))
        });
        json!({
            "direction": group.direction.name(),
            "cause": group.cause.name(),
            "time_ns": batching.time_ns(group),
            "steps": costs.collect::<Map<_, _>>(),
        })
    };
    batching.groups().into_iter().map(of).collect()
}

fn size(batching: &Batching, size: &Size, direction: Option<Direction>) -> Value {
    json!({
        "pages_min": size.pages.start(),
        "pages_max": size.pages.end(),
        "calls": size.calls,
        "requested": size.requested,
        "arrived": size.arrived,
        "time_ns": size.time_ns,
        "ns_per_page": size.ns_per_page(),
        "saved_ns": direction.is_none().then(|| batching.saved_in_all_ns(*size.pages.start())).flatten(),
        "steps_ns": by_step(|step| json!(size.steps_ns[step as usize])),
    })
}

fn fit(fit: &Fit) -> Value {
    let (fixed, per_page) = (fit.fixed(), fit.per_page());
    json!({
        "fixed_ns": fixed.map(|(ns, _)| ns),
        "fixed_error_ns": fixed.map(|(_, error)| error),
        "per_page_ns": per_page.map(|(ns, _)| ns),
        "per_page_error_ns": per_page.map(|(_, error)| error),
        "calls": fit.calls,
        "break_even_pages": fit.break_even_pages(),
    })
}

/// Is this unknown, because the filter hides it, or because nothing was recorded?
fn is_unknown(model: &Model) -> bool {
    model.hidden().ways_back || figures::has_no_records(model)
}

pub(super) fn ping_pong(model: &Model) -> Value {
    if is_unknown(model) {
        return Value::Null;
    }
    let ping_pong = model.ping_pong();
    let range = |bounce: &&Bounce| {
        json!({
            "pid": bounce.pid,
            "start": bounce.start,
            "end": bounce.end,
            "pages": bounce.pages,
            "most_pages": bounce.most_pages,
            "trips": bounce.trips,
            "soonest_ns": bounce.soonest_ns,
            "mean_ns": bounce.mean_ns(),
        })
    };
    json!({
        "pages": ping_pong.total_pages(),
        "most_pages": ping_pong.most_pages(),
        "trips": ping_pong.total_trips(),
        "time_ns": ping_pong.total_ns(),
        "evicted": ping_pong.evicted(),
        "forgotten_pages": ping_pong.forgotten(),
        "ranges": ping_pong.sorted().iter().take(ROWS).map(range).collect::<Vec<_>>(),
        "soonest": ping_pong.soonest().iter().take(ROWS).map(range).collect::<Vec<_>>(),
    })
}

pub(super) fn retries(model: &Model) -> Value {
    if is_unknown(model) {
        return Value::Null;
    }
    let retries = model.retries();
    let range = |retry: &&Retry| {
        json!({
            "pid": retry.pid,
            "address": retry.address,
            "direction": retry.direction.name(),
            "calls": retry.calls,
            "pages": retry.pages,
            "outcome": retry.outcome.name(),
            "time_ns": retry.time_ns,
        })
    };
    json!({
        "calls": retries.total_calls(),
        "time_ns": retries.total_ns(),
        "evicted": retries.evicted(),
        "ranges": retries.sorted().iter().take(ROWS).map(range).collect::<Vec<_>>(),
    })
}

pub(super) fn slowest(model: &Model) -> Vec<Value> {
    let one = |migration: &Migration| {
        json!({
            "sequence": migration.sequence,
            "time_ns": migration.time_ns,
            "pid": migration.pid,
            "worker_tid": migration.worker.as_ref().map(|worker| worker.tid),
            "worker_comm": migration.worker.as_ref().map(|worker| &*worker.comm),
            "from": migration.from.kind(),
            "from_place": migration.from.place.as_deref(),
            "to": migration.to.kind(),
            "to_place": migration.to.place.as_deref(),
            "comm": migration.comm.as_deref(),
            "direction": migration.known_direction(),
            "cause": migration.known_cause(),
            "outcome": migration.outcome.name(),
            "requested": migration.ledger.requested,
            "total_ns": migration.total_ns(),
            "steps_ns": by_step(|step| json!(migration.steps[step as usize])),
            "ledger": rows(&migration.ledger),
            "driver": migration.driver.as_deref(),
        })
    };
    let slowest = model.slowest().sorted().into_iter();
    slowest.take(ROWS).map(one).collect()
}

fn by_step(of: impl Fn(Step) -> Value) -> Map<String, Value> {
    let all = Step::ALL.into_iter();
    all.map(|step| (step.name().to_owned(), of(step))).collect()
}

/// The same for each direction that is listed, and for `both`.
pub(super) fn by_direction(
    model: &Model,
    of: impl Fn(Option<Direction>) -> Value,
) -> Map<String, Value> {
    let directions = figures::directions(model).into_iter().map(Some);
    directions
        .chain([None])
        .map(|direction| {
            let name = direction.map_or("both", |direction| direction.name());
            (name.to_owned(), of(direction))
        })
        .collect()
}
