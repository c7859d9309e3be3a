//! The columns of a batch, by name and type.

use std::collections::HashMap;

use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int32Type};
use arrow_array::{Array, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, RecordBatch};
use arrow_array::{StringArray, types::UInt32Type, types::UInt64Type};
use arrow_buffer::{ArrowNativeType, NullBuffer, ScalarBuffer};

use super::Wrong;

/// Finds columns by name.
pub(super) struct Columns<'a> {
    pub(super) rows: &'a RecordBatch,
    pub(super) places: &'a HashMap<String, usize>,
}

impl<'a> Columns<'a> {
    fn typed<A: 'static>(&self, name: &str) -> Result<&'a A, Wrong> {
        self.places
            .get(name)
            .and_then(|place| self.rows.columns().get(*place))
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| format!("column {name} is missing or of another type"))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Numbers<T::Native>, Wrong> {
        let array: &PrimitiveArray<T> = self.typed(name)?;
        Ok(Numbers {
            values: array.values().clone(),
            nulls: nulls(array),
        })
    }

    /// Is there a column of this name? Older formats have fewer.
    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A column of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Numbers<u64>, Wrong> {
        self.primitive::<UInt64Type>(name)
    }

    /// A column of numbers without nulls.
    pub(super) fn needed(&self, name: &str) -> Result<ScalarBuffer<u64>, Wrong> {
        self.numbers(name)?.needed(name)
    }

    /// A column of small numbers.
    pub(super) fn small(&self, name: &str) -> Result<Numbers<u32>, Wrong> {
        self.primitive::<UInt32Type>(name)
    }

    /// A text in a column in which each row has its own.
    pub(super) fn text(&self, name: &str, row: usize) -> Result<&'a str, Wrong> {
        let array: &StringArray = self.typed(name)?;
        let text = array.is_valid(row).then(|| array.value(row));
        text.ok_or_else(|| format!("a row without {name}"))
    }

    /// A column of texts of which each batch holds every one once.
    pub(super) fn texts(&self, name: &str) -> Result<(Keys<i32>, &'a StringArray), Wrong> {
        keys::<Int32Type>(self.typed(name)?, name)
    }

    /// A column of names out of a few; `value` gives the meaning of a name.
    pub(super) fn names<T: Copy>(
        &self,
        name: &'static str,
        value: impl Fn(&str) -> Option<T>,
    ) -> Result<Names<T>, Wrong> {
        let (keys, values) = keys::<Int8Type>(self.typed(name)?, name)?;
        let meaning = |at| {
            let text = values.value(at);
            value(text).ok_or_else(|| format!("unknown {name} {text:?}"))
        };
        let values = (0..values.len()).map(meaning).collect::<Result<_, _>>()?;
        Ok(Names { name, keys, values })
    }
}

fn nulls(array: &dyn Array) -> Option<NullBuffer> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    nulls.cloned()
}

/// The keys and values of a dictionary. The library has checked that every key has a value.
fn keys<'a, K: ArrowDictionaryKeyType>(
    array: &'a DictionaryArray<K>,
    name: &str,
) -> Result<(Keys<K::Native>, &'a StringArray), Wrong> {
    let values = array.values().as_any().downcast_ref();
    let values = values.ok_or_else(|| format!("column {name} holds no texts"))?;
    let keys = Numbers {
        values: array.keys().values().clone(),
        nulls: nulls(array.keys()),
    };
    Ok((keys, values))
}

/// A column of numbers.
pub(super) struct Numbers<T: ArrowNativeType> {
    values: ScalarBuffer<T>,
    nulls: Option<NullBuffer>,
}

/// The places of a dictionary's texts.
pub(super) type Keys<T> = Numbers<T>;

impl<T: ArrowNativeType> Numbers<T> {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<T> {
        let is_valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        is_valid.then(|| self.values[row])
    }

    /// The numbers, if none is missing.
    pub(super) fn needed(self, name: &str) -> Result<ScalarBuffer<T>, Wrong> {
        match self.nulls {
            None => Ok(self.values),
            Some(_) => Err(format!("a row without {name}")),
        }
    }
}

/// A column of names out of a few.
pub(super) struct Names<T> {
    name: &'static str,
    keys: Keys<i8>,
    values: Vec<T>,
}

impl<T: Copy> Names<T> {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<T> {
        self.keys
            .get(row)
            .and_then(|key| self.values.get(key as usize).copied())
    }

    /// The names, if none is missing.
    pub(super) fn needed(self) -> Result<NeededNames<T>, Wrong> {
        let keys = self.keys.needed(self.name)?;
        // As one maximum, which takes less time than to look for the first that is unknown. A
        // negative key is a large one.
        let largest = keys.iter().map(|key| *key as u8).max();
        if largest.is_some_and(|key| usize::from(key) >= self.values.len()) {
            return Err(format!("a row with a {} that has no name", self.name));
        }
        Ok(NeededNames {
            keys,
            values: self.values,
        })
    }
}

/// A column of names out of a few, without nulls.
pub(super) struct NeededNames<T> {
    keys: ScalarBuffer<i8>,
    values: Vec<T>,
}

impl<T: Copy> NeededNames<T> {
    #[inline]
    pub(super) fn get(&self, row: usize) -> T {
        self.values[self.keys[row] as usize]
    }
}
