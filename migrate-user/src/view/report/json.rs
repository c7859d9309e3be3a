//! The same figures as one JSON object, unrounded. Durations in nanoseconds, shares from 0 to 1, unknown is `null`.

use serde_json::{Map, Value, json};

use super::super::figures;
use crate::model::{Direction, Model, Rate};

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
    let requested = (
        "requested".to_owned(),
        json!(model.totals().ledger(None).requested),
    );
    let rows = figures::ledger(model);
    let rows = rows
        .into_iter()
        .map(|figure| (figure.row.name().to_owned(), json!(figure.pages)));
    let reasons = model.totals().reasons();
    let known = |pages| reasons.known().then_some(pages);
    let reasons = [
        ("not_collected", json!(known(reasons.not_collected))),
        ("unmap_failed", json!(known(reasons.unmap_failed))),
        ("skipped_unknown", json!(reasons.unknown)),
    ];
    let reasons = reasons
        .into_iter()
        .map(|(name, pages)| (name.to_owned(), pages));
    std::iter::once(requested)
        .chain(rows)
        .chain(reasons)
        .collect()
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
