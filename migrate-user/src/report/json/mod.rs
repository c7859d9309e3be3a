//! The same figures as one JSON object, unrounded. Durations in nanoseconds, pages are base pages,
//! shares from 0 to 1, unknown is `null`.
//!
//! `migrations`, `unbalanced`, `probe_ns`, `kinds`, `rates`, `ledger` and `steps` are from where
//! `coverage.from` says: from the records that came, or from the kernel's own totals. They, and
//! `total` and `migration_time`, are `null` where neither tells them: under a filter where records
//! are off.
//!
//! - `migration_time`: `total_ns` (all steps), `nested_ns` (of migrations in the middle of others,
//!   which are in both), `busy_ns` (the rest), `wall_ns`, `threads` (of the records that came),
//!   `has_all_threads`, `threads_ns` (`wall_ns` of all of them), `share` (`busy_ns` of that; `null`
//!   where not all threads are known)
//! - `ledger`: every row, and of the skipped `not_collected`, `unmap_failed` and `skipped_unknown`;
//!   of the `not_collected` `already_there` (at least so many had been seen to arrive where they
//!   were to go, and not to leave) and `other_reason`, both `null` where not every migration was
//!   recorded
//! - `steps`: by direction and for `both`, each step with `count`, `sum_ns`, `p50_ns`, `p90_ns`,
//!   `p99_ns`, `p999_ns`, `max_ns`, and `share` of the time of all five; a percentile beyond which
//!   no value lies is `null`: p50 takes 2 values, p90 10, p99 100, p99.9 1,000; `total`: the same
//!   of all five together
//! - `coverage`: `filter` (which migrations were traced, in the words of a filter; `null`: every
//!   one), `chosen` (which of those this is about, in the same words; `null`: all), `record_every`
//!   (every n-th is recorded; 0: none), `from` (`records` or `kernel`), `totals_ns` (when the
//!   kernel's totals were last read, by `clock`), `left_out` (migrations that were not to be
//!   recorded), `recorded` (migrations that left a record, of those that ended; `null`: all)
//! - `exact`: the kernel's own totals, `null` if it told none; `records`: the same of the records
//!   alone. Both have `counts` and `figures`, as in [`exact`](super::exact)
//! - `parts`: of the records in which they were measured, `null` if in none: how many
//!   (`migrations`), their `setup_ns`, their `total_ns` (all steps), and the sum of each part; a
//!   part has what the kernel did in setup, and where it does the same in other steps
//! - `driver_parts`: of the records in which they were measured, `null` if in none: how many
//!   (`migrations`), and by step of the driver's (`alloc_and_copy`, `finalize_and_map`) `step_ns`
//!   (all its time), `fence_ns`, `lock_ns`, `alloc_ns`, `dma_map_ns`
//! - `copies`: of the same records, how fast pages were copied, `null` where `driver_parts` is: by
//!   `direction`, and apart for migrations in which the driver waited for fences (`by_fence`), how
//!   many copied anything (`migrations`), `pages` and `bytes` of what moved or was copied in vain,
//!   `longest_ns` (between setup and finalize, with the tracer's own time: it took no longer),
//!   `least_bytes_per_second` (of that; `null` where it is 0), `fence_ns` (it took no less, if the
//!   fences were those of the copies), `most_bytes_per_second` (of that); the last two are `null`
//!   where no fence was waited for, or pages were made as well, which the fence may be of
//! - `off_cpu`: of the records in which it was measured, `null` if in none: how many
//!   (`migrations`), and by step `off_cpu_ns` (how long threads did not run in it), `step_ns` (all
//!   of it) and `share`
//! - `waits`: what threads waited for besides the steps of their own migrations, as in [`waits`];
//!   `null` where they were not followed
//! - `findings`: what it means, the worst first: `kind`, `severity` (`serious`, `notable`,
//!   `minor`), `what`, `evidence`, `cost`, `cost_ns` (`null` where it is not known, or not what it
//!   costs), `try`
//! - `recordings`: those that were read as one, in the order of time: `input`, `ending`
//!   (`complete`, `unfinished`: without its end mark, `damaged`, `left_out`), `at_byte` (where what
//!   was left out or is damaged begins), `lost_bytes` (of a last batch that is not whole), `gap_ns`
//!   (how long nothing was recorded before it); `notes`: the same in sentences, and all else that
//!   is missing
//! - `not_judged`: what was not judged, a sentence for each reason: then that there is no finding
//!   says nothing of it
//! - everything else is of the records that came, as in [`records`] and [`mappings`]

mod exact;
mod mappings;
mod records;
mod waits;

use serde_json::{Map, Value, json};

use super::Report;
use crate::figures;
use crate::insight::Finding;
use crate::model::{Distribution, Model, PARTS, Rate};
use crate::source::Part;
use crate::text::harmless_json;
use crate::trace::{DRIVER_PARTS, Direction, Ending, Figure, OF_DRIVER, Step};
pub(super) use exact::{exact, rows};
use records::by_direction;

