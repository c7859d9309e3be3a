//! The columns of a batch, by name and type.

use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int32Type};
use arrow_array::{
    Array, BinaryArray, DictionaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};

use super::Wrong;

/// Finds columns by name.
pub(super) struct Columns<'a> {
    pub(super) rows: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    fn typed<A: 'static>(&self, name: &str) -> Result<&'a A, Wrong> {
        self.rows
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| format!("column {name} is missing or of another type"))
    }

    /// A column of numbers.
    pub(super) fn u64(&self, name: impl Into<String>) -> Result<Numbers<'a>, Wrong> {
        let name = name.into();
        let array = self.typed(&name)?;
        Ok(Numbers { name, array })
    }

    /// A column of small numbers.
    pub(super) fn u32(&self, name: &'static str) -> Result<SmallNumbers<'a>, Wrong> {
        let array = self.typed(name)?;
        Ok(SmallNumbers { name, array })
    }

    /// A column of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Texts<'a>, Wrong> {
        Ok(Texts(self.typed(name)?))
    }

    /// A column of texts of which each batch holds every one once.
    pub(super) fn shared(&self, name: &str) -> Result<Shared<'a>, Wrong> {
        let array: &DictionaryArray<Int32Type> = self.typed(name)?;
        let values = values_of(name, array)?;
        Ok(Shared { array, values })
    }

    /// A column of bytes.
    pub(super) fn bytes(&self, name: &str) -> Result<Bytes<'a>, Wrong> {
        Ok(Bytes(self.typed(name)?))
    }

    /// A column of names out of a few; `value` gives the meaning of a name.
    pub(super) fn names<T: Copy>(
        &self,
        name: &'static str,
        value: impl Fn(&str) -> Option<T>,
    ) -> Result<Names<'a, T>, Wrong> {
        let array: &DictionaryArray<Int8Type> = self.typed(name)?;
        let values = values_of(name, array)?;
        let meaning = |at| {
            let text = values.value(at);
            value(text).ok_or_else(|| format!("unknown {name} {text:?}"))
        };
        let values = (0..values.len()).map(meaning).collect::<Result<_, _>>()?;
        Ok(Names {
            name,
            array,
            values,
        })
    }
}

fn values_of<'a, K: ArrowDictionaryKeyType>(
    name: &str,
    array: &'a DictionaryArray<K>,
) -> Result<&'a StringArray, Wrong> {
    let values = array.values().as_any().downcast_ref();
    values.ok_or_else(|| format!("column {name} holds no texts"))
}

fn needed<T>(value: Option<T>, name: &str) -> Result<T, Wrong> {
    value.ok_or_else(|| format!("a row without {name}"))
}

/// A column of numbers.
pub(super) struct Numbers<'a> {
    name: String,
    array: &'a UInt64Array,
}

impl Numbers<'_> {
    pub(super) fn get(&self, row: usize) -> Option<u64> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    pub(super) fn needed(&self, row: usize) -> Result<u64, Wrong> {
        needed(self.get(row), &self.name)
    }
}

/// A column of small numbers.
pub(super) struct SmallNumbers<'a> {
    name: &'static str,
    array: &'a UInt32Array,
}

impl SmallNumbers<'_> {
    pub(super) fn get(&self, row: usize) -> Option<u32> {
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    pub(super) fn needed(&self, row: usize) -> Result<u32, Wrong> {
        needed(self.get(row), self.name)
    }
}

/// A column of texts.
pub(super) struct Texts<'a>(&'a StringArray);

impl<'a> Texts<'a> {
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of texts of which each batch holds every one once.
pub(super) struct Shared<'a> {
    array: &'a DictionaryArray<Int32Type>,
    values: &'a StringArray,
}

impl<'a> Shared<'a> {
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        let key = self.array.key(row)?;
        (key < self.values.len()).then(|| self.values.value(key))
    }
}

/// A column of bytes.
pub(super) struct Bytes<'a>(&'a BinaryArray);

impl<'a> Bytes<'a> {
    pub(super) fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of names out of a few.
pub(super) struct Names<'a, T> {
    name: &'static str,
    array: &'a DictionaryArray<Int8Type>,
    values: Vec<T>,
}

impl<T: Copy> Names<'_, T> {
    pub(super) fn get(&self, row: usize) -> Option<T> {
        self.array
            .key(row)
            .and_then(|key| self.values.get(key).copied())
    }

    pub(super) fn needed(&self, row: usize) -> Result<T, Wrong> {
        needed(self.get(row), self.name)
    }
}
