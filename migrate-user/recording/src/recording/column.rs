//! What a column of a recording holds, and how it is made of the rows of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field};

use super::dictionary::{Names, Texts};
use crate::trace::{Migration, Wait};

/// The rows of one batch: migrations, behind them waits, and the status if there is one.
pub(super) struct Rows<'a> {
    migrations: &'a [Migration],
    waits: &'a [Wait],
    status: Option<Told>,
    /// Valid where a row is a migration; `None` if all are.
    nulls: Option<NullBuffer>,
}

/// A status as it is written.
pub(super) struct Told {
    pub(super) time_ns: u64,
    pub(super) text: String,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        migrations: &'a [Migration],
        waits: &'a [Wait],
        status: Option<Told>,
    ) -> Self {
        let is_migration = |row| row < migrations.len();
        let rows = migrations.len() + waits.len() + usize::from(status.is_some());
        let nulls = (rows > migrations.len())
            .then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, is_migration)));
        Self {
            migrations,
            waits,
            status,
            nulls,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.migrations.len() + self.waits.len() + usize::from(self.status.is_some())
    }

    /// What each row has; nothing in the status.
    fn each<T>(
        &self,
        of_migration: impl Fn(&'a Migration) -> Option<T> + Clone,
        of_wait: impl Fn(&'a Wait) -> Option<T> + Clone,
    ) -> impl Iterator<Item = Option<T>> + Clone {
        let migrations = self.migrations.iter().map(of_migration);
        let waits = self.waits.iter().map(of_wait);
        let status = self.status.is_some().then_some(());
        migrations
            .chain(waits)
            .chain(status.into_iter().map(|()| None))
    }

    /// A number of each migration; null in every other row.
    fn numbers(&self, get: impl Fn(&Migration) -> u64) -> ArrayRef {
        let mut values = Vec::with_capacity(self.len());
        values.extend(self.migrations.iter().map(get));
        values.resize(self.len(), 0);
        let nulls = self.nulls.clone();
        Arc::new(PrimitiveArray::<UInt64Type>::new(values.into(), nulls))
    }

    fn times(&self) -> ArrayRef {
        let mut values = Vec::with_capacity(self.len());
        values.extend(self.migrations.iter().map(|migration| migration.time_ns));
        values.extend(self.waits.iter().map(|wait| wait.time_ns));
        values.extend(self.status.iter().map(|status| status.time_ns));
        Arc::new(PrimitiveArray::<UInt64Type>::new(values.into(), None))
    }

    fn events(&self) -> impl Iterator<Item = Option<i8>> {
        let numbers = [
            self.migrations.len(),
            self.waits.len(),
            usize::from(self.status.is_some()),
        ];
        let events = (0..).zip(numbers);
        events.flat_map(|(event, number)| std::iter::repeat_n(Some(event), number))
    }

    fn statuses(&self) -> ArrayRef {
        let none = std::iter::repeat_n(None, self.migrations.len() + self.waits.len());
        let status = self.status.iter().map(|status| Some(status.text.as_str()));
        Arc::new(none.chain(status).collect::<StringArray>())
    }
}

/// Makes the column of a batch.
type Encode = Box<dyn FnMut(&Rows<'_>) -> ArrayRef + Send>;

/// Rows of which events have something in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Migrations,
    Waits,
    Both,
    /// Of a table that holds more than one event: which a row is, and what a status says.
    Mixed,
}

/// A number in a column: one of 64 bits, or a small one, which nobody adds up.
pub(super) trait Number: Sized {
    /// As Arrow calls it.
    type Arrow: ArrowPrimitiveType<Native = Self>;
    /// As [`Column::widths`].
    const WIDTHS: &'static [u64];
}

impl Number for u64 {
    type Arrow = UInt64Type;
    const WIDTHS: &'static [u64] = &[1, 8];
}

impl Number for u32 {
    type Arrow = UInt32Type;
    const WIDTHS: &'static [u64] = &[1, 4];
}

/// One column.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) of: Of,
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

/// Texts of a migration, and of a wait.
type Text<T> = fn(&T) -> Option<&Arc<str>>;

impl Column {
    fn new(
        name: impl Into<String>,
        of: Of,
        data_type: DataType,
        widths: &'static [u64],
        encode: Encode,
    ) -> Self {
        Self {
            name: name.into(),
            of,
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
        let encode = Box::new(move |rows: &Rows<'_>| rows.numbers(&get));
        Self::new(name, Of::Migrations, DataType::UInt64, u64::WIDTHS, encode).with_unit(unit)
    }

    /// A number that not every migration has.
    pub(super) fn optional<N: Number>(
        name: impl Into<String>,
        unit: &'static str,
        get: impl Fn(&Migration) -> Option<N> + Send + 'static,
    ) -> Self {
        Self::numbers(name, Of::Migrations, get, |_| None).with_unit(unit)
    }

    /// A number of waits.
    pub(super) fn optional_of_waits<N: Number>(
        name: &str,
        unit: &'static str,
        get: impl Fn(&Wait) -> Option<N> + Send + 'static,
    ) -> Self {
        Self::numbers(name, Of::Waits, |_| None, get).with_unit(unit)
    }

    /// A number of migrations and of waits.
    pub(super) fn optional_of_both<N: Number>(
        name: &str,
        of_migration: impl Fn(&Migration) -> Option<N> + Send + 'static,
        of_wait: impl Fn(&Wait) -> Option<N> + Send + 'static,
    ) -> Self {
        Self::numbers(name, Of::Both, of_migration, of_wait)
    }

    fn numbers<N: Number>(
        name: impl Into<String>,
        of: Of,
        of_migration: impl Fn(&Migration) -> Option<N> + Send + 'static,
        of_wait: impl Fn(&Wait) -> Option<N> + Send + 'static,
    ) -> Self {
        let encode = Box::new(move |rows: &Rows<'_>| -> ArrayRef {
            let each = rows.each(&of_migration, &of_wait);
            Arc::new(each.collect::<PrimitiveArray<N::Arrow>>())
        });
        Self::new(name, of, N::Arrow::DATA_TYPE, N::WIDTHS, encode)
    }

    /// A text that many migrations have: a batch holds it once.
    pub(super) fn text(name: &str, get: Text<Migration>) -> Self {
        Self::texts(name, Of::Migrations, get, |_| None)
    }

    /// The same of migrations and of waits.
    pub(super) fn text_of_both(
        name: &str,
        of_migration: Text<Migration>,
        of_wait: Text<Wait>,
    ) -> Self {
        Self::texts(name, Of::Both, of_migration, of_wait)
    }

    fn texts(name: &str, of: Of, of_migration: Text<Migration>, of_wait: Text<Wait>) -> Self {
        let mut texts = Texts::default();
        let encode =
            Box::new(move |rows: &Rows<'_>| texts.column(rows.each(of_migration, of_wait)));
        Self::new(name, of, Texts::data_type(), u32::WIDTHS, encode)
    }

    /// One of a few names; `get` tells its place among them.
    pub(super) fn name(
        name: &str,
        names: impl IntoIterator<Item = &'static str>,
        get: fn(&Migration) -> Option<i8>,
    ) -> Self {
        Self::names(name, Of::Migrations, names, get, |_| None)
    }

    /// The same of waits.
    pub(super) fn name_of_waits(
        name: &str,
        names: impl IntoIterator<Item = &'static str>,
        get: fn(&Wait) -> Option<i8>,
    ) -> Self {
        Self::names(name, Of::Waits, names, |_| None, get)
    }

    fn names(
        name: &str,
        of: Of,
        names: impl IntoIterator<Item = &'static str>,
        of_migration: fn(&Migration) -> Option<i8>,
        of_wait: fn(&Wait) -> Option<i8>,
    ) -> Self {
        let names = Names::new(names);
        let encode =
            Box::new(move |rows: &Rows<'_>| names.column(rows.each(of_migration, of_wait)));
        Self::new(name, of, Names::data_type(), &[1, 1], encode)
    }

    /// The kind of each row: `names` are those of a migration, a wait and a status.
    pub(super) fn event(name: &str, names: [&'static str; 3]) -> Self {
        let names = Names::new(names);
        let encode = Box::new(move |rows: &Rows<'_>| names.column(rows.events()));
        Self::new(name, Of::Mixed, Names::data_type(), &[1, 1], encode).never_null()
    }

    /// The only number that rows of all kinds have.
    pub(super) fn time(name: &str) -> Self {
        let encode = Box::new(|rows: &Rows<'_>| rows.times());
        Self::new(name, Of::Both, DataType::UInt64, u64::WIDTHS, encode)
            .with_unit("ns")
            .never_null()
    }

    /// What the tracer tells of itself.
    pub(super) fn status(name: &str) -> Self {
        let encode = Box::new(|rows: &Rows<'_>| rows.statuses());
        Self::new(name, Of::Mixed, DataType::Utf8, TEXT_WIDTHS, encode)
    }

    pub(super) fn with_unit(self, unit: &'static str) -> Self {
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
