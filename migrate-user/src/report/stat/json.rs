//! One JSON object on a line: times are nanoseconds, pages are base pages, unknown is `null`.
//!
//! - `command`, as it was called; `asked`: how many runs were asked for; `interrupted`
//! - `coverage`: `filter`, which migrations were counted, in the words of a filter; `null`: every
//!   one. Whose they are, is not asked: it is what this machine did while the command ran
//! - `migrations`, `pages`, `steps`, `waits`, `losses`, `elapsed`: lists of figures, each with
//!   `name`, `unit` (`migrations`, `pages`, `waits`, `stacks`, `ns`), `values` (one a run), `mean`,
//!   `deviation` (the standard deviation, of a sample; `null` where there is one run),
//!   `deviation_share` (of the mean; `null` where that is 0); and where it is a part of another
//!   figure, `of` (what, in words) and `share` (of it, by the means). Losses that are 0 in every
//!   run are in `runs` only
//! - `runs`: of each `status` (its exit status), `elapsed_ns`, `migrations`, `ledger`, `lost`,
//!   every loss by name in `losses`, `under_way` (calls at its `beginning` and `end`, whoever made
//!   them), `blurred` (migrations that ended just when totals were read), and `exact`: `counts` and
//!   `figures`, as in `report --json`
//! - `phases`: `null` unless asked for, else a list, those first whose migrations took most time:
//!   of each its `phase` (names with `/` between them; `""`: in none; `null`: not known, which
//!   includes whatever left no record), `is_later` (true of those together that came when too many
//!   were there to tell them apart, whose `phase` is `null`, too), and its `figures`, as above,
//!   each as a `share` of `all`: of all phases they add up to the totals. With it, `runs` have
//!   `phases_opened`, and `unrecorded`: migrations that left no record
//! - `notes`: what a reader should know, in sentences

use serde_json::{Map, Value, json};

use super::super::json::{exact, rows};
use super::spread::Spread;
use super::{Run, Stat};
use crate::figures::stat::phases::{InPhase, Which, unrecorded};
use crate::figures::stat::{Figure, Group, blurred};

/// The object.
pub(super) fn json(stat: &Stat<'_>) -> String {
    let mut object = json!({
        "command": stat.command,
        "asked": stat.asked,
        "interrupted": stat.interrupted,
        "coverage": {
            "filter": stat.runs.first().and_then(|run| run.model.coverage().filter),
        },
        "runs": stat.runs.iter().map(run).collect::<Vec<_>>(),
        "notes": stat.notes(),
    });
    let figures = stat.figures();
    for group in Group::ALL {
        let figures = figures.iter().filter(|figure| figure.group == group);
        object[group.name()] = figures.map(of_figure).collect();
    }
    let phases = stat.phases().map(|all| all.iter().map(of_phase).collect());
    object["phases"] = phases.unwrap_or(Value::Null);
    format!("{object}\n")
}

fn of_phase(phase: &InPhase) -> Value {
    json!({
        "phase": phase.which.path(),
        "is_later": phase.which == Which::Later,
        "figures": phase.figures.iter().map(of_figure).collect::<Vec<_>>(),
    })
}

fn of_figure(figure: &Figure) -> Value {
    let spread = Spread::of(&figure.values);
    let mut object = json!({
        "name": figure.name,
        "unit": figure.unit.name(),
        "values": figure.values,
        "mean": spread.mean,
        "deviation": spread.deviation,
        "deviation_share": spread.share(),
    });
    if let Some(of) = &figure.of {
        object["of"] = json!(of.name);
        object["share"] = json!(spread.part_of(Spread::of(&of.values)));
    }
    object
}

fn run(run: &Run) -> Value {
    let model = &run.model;
    let losses = model.losses().map(|losses| {
        let named = losses.named();
        named
            .map(|(name, number)| (name.to_owned(), json!(number)))
            .collect::<Map<_, _>>()
    });
    json!({
        "status": run.status,
        "elapsed_ns": run.elapsed_ns,
        "migrations": model.totals().migrations(),
        "ledger": rows(&model.totals().ledger(None)),
        "lost": model.losses().map(|losses| losses.lost()),
        "losses": losses,
        "under_way": { "beginning": run.under_way[0], "end": run.under_way[1] },
        "blurred": blurred(model),
        "phases_opened": model.phases_opened(),
        "unrecorded": unrecorded(&run.counted()).map(|[missing, _]| missing),
        "exact": exact(model.totals()),
    })
}
