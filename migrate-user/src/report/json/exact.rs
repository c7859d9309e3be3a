//! Totals by direction and cause as JSON.
//!
//! - `counts`: for each `direction`, `cause` and `outcome` that occurred: `migrations`, the
//!   `ledger`, with the reasons of skipped pages (`not_collected`, `unmap_failed`,
//!   `skipped_unknown`), `probe_ns`, `unbalanced`
//! - `figures`: for each `direction`, `cause` and `figure` that occurred: `count`, `sum` (exact),
//!   `p50`, `p90`, `p99` and `p999`, within 1% and of no value too low (`null` where there are too
//!   few values for one to lie beyond). The unit is in the name of the figure: `setup_ns`,
//!   `alloc_and_copy_ns`, `pages_ns`, `finalize_and_map_ns`, `finalize_ns`, `total_ns` (all five),
//!   `pages_per_call` (requested), `ns_per_page` (`total_ns` by the pages that arrived, of calls in
//!   which some did)

use serde_json::{Map, Value, json};

use crate::model::steps::value_at;
use crate::trace::{Exact, ExactCount, ExactFigure, Ledger, ledger::Row};

/// The object.
pub(in super::super) fn exact(exact: &Exact) -> Value {
    json!({
        "counts": exact.counts.iter().map(count).collect::<Vec<_>>(),
        "figures": exact.figures.iter().map(figure).collect::<Vec<_>>(),
    })
}

/// Every row of a ledger by its name.
pub(in super::super) fn rows(ledger: &Ledger) -> Map<String, Value> {
    let rows = Row::ALL.map(|row| (row.name().to_owned(), json!(row.of(ledger))));
    let requested = ("requested".to_owned(), json!(ledger.requested));
    std::iter::once(requested).chain(rows).collect()
}

fn count(count: &ExactCount) -> Value {
    let mut ledger = rows(&count.ledger);
    let reasons = [
        ("not_collected", count.reasons.not_collected),
        ("unmap_failed", count.reasons.unmap_failed),
        ("skipped_unknown", count.reasons.unknown),
    ];
    ledger.extend(reasons.map(|(name, pages)| (name.to_owned(), json!(pages))));
    json!({
        "direction": count.direction.name(),
        "cause": count.cause.name(),
        "outcome": count.outcome.name(),
        "migrations": count.migrations,
        "ledger": ledger,
        "probe_ns": count.probe_ns,
        "unbalanced": count.unbalanced,
    })
}

fn figure(figure: &ExactFigure) -> Value {
    let histogram = figure.values.histogram();
    let quantile = |quantile| value_at(&histogram, quantile);
    json!({
        "direction": figure.direction.name(),
        "cause": figure.cause.name(),
        "figure": figure.figure.name(),
        "count": histogram.len(),
        "sum": figure.sum,
        "p50": quantile(0.5),
        "p90": quantile(0.9),
        "p99": quantile(0.99),
        "p999": quantile(0.999),
    })
}
