//! The columns of a recording: name, unit, and where each comes from, in one table, so that these cannot disagree.

use std::collections::HashMap;

use arrow_schema::{Field, Schema};
use migrate_ebpf::wire::{Direction, Figure, LOSS_NAMES, Outcome, Trigger};

use super::Facts;
use super::column::{Column, GetName, GetText, Values};
use crate::model::{ExactCount, Migration, Step, ledger};
use crate::source::Status;

/// All columns, in order.
pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![Column::new("event", "", Values::Event)];
    columns.extend(what());
    columns.extend(pages());
    columns.extend(times());
    columns.push(number32("anomalies", "bits", |m| {
        Some(u32::from(m.anomalies))
    }));
    columns.extend(details());
    columns.extend(status());
    columns.extend(totals());
    columns.extend(histogram());
    columns
}

/// As [`Column::widths`], of a whole row.
pub(super) fn widths(columns: &[Column]) -> Vec<u64> {
    columns
        .iter()
        .flat_map(|column| column.widths())
        .copied()
        .collect()
}

/// The schema, with the facts in its metadata.
pub(super) fn schema(facts: &Facts) -> Schema {
    let fields: Vec<Field> = columns().iter().map(Column::field).collect();
    Schema::new_with_metadata(
        fields,
        facts.entries().into_iter().collect::<HashMap<_, _>>(),
    )
}

fn number(name: &str, unit: &'static str, get: fn(&Migration) -> Option<u64>) -> Column {
    Column::new(name, unit, Values::U64(Box::new(get)))
}

fn number32(name: &str, unit: &'static str, get: fn(&Migration) -> Option<u32>) -> Column {
    Column::new(name, unit, Values::U32(Box::new(get)))
}

fn text(name: &str, get: GetText) -> Column {
    Column::new(name, "", Values::Text(get))
}

fn name(name: &str, names: Vec<&'static str>, get: GetName) -> Column {
    Column::new(name, "", Values::Name(names, get))
}

/// Which migration it was. A direction or trigger that this kernel could not tell is null.
fn what() -> Vec<Column> {
    let directions = Direction::ALL.iter().filter(|d| **d != Direction::Unknown);
    let triggers = Trigger::ALL.iter().filter(|t| **t != Trigger::Unknown);
    vec![
        number("sequence", "", |m| Some(m.sequence)),
        Column::new("time_ns", "ns", Values::Time),
        number32("pid", "", |m| Some(m.pid)),
        number32("tid", "", |m| Some(m.tid)),
        text("comm", |m| Some(&m.comm)),
        text("cgroup", |m| m.cgroup.as_deref()),
        text("driver", |m| m.driver.as_deref()),
        name("direction", directions.map(|d| d.name()).collect(), |row| {
            row.direction()
        }),
        name("trigger", triggers.map(|t| t.name()).collect(), |row| {
            row.trigger()
        }),
        name(
            "outcome",
            Outcome::ALL.iter().map(|o| o.name()).collect(),
            |row| row.outcome(),
        ),
        number32("errno", "", |m| m.errno),
        number("address", "", |m| m.address),
    ]
}

/// Where the pages went.
fn pages() -> Vec<Column> {
    let requested = number("requested", "pages", |m| Some(m.ledger.requested));
    let skips = [
        number("not_collected", "pages", |m| {
            m.skips.map(|skips| skips.not_collected)
        }),
        number("unmap_failed", "pages", |m| {
            m.skips.map(|skips| skips.unmap_failed)
        }),
    ];
    let rows = ledger::Row::ALL.into_iter().map(|row| {
        let get = move |m: &Migration| Some(row.of(&m.ledger));
        Column::new(row.name(), "pages", Values::U64(Box::new(get)))
    });
    std::iter::once(requested)
        .chain(rows)
        .chain(skips)
        .collect()
}

/// How long it took.
fn times() -> Vec<Column> {
    let steps = of_steps("", |m, step| m.steps[step as usize]);
    let probe = ["setup", "pages", "finalize"]
        .into_iter()
        .enumerate()
        .map(|(place, call)| {
            let get = move |m: &Migration| Some(m.probe[place]);
            Column::new(format!("probe_{call}_ns"), "ns", Values::U64(Box::new(get)))
        });
    steps.chain(probe).collect()
}