/// The object, on lines of its own.
pub(super) fn json(report: &Report<'_>) -> String {
    let model = report.model;
    let parts = [
        machine(model),
        counts(model),
        of_records(model),
        conclusions(report),
    ];
    let members = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    let object = Value::Object(members.flatten().collect());
    harmless_json(format!("{object:#}\n"))
}

/// What was recorded, and where.
fn machine(model: &Model) -> Value {
    let facts = model.facts();
    json!({

        "host": facts.host,
        "kernel": facts.kernel,
        "boot_id": facts.boot_id,
        "clock": facts.clock,
        "clocksource": facts.clocksource,
        "page_size_bytes": facts.page_size,
        "not_hooked": facts.not_hooked,
        "attached": facts.attached,
        "tracer": facts.tracer,
        "started_ns": facts.started_ns,
        "started_unix_ns": facts.started_unix_ns,
    })
}

fn counts(model: &Model) -> Value {
    let mut counts = json!({
        "elapsed_ns": model.elapsed_ns(),
        "ended": model.ended(),
        "lost": model.losses().map(|losses| losses.lost()),
        "losses": model.losses().map(|losses| {
            losses.named().map(|(name, count)| (name.to_owned(), json!(count))).collect::<Map<_, _>>()
        }),
        "unaccounted": model.unaccounted(),
        "coverage": coverage(model),
        "exact": model.exact().map(exact),
        "records": exact(model.records()),
        "parts": parts(model),
        "driver_parts": driver_parts(model),
        "copies": copies(model),
        "off_cpu": off_cpu(model),
        "waits": waits::waits(model),
    });
    let unknown = figures::are_unknown(model);
    for (name, value) in of_all(model) {
        counts[name] = if unknown { Value::Null } else { value };
    }
    counts
}

