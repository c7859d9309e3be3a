//! What a column of a recording holds, and how.

use std::collections::HashMap;

use arrow_schema::{DataType, Field};

use super::row::Row;
use crate::model::{ExactCount, Migration};
use crate::source::Status;

/// Takes a value out of what a row is about; `None` is written as null.
pub(super) type Get<R, T> = Box<dyn Fn(&R) -> Option<T> + Send>;

/// Takes a text out of a migration.
pub(super) type GetText = fn(&Migration) -> Option<&str>;

/// Takes a name out of a row.
pub(super) type GetName = fn(&Row<'_>) -> Option<&'static str>;

/// What a column holds, and how to find it.
pub(super) enum Values {
    /// What the row is about, an [`Event`](super::row::Event).
    Event,
    /// The only number that rows of all kinds have.
    Time,
    /// A number of a migration.
    U64(Get<Migration, u64>),
    /// A small number of a migration.
    U32(Get<Migration, u32>),
    /// A text of a migration.
    Text(GetText),
    /// A long text of a migration that many others have too: each batch holds it once.
    Stack(GetText),
    /// One of a few names, of rows of some kinds.
    Name(Vec<&'static str>, GetName),
    /// A number of a status.
    Status(Get<Status, u64>),
    /// A number of the kernel's totals.
    Total(Get<ExactCount, u64>),
    /// The sum of a histogram's values.
    Sum,
    /// A histogram.
    Histogram,
}

/// As [`Column::widths`], of texts: which are valid, where each begins, letters.
pub(super) const TEXT_WIDTHS: &[u64] = &[1, 4, 1];

/// One column.
pub(super) struct Column {
    pub(super) name: String,
    unit: &'static str,
    /// What the name does not tell; may be empty.
    note: &'static str,
    pub(super) values: Values,
}

impl Column {
    pub(super) fn new(name: impl Into<String>, unit: &'static str, values: Values) -> Self {
        Self {
            name: name.into(),
            unit,
            note: "",
            values,
        }
    }

    pub(super) fn with_note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// The size of an element in each of the column's buffers, bytes; 1 for those that hold bits or letters.
    pub(super) fn widths(&self) -> &'static [u64] {
        match self.values {
            Values::Event | Values::Name(..) => &[1, 1],
            Values::Time | Values::U64(_) | Values::Status(_) | Values::Total(_) | Values::Sum => {
                &[1, 8]
            }
            Values::U32(_) | Values::Stack(_) => &[1, 4],
            Values::Text(_) | Values::Histogram => TEXT_WIDTHS,
        }
    }

    pub(super) fn field(&self) -> Field {
        let dictionary = |keys| DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8));
        let data_type = match self.values {
            Values::Event | Values::Name(..) => dictionary(DataType::Int8),
            Values::Stack(_) => dictionary(DataType::Int32),
            Values::Time | Values::U64(_) | Values::Status(_) | Values::Total(_) | Values::Sum => {
                DataType::UInt64
            }
            Values::U32(_) => DataType::UInt32,
            Values::Text(_) => DataType::Utf8,
            Values::Histogram => DataType::Binary,
        };
        let nullable = !matches!(self.values, Values::Event | Values::Time);
        let notes = [("unit", self.unit), ("note", self.note)]
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key.to_owned(), text.to_owned()));
        Field::new(&self.name, data_type, nullable).with_metadata(notes.collect::<HashMap<_, _>>())
    }
}
