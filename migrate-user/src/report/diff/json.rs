//! The comparison as one JSON object, unrounded; unknown is `null`.
//!
//! - `verdict`: `same`, `better`, `unsure`, `inconclusive` or `worse`; `rests_on`: the figure that
//!   it rests on where nothing is worse; `why`: what it comes from, in words
//! - `base`, `new`: `recordings`, how many `runs` they are of, `migrations`, and how many `units`
//!   they were divided into; `unit`: `blocks` or `recordings`
//! - `filter`: which migrations are compared, in the words of a filter; `null`: all that were
//!   recorded
//! - `figures`: each `figure` with `base` and `new`, `change` and its interval, `low` to `high` (a
//!   ratio less 1, or for shares a difference), `effect` (Cliff's delta, -1 to 1), and `verdict`
//!   (`null` where it cannot be told or is not judged)
//! - `limits`: `time` and `share`, up to which changes do not count; `new_findings`: kinds that
//!   only the new side has; `unjudged_findings`: those of the new side that could not be judged on
//!   the base; `remarks`
//! - `differences`: `what` is different between the recordings besides their figures, with its
//!   values `base` and `new`

use serde_json::{Value, json};

use super::Page;
use crate::compare::{Figures, Verdict};
use crate::insight::Kind;
use crate::text::harmless_json;

pub(super) fn json(page: &Page) -> String {
    let comparison = &page.comparison;
    let side = |name: &str, runs: usize, migrations: u64, units: usize| json!({ "recordings": name, "runs": runs, "migrations": migrations, "units": units });
    let object = json!({
        "verdict": comparison.verdict.name(),
        "rests_on": comparison.first().map(|first| first.figure.name()),
        "why": comparison.why,
        "base": side(&page.names.0, page.runs.0, comparison.migrations.0, comparison.units.0),
        "new": side(&page.names.1, page.runs.1, comparison.migrations.1, comparison.units.1),
        "filter": page.filter,
        "unit": comparison.unit.name(),
        "figures": comparison.figures.iter().map(figures).collect::<Vec<_>>(),
        "limits": { "time": page.limits.time, "share": page.limits.share },
        "new_findings": page.appeared.iter().copied().map(Kind::name).collect::<Vec<_>>(),
        "unjudged_findings": page.unjudged.iter().copied().map(Kind::name).collect::<Vec<_>>(),
        "remarks": page.remarks,
        "differences": page.differences.iter().map(difference).collect::<Vec<_>>(),
    });
    harmless_json(format!("{object:#}\n"))
}

fn difference((what, base, new): &(String, String, String)) -> Value {
    json!({ "what": what, "base": base, "new": new })
}

fn figures(figures: &Figures) -> Value {
    json!({
        "figure": figures.figure.name(),
        "base": figures.base,
        "new": figures.new,
        "change": figures.change,
        "low": figures.interval.map(|(low, _)| low),
        "high": figures.interval.map(|(_, high)| high),
        "effect": figures.effect,
        "verdict": figures.verdict.map(Verdict::name),
    })
}
