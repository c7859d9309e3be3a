//! What a column of a recording holds, and how it is made of the rows of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field};

use super::dictionary::{Names, Texts};
use crate::trace::Migration;

/// The rows of one batch: migrations, and behind them the status if there is one.
pub(super) struct Rows<'a> {
    pub(super) migrations: &'a [Migration],
    pub(super) status: Option<Told>,
    /// Valid where a row is a migration; `None` if all are.
    nulls: Option<NullBuffer>,
}

/// A status as it is written.
pub(super) struct Told {
    pub(super) time_ns: u64,
    pub(super) text: String,
}

impl<'a> Rows<'a> {
    pub(super) fn new(migrations: &'a [Migration], status: Option<Told>) -> Self {
        let is_migration = |row| row < migrations.len();
        let nulls = status.as_ref().map(|_| {
            NullBuffer::new(BooleanBuffer::collect_bool(
                migrations.len() + 1,
                is_migration,
            ))
        });
        Self {
            migrations,
            status,
            nulls,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.migrations.len() + usize::from(self.status.is_some())
    }

    /// A number of each migration; null in the status.
    fn numbers<T: ArrowPrimitiveType>(&self, get: impl Fn(&Migration) -> T::Native) -> ArrayRef {
        let mut values: Vec<T::Native> = Vec::with_capacity(self.len());
        values.extend(self.migrations.iter().map(get));
        values.resize(self.len(), T::Native::default());
        Arc::new(PrimitiveArray::<T>::new(values.into(), self.nulls.clone()))
    }

    /// A number of those migrations that have one.
    fn optional<T: ArrowPrimitiveType>(
        &self,
        get: impl Fn(&Migration) -> Option<T::Native>,
    ) -> ArrayRef {
        let values = self.migrations.iter().map(get);
        let status = self.status.iter().map(|_| None);
        Arc::new(values.chain(status).collect::<PrimitiveArray<T>>())
    }

    fn times(&self) -> ArrayRef {
        let mut values = Vec::with_capacity(self.len());
        values.extend(self.migrations.iter().map(|migration| migration.time_ns));
        values.extend(self.status.iter().map(|status| status.time_ns));
        Arc::new(PrimitiveArray::<UInt64Type>::new(values.into(), None))
    }

    fn statuses(&self) -> ArrayRef {
        let none = std::iter::repeat_n(None, self.migrations.len());
        let status = self.status.iter().map(|status| Some(status.text.as_str()));
        Arc::new(none.chain(status).collect::<StringArray>())
    }
}

/// Makes the column of a batch.
type Encode = Box<dyn FnMut(&Rows<'_>) -> ArrayRef + Send>;

/// One column.
pub(super) struct Column {
    pub(super) name: String,
    unit: &'static str,
    /// What the name does not tell; may be empty.
    note: &'static str,
    data_type: DataType,
    nullable: bool,
    /// The size of an element in each of the column's buffers, bytes; 1 for those that hold bits or
    /// letters.
    pub(super) widths: &'static [u64],
    pub(super) encode: Encode,
}

impl Column {
    fn new(
        name: impl Into<String>,
        data_type: DataType,
        widths: &'static [u64],
        encode: Encode,
    ) -> Self {
        Self {
            name: name.into(),
            unit: "",
            note: "",
            data_type,
            nullable: true,
            widths,
            encode,
        }
    }

    /// A number that every migration has.
    pub(super) fn number(
        name: impl Into<String>,
        unit: &'static str,
        get: impl Fn(&Migration) -> u64 + Send + 'static,
    ) -> Self {
        let encode = Box::new(move |rows: &Rows<'_>| rows.numbers::<UInt64Type>(&get));
        Self::new(name, DataType::UInt64, &[1, 8], encode).with_unit(unit)
    }

    /// A number that not every migration has.
    pub(super) fn optional(
        name: impl Into<String>,
        unit: &'static str,
        get: impl Fn(&Migration) -> Option<u64> + Send + 'static,
    ) -> Self {
        let encode = Box::new(move |rows: &Rows<'_>| rows.optional::<UInt64Type>(&get));
        Self::new(name, DataType::UInt64, &[1, 8], encode).with_unit(unit)
    }

    /// A small number, which nobody adds up.
    pub(super) fn small(name: &str, get: fn(&Migration) -> Option<u32>) -> Self {
        let encode = Box::new(move |rows: &Rows<'_>| rows.optional::<UInt32Type>(get));
        Self::new(name, DataType::UInt32, &[1, 4], encode)
    }

    /// A text that many migrations have: a batch holds it once.
    pub(super) fn text(name: &str, get: fn(&Migration) -> Option<&Arc<str>>) -> Self {
        let mut texts = Texts::default();
        let encode = Box::new(move |rows: &Rows<'_>| {
            let status = rows.status.iter().map(|_| None);
            texts.column(rows.migrations.iter().map(get).chain(status))
        });
        Self::new(name, Texts::data_type(), &[1, 4], encode)
    }

    /// One of a few names; `get` tells its place among them.
    pub(super) fn name(
        name: &str,
        names: impl IntoIterator<Item = &'static str>,
        get: fn(&Migration) -> Option<i8>,
    ) -> Self {
        let names = Names::new(names);
        let encode = Box::new(move |rows: &Rows<'_>| {
            let status = rows.status.iter().map(|_| None);
            names.column(rows.migrations.iter().map(get).chain(status))
        });
        Self::new(name, Names::data_type(), &[1, 1], encode)
    }

    /// The kind of each row: `names` are those of a migration and of a status.
    pub(super) fn event(name: &str, names: [&'static str; 2]) -> Self {
        let names = Names::new(names);
        let encode = Box::new(move |rows: &Rows<'_>| {
            let migrations = std::iter::repeat_n(Some(0), rows.migrations.len());
            let status = rows.status.iter().map(|_| Some(1));
            names.column(migrations.chain(status))
        });
        Self::new(name, Names::data_type(), &[1, 1], encode).never_null()
    }

    /// The only number that rows of both kinds have.
    pub(super) fn time(name: &str) -> Self {
        let encode = Box::new(|rows: &Rows<'_>| rows.times());
        Self::new(name, DataType::UInt64, &[1, 8], encode)
            .with_unit("ns")
            .never_null()
    }

    /// What the tracer tells of itself.
    pub(super) fn status(name: &str) -> Self {
        let encode = Box::new(|rows: &Rows<'_>| rows.statuses());
        Self::new(name, DataType::Utf8, TEXT_WIDTHS, encode)
    }

    fn with_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(super) fn with_note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    fn never_null(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }

    pub(super) fn field(&self) -> Field {
        let notes = [("unit", self.unit), ("note", self.note)]
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key.to_owned(), text.to_owned()));
        Field::new(&self.name, self.data_type.clone(), self.nullable)
            .with_metadata(notes.collect::<HashMap<_, _>>())
    }
}

/// As [`Column::widths`], of texts: which are valid, where each begins, letters.
pub(super) const TEXT_WIDTHS: &[u64] = &[1, 4, 1];
