//! Lines of what came since the last line, while a command runs.

use serde_json::{Map, json};

use super::Form;
use super::separated::lines;
use crate::figures::stat::Unit;
use crate::model::Model;
use crate::text::{count, duration};
use crate::trace::ledger::Row;

/// What came between two readings of the totals.
pub struct Interval<'a> {
    /// Which run of the command it is, from 1.
    pub run: u32,
    /// From the beginning of that run until the second reading, nanoseconds.
    pub time_ns: u64,
    /// What was counted.
    pub model: &'a Model,
}

/// One number of a line.
struct Column {
    name: String,
    value: u64,
    unit: Option<Unit>,
}

impl Interval<'_> {
    /// What stands above the lines; nothing where each line has its names.
    pub fn heading(&self, form: Form) -> String {
        let names = self.columns().into_iter().map(|column| column.name);
        match form {
            Form::Text => row(names),
            Form::Json => String::new(),
            Form::Separated(separator) => lines(separator, [names.collect()]),
        }
    }

    /// The line.
    pub fn line(&self, form: Form) -> String {
        let columns = self.columns();
        match form {
            Form::Text => row(columns.iter().map(Column::text)),
            Form::Json => {
                let member = |column: Column| (column.name, json!(column.value));
                let members: Map<_, _> = columns.into_iter().map(member).collect();
                format!("{}\n", json!({ "interval": members }))
            }
            Form::Separated(separator) => {
                let values = columns.iter().map(|column| column.value.to_string());
                lines(separator, [values.collect()])
            }
        }
    }

    /// The same in each line: rows of the ledger, the time of all steps, and what was lost.
    fn columns(&self) -> Vec<Column> {
        let ledger = self.model.totals().ledger(None);
        let column = |name: &str, unit, value| Column {
            name: name.to_owned(),
            value,
            unit,
        };
        let time = |name: &str, ns| column(name, Some(Unit::Ns), ns);
        let lost = self.model.losses().unwrap_or_default();
        let mut columns = vec![
            column("run", None, self.run.into()),
            time("time_ns", self.time_ns),
            column("migrations", None, self.model.totals().migrations()),
            column("requested", None, ledger.requested),
        ];
        columns.extend(Row::ALL.map(|row| column(row.name(), None, row.of(&ledger))));
        columns.push(time("total_ns", self.model.steps().total_ns(None)));
        columns.push(column("lost", None, lost.lost()));
        columns
    }
}

impl Column {
    fn text(&self) -> String {
        match self.unit {
            Some(Unit::Ns) => duration(self.value),
            _ => count(self.value),
        }
    }
}

/// Cells below each other. Names say `_ns` where programs read them; people read the unit.
fn row(cells: impl Iterator<Item = String>) -> String {
    let cells = cells.map(|cell| format!("{:>12}", cell.trim_end_matches("_ns")));
    cells.collect::<String>() + "\n"
}