/// Of all migrations that it is about; nothing of it is known where nothing tells which those are.
fn of_all(model: &Model) -> [(&'static str, Value); 9] {
    [
        ("migration_time", migration_time(model)),
        ("migrations", json!(model.totals().migrations())),
        ("unbalanced", json!(model.totals().unbalanced())),
        ("probe_ns", json!(model.totals().probe_ns())),
        ("kinds", json!(kinds(model))),
        ("rates", json!(rates(model))),
        ("ledger", json!(ledger(model))),
        (
            "steps",
            json!(by_direction(model, |direction| steps(model, direction))),
        ),
        (
            "total",
            json!(by_direction(model, |direction| times(
                &model.steps().of(Figure::Total, direction)
            ))),
        ),
    ]
}

/// Of the records that came.
fn of_records(model: &Model) -> Value {
    json!({
        "drivers": records::drivers(model),
        "processes": records::processes(model),
        "other_processes": records::other_processes(model),
        "mappings": mappings::mappings(model),
        "other_mappings": mappings::other_mappings(model),
        "unknown_mapping": mappings::unknown_mapping(model),
        "phases": records::phases(model),
        "batching": records::batching(model),
        "costs": records::costs(model),
        "ping_pong": records::ping_pong(model),
        "retries": records::retries(model),
        "slowest": records::slowest(model),
    })
}

fn conclusions(report: &Report<'_>) -> Value {
    json!({
        "recordings": report.parts.iter().map(recording).collect::<Vec<_>>(),
        "notes": report.notes(),
        "not_judged": report.unjudged,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn recording(part: &Part) -> Value {
    let (at_byte, lost_bytes) = match &part.ending {
        Ending::Complete => (None, 0),
        Ending::Unfinished {
            whole_bytes,
            lost_bytes,
        } => (Some(*whole_bytes), *lost_bytes),
        Ending::Damaged { at, .. } | Ending::LeftOut { at, .. } => (Some(*at), 0),
    };
    json!({
        "input": part.input,
        "ending": part.ending.name(),
        "at_byte": at_byte,
        "lost_bytes": lost_bytes,
        "gap_ns": part.gap_ns,
    })
}

fn migration_time(model: &Model) -> Value {
    let time = model.migration_time();
    json!({
        "total_ns": time.total_ns,
        "nested_ns": time.nested_ns,
        "busy_ns": time.busy_ns(),
        "wall_ns": time.wall_ns,
        "threads": time.threads,
        "has_all_threads": time.has_all_threads,
        "threads_ns": time.threads_ns(),
        "share": time.share(),
    })
}

fn kinds(model: &Model) -> Vec<Value> {
    let kind = |kind: crate::trace::Kind| {
        json!({
            "direction": kind.direction.name(),
            "cause": kind.cause.name(),
            "outcome": kind.outcome.name(),
            "migrations": kind.migrations,
        })
    };
    model.totals().kinds().map(kind).collect()
}

/// Averages over the whole recording.
fn rates(model: &Model) -> Map<String, Value> {
    let page = model.facts().page_size as f64;
    let object = |rate: Option<Rate>| {
        json!({
            "pages_per_second": rate.map(|rate| rate.pages),
            "bytes_per_second": rate.map(|rate| rate.pages * page),
            "calls_per_second": rate.map(|rate| rate.calls),
        })
    };
    by_direction(model, |direction| object(model.average(direction)))
}

fn ledger(model: &Model) -> Map<String, Value> {
    let reasons = model.totals().reasons();
    let known = |pages| reasons.known().then_some(pages);
    let there = model
        .already_there()
        .map(|pages| pages.min(reasons.not_collected));
    let mut ledger = rows(&model.totals().ledger(None));
    ledger.extend([
        (
            "not_collected".to_owned(),
            json!(known(reasons.not_collected)),
        ),
        (
            "unmap_failed".to_owned(),
            json!(known(reasons.unmap_failed)),
        ),
        ("already_there".to_owned(), json!(there)),
        (
            "other_reason".to_owned(),
            json!(there.map(|there| reasons.not_collected - there)),
        ),
        ("skipped_unknown".to_owned(), json!(reasons.unknown)),
    ]);
    ledger
}

fn steps(model: &Model, direction: Option<Direction>) -> Value {
    let of = |step: Step| {
        let mut object = times(&model.steps().of(step, direction));
        object["share"] = json!(model.steps().share(step, direction));
        (step.name().to_owned(), object)
    };
    Value::Object(Step::ALL.into_iter().map(of).collect())
}

fn times(times: &Distribution) -> Value {
    json!({
        "count": times.count(),
        "sum_ns": times.sum(),
        "p50_ns": times.quantile(0.5),
        "p90_ns": times.quantile(0.9),
        "p99_ns": times.quantile(0.99),
        "p999_ns": times.quantile(0.999),
        "max_ns": times.max(),
    })
}

fn coverage(model: &Model) -> Value {
    let coverage = model.coverage();
    json!({
        "filter": coverage.filter,
        "chosen": coverage.chosen,
        "record_every": coverage.record_every,
        "from": coverage.from.name(),
        "totals_ns": coverage.totals_ns,
        "left_out": model.left_out(),
        "recorded": model.left_records().map(|(records, _)| records),
    })
}

fn parts(model: &Model) -> Option<Map<String, Value>> {
    let parts = model.parts();
    let sums = PARTS.into_iter().zip(parts.sums_ns);
    let sums = sums.map(|(name, ns)| (format!("{name}_ns"), json!(ns)));
    let whole = [
        ("migrations", parts.migrations),
        ("setup_ns", parts.setup_ns),
        ("total_ns", parts.total_ns),
        ("split_migrations", parts.split_migrations),
        ("split_total_ns", parts.split_total_ns),
    ];
    let whole = whole.map(|(name, number)| (name.to_owned(), json!(number)));
    (parts.migrations > 0).then(|| whole.into_iter().chain(sums).collect())
}

fn driver_parts(model: &Model) -> Option<Map<String, Value>> {
    let sums = model.driver_parts();
    let steps = OF_DRIVER.into_iter().enumerate().map(|(nth, step)| {
        let parts = DRIVER_PARTS.into_iter().zip(sums.sums_ns[nth]);
        let parts = parts.map(|(name, ns)| (format!("{name}_ns"), json!(ns)));
        let whole = ("step_ns".to_owned(), json!(sums.steps_ns[nth]));
        let object: Map<_, _> = std::iter::once(whole).chain(parts).collect();
        (step.name().to_owned(), Value::Object(object))
    });
    let migrations = ("migrations".to_owned(), json!(sums.migrations));
    (sums.migrations > 0).then(|| std::iter::once(migrations).chain(steps).collect())
}

fn copies(model: &Model) -> Option<Vec<Value>> {
    let page_size = model.facts().page_size;
    let row = |row: figures::copies::Row| {
        let copied = row.copied;
        let bytes = |pages: f64| pages * page_size as f64;
        json!({
            "direction": row.direction.name(),
            "by_fence": copied.is_by_fence(),
            "migrations": copied.migrations,
            "pages": copied.pages,
            "bytes": copied.pages.saturating_mul(page_size),
            "longest_ns": copied.longest_ns,
            "least_bytes_per_second": copied.least().map(bytes),
            "fence_ns": copied.is_by_fence().then_some(copied.fence_ns),
            "most_bytes_per_second": copied.most().map(bytes),
        })
    };
    let rows = figures::copies::rows(model).into_iter().map(row);
    (model.driver_parts().migrations > 0).then(|| rows.collect())
}

fn off_cpu(model: &Model) -> Option<Map<String, Value>> {
    let sums = model.off_cpu();
    let shares = figures::off_cpu(model);
    let step = |step: Step| {
        let at = step as usize;
        let object = json!({
            "off_cpu_ns": sums.off_ns[at],
            "step_ns": sums.steps_ns[at],
            "share": shares[at],
        });
        (step.name().to_owned(), object)
    };
    let migrations = ("migrations".to_owned(), json!(sums.migrations));
    let all = std::iter::once(migrations).chain(Step::ALL.map(step));
    (sums.migrations > 0).then(|| all.collect())
}

fn finding(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "severity": finding.severity.name(),
        "what": finding.what,
        "evidence": finding.evidence,
        "cost": finding.cost,
        "cost_ns": finding.cost_ns,
        "try": finding.try_this,
    })
}
