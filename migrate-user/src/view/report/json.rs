//! The same figures as one JSON object, unrounded. Durations in nanoseconds, pages are base pages, shares from 0 to 1,
//! unknown is `null`.
//!
//! `migrations`, `unbalanced`, `probe_ns`, `kinds`, `rates`, `ledger` and `steps` are from where `coverage.from` says: from
//! the records that came, or from the kernel's own totals.
//!
//! - `coverage`: `filter` (in the words of the command line; `null`: every migration), `record_every` (every n-th is recorded;
//!   0: none), `from` (`records` or `kernel`), `totals_ns` (when the kernel's totals were last read, by `clock`), `left_out`
//!   (migrations that were not to be recorded)
//! - `exact`: the kernel's own totals, `null` if it told none; `records`: the same of the records alone. Both have `counts`
//!   and `figures`, as in [`exact`](super::exact)
//! - `parts`: of the records in which they were measured, `null` if in none: how many (`migrations`), their `setup_ns`, their
//!   `total_ns` (all steps), and the sum of each part; a part has what the kernel did in setup, and where it does the same
//!   in other steps
//! - `off_cpu`: of the records in which it was measured, `null` if in none: how many (`migrations`), and by step `off_cpu_ns`
//!   (how long threads did not run in it), `step_ns` (all of it) and `share`
//! - `drivers`: of the records that came, each `driver` (`null`: not known) with its `migrations` and its `ledger`

use serde_json::{Map, Value, json};

use super::super::figures;
use super::exact::{exact, rows};
use crate::model::{Direction, Model, PARTS, Rate, Step};

/// The object, on lines of its own.
pub fn json(model: &Model) -> String {
    let facts = model.facts();
    let object = json!({
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
        "elapsed_ns": model.elapsed_ns(),
        "migrations": model.totals().migrations(),
        "ended": model.ended(),
        "lost": model.losses().map(|losses| losses.lost()),
        "losses": model.losses().map(|losses| {
            losses.named().map(|(name, count)| (name.to_owned(), json!(count))).collect::<Map<_, _>>()
        }),
        "unaccounted": model.unaccounted(),
        "unbalanced": model.totals().unbalanced(),
        "probe_ns": model.totals().probe_ns(),
        "kinds": kinds(model),
        "rates": rates(model),
        "ledger": ledger(model),
        "steps": steps(model),
        "coverage": coverage(model),
        "exact": model.exact().map(exact),
        "records": exact(model.records()),
        "parts": parts(model),
        "off_cpu": off_cpu(model),
        "drivers": drivers(model),
    });
    format!("{object:#}\n")
}

fn kinds(model: &Model) -> Vec<Value> {
    let kind = |kind: crate::model::Kind| {
        json!({
            "direction": kind.direction.name(),
            "trigger": kind.trigger.name(),
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
    let by = |direction: Direction| {
        (
            direction.name().to_owned(),
            object(model.average(Some(direction))),
        )
    };
    figures::directions(model)
        .into_iter()
        .map(by)
        .chain([("both".to_owned(), object(model.average(None)))])
        .collect()
}

fn ledger(model: &Model) -> Map<String, Value> {
    let reasons = model.totals().reasons();
    let known = |pages| reasons.known().then_some(pages);
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
        ("skipped_unknown".to_owned(), json!(reasons.unknown)),
    ]);
    ledger
}

fn steps(model: &Model) -> Map<String, Value> {
    let directions = figures::directions(model)
        .into_iter()
        .map(Some)
        .chain([None]);
    let name =
        |direction: Option<Direction>| direction.map_or("both", |direction| direction.name());
    let of = |direction| {
        let steps = figures::steps(model, direction).into_iter().map(|figure| {
            let object = json!({
                "count": figure.count,
                "p50_ns": figure.p50_ns,
                "p90_ns": figure.p90_ns,
                "p99_ns": figure.p99_ns,
                "max_ns": figure.max_ns,
                "share": figure.share,
            });
            (figure.step.name().to_owned(), object)
        });
        steps.collect::<Map<_, _>>()
    };
    directions
        .map(|direction| (name(direction).to_owned(), Value::Object(of(direction))))
        .collect()
}

fn coverage(model: &Model) -> Value {
    let coverage = model.coverage();
    json!({
        "filter": coverage.filter,
        "record_every": coverage.record_every,
        "from": coverage.from.name(),
        "totals_ns": coverage.totals_ns,
        "left_out": model.left_out(),
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
    ];
    let whole = whole.map(|(name, number)| (name.to_owned(), json!(number)));
    (parts.migrations > 0).then(|| whole.into_iter().chain(sums).collect())
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

fn drivers(model: &Model) -> Vec<Value> {
    let driver = |driver: &crate::model::Driver| {
        json!({
            "driver": driver.name.as_deref(),
            "migrations": driver.sums.migrations,
            "ledger": rows(&driver.sums.ledger),
        })
    };
    model.drivers().sorted().into_iter().map(driver).collect()
}