/// A column for each step.
fn of_steps(
    prefix: &str,
    get: fn(&Migration, Step) -> Option<u64>,
) -> impl Iterator<Item = Column> {
    Step::ALL.into_iter().map(move |step| {
        Column::new(
            format!("{prefix}{}_ns", step.name()),
            "ns",
            Values::U64(Box::new(move |m| get(m, step))),
        )
    })
}

/// What is there only where it was asked for.
fn details() -> Vec<Column> {
    let parts = [
        number("lru_drain_ns", "ns", |m| m.parts.map(|p| p.lru_drain_ns)),
        number("invalidate_ns", "ns", |m| m.parts.map(|p| p.invalidate_ns)),
        number("rmap_ns", "ns", |m| m.parts.map(|p| p.rmap_ns)),
        number("split_ns", "ns", |m| m.parts.map(|p| p.split_ns)),
    ];
    let off_cpu = of_steps("off_cpu_", |m, step| m.off_cpu.map(|ns| ns[step as usize]));
    let stack = |name, get| {
        Column::new(name, "", Values::Stack(get))
            .with_note("outermost frame first, ; between frames")
    };
    [
        number("pgmap_owner", "", |m| m.pgmap_owner).with_note("only its identity means something"),
        stack("kernel_stack", |m| m.kernel_stack.as_deref()),
        stack("user_stack", |m| m.user_stack.as_deref()),
    ]
    .into_iter()
    .chain(parts)
    .chain(off_cpu)
    .collect()
}

/// The tracer's account of itself: totals since it started.
fn status() -> Vec<Column> {
    let ended = Column::new(
        "ended",
        "migrations",
        Values::Status(Box::new(|s| Some(s.ended))),
    );
    let losses = LOSS_NAMES.into_iter().enumerate().map(|(place, loss)| {
        let get = move |s: &Status| Some(s.losses[place]);
        Column::new(format!("lost_{loss}"), "", Values::Status(Box::new(get)))
    });
    let totals = |s: &Status| s.exact.as_ref().map(|exact| exact.len() as u64);
    let totals = Column::new("totals", "rows", Values::Status(Box::new(totals)))
        .with_note("of the events total and histogram in this batch; null: not in this batch");
    std::iter::once(ended)
        .chain(losses)
        .chain([totals])
        .collect()
}

/// The kernel's own sums over the migrations of one direction, trigger and outcome since the tracer started, those of
/// rows before included.
fn totals() -> Vec<Column> {
    let sum = |name: &str, unit, get: fn(&ExactCount) -> u64| {
        Column::new(
            format!("total_{name}"),
            unit,
            Values::Total(Box::new(move |total| Some(get(total)))),
        )
    };
    let rows = ledger::Row::ALL.into_iter().map(|row| {
        let get = move |total: &ExactCount| Some(row.of(&total.ledger));
        Column::new(
            format!("total_{}", row.name()),
            "pages",
            Values::Total(Box::new(get)),
        )
    });
    let counted = [
        sum("migrations", "migrations", |total| total.migrations),
        sum("requested", "pages", |total| total.ledger.requested),
    ];
    let rest = [
        sum("not_collected", "pages", |total| {
            total.reasons.not_collected
        }),
        sum("unmap_failed", "pages", |total| total.reasons.unmap_failed),
        sum("unknown", "pages", |total| total.reasons.unknown)
            .with_note("skipped, and nobody saw why"),
        sum("probe_ns", "ns", |total| total.probe_ns),
        sum("unbalanced", "ledgers", |total| total.unbalanced),
    ];
    counted.into_iter().chain(rows).chain(rest).collect()
}

/// The kernel's own histograms of the migrations of one direction and trigger since the tracer started.
fn histogram() -> Vec<Column> {
    let figures = Figure::ALL.iter().map(|figure| figure.name()).collect();
    vec![
        name("figure", figures, |row| row.figure()).with_note("what the values of a histogram are"),
        Column::new("sum", "", Values::Sum).with_note("of all values of the histogram, exact"),
        Column::new("histogram", "", Values::Histogram).with_note(
            "HdrHistogram, V2 encoding, compressed; two significant digits. In base64 it is what HdrHistogram's \
             decoders of every language take",
        ),
    ]
}
