//! The columns of a recording: name, unit, and where each comes from, in one table, so that these cannot disagree.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Schema};
use migrate_ebpf::wire::{Direction, LOSS_NAMES, Outcome, Trigger};

use super::Facts;
use crate::model::ledger::Row;
use crate::model::{Migration, Step};
use crate::source::Status;

/// The values of column `event`: what a row is about.
pub(super) const EVENTS: [&str; 2] = ["migration", "status"];

/// Takes a value out of a row; `None` is written as null.
pub(super) type Get<R, T> = Box<dyn Fn(&R) -> Option<T> + Send>;

/// Takes a text out of a migration.
pub(super) type GetText = fn(&Migration) -> Option<&str>;

/// Takes a name out of a migration.
pub(super) type GetName = fn(&Migration) -> Option<&'static str>;

/// What a column holds, and how to find it.
pub(super) enum Values {
    /// What the row is about, one of [`EVENTS`].
    Event,
    /// The only column that rows of both kinds have.
    Time,
    /// A number of a migration.
    U64(Get<Migration, u64>),
    /// A small number of a migration.
    U32(Get<Migration, u32>),
    /// A text of a migration.
    Text(GetText),
    /// One of a few names, of a migration.
    Name(Vec<&'static str>, GetName),
    /// A number of a status.
    Status(Get<Status, u64>),
}

/// As [`Column::widths`], of texts: which are valid, where each begins, letters.
pub(super) const TEXT_WIDTHS: &[u64] = &[1, 4, 1];

/// One column.
pub(super) struct Column {
    pub(super) name: String,
    unit: &'static str,
    pub(super) values: Values,
}

impl Column {
    fn new(name: impl Into<String>, unit: &'static str, values: Values) -> Self {
        Self {
            name: name.into(),
            unit,
            values,
        }
    }

    /// The size of an element in each of the column's buffers, bytes; 1 for those that hold bits or letters.
    fn widths(&self) -> &'static [u64] {
        match self.values {
            Values::Event | Values::Name(..) => &[1, 1],
            Values::Time | Values::U64(_) | Values::Status(_) => &[1, 8],
            Values::U32(_) => &[1, 4],
            Values::Text(_) => TEXT_WIDTHS,
        }
    }

    fn field(&self) -> Field {
        let dictionary =
            || DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let (data_type, nullable) = match self.values {
            Values::Event => (dictionary(), false),
            Values::Time => (DataType::UInt64, false),
            Values::U64(_) | Values::Status(_) => (DataType::UInt64, true),
            Values::U32(_) => (DataType::UInt32, true),
            Values::Text(_) => (DataType::Utf8, true),
            Values::Name(..) => (dictionary(), true),
        };
        let field = Field::new(&self.name, data_type, nullable);
        if self.unit.is_empty() {
            field
        } else {
            field.with_metadata([("unit".to_owned(), self.unit.to_owned())])
        }
    }
}

/// All columns, in order.
pub(super) fn columns() -> Vec<Column> {
    let mut columns = vec![Column::new("event", "", Values::Event)];
    columns.extend(what());
    columns.extend(pages());
    columns.extend(times());
    columns.push(number32("anomalies", "bits", |m| {
        Some(u32::from(m.anomalies))
    }));
    columns.extend(status());
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
        name("direction", directions.map(|d| d.name()).collect(), |m| {
            m.known_direction()
        }),
        name("trigger", triggers.map(|t| t.name()).collect(), |m| {
            m.known_trigger()
        }),
        name(
            "outcome",
            Outcome::ALL.iter().map(|o| o.name()).collect(),
            |m| Some(m.outcome.name()),
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
    let rows = Row::ALL.into_iter().map(|row| {
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
    let steps = Step::ALL.into_iter().map(|step| {
        let get = move |m: &Migration| m.steps[step as usize];
        Column::new(
            format!("{}_ns", step.name()),
            "ns",
            Values::U64(Box::new(get)),
        )
    });
    let probe = ["setup", "pages", "finalize"]
        .into_iter()
        .enumerate()
        .map(|(place, call)| {
            let get = move |m: &Migration| Some(m.probe[place]);
            Column::new(format!("probe_{call}_ns"), "ns", Values::U64(Box::new(get)))
        });
    steps.chain(probe).collect()
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
    std::iter::once(ended).chain(losses).collect()
}
