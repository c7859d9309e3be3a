//! Texts that many rows share.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{Array, StringArray};

use super::Wrong;
use super::columns::{Columns, Keys};
use crate::recording::dictionary::shorten;

/// How many bytes are remembered before starting afresh.
const MAX_BYTES: usize = 8 << 20;

/// Longer names than any that Linux has (a path) are damage.
const MAX_NAME: usize = 4096;

/// What remembering a text takes beside its bytes.
const OVERHEAD: usize = 32;

/// Makes a text that is not too long of one that may be.
type Bounded = fn(&str) -> Result<Cow<'_, str>, Wrong>;

/// The texts of each column's last dictionary, and those of earlier ones.
#[derive(Default)]
pub(super) struct Texts {
    interned: Interned,
    by_column: HashMap<&'static str, Dictionary>,
}

/// A dictionary, and what stands in it.
struct Dictionary {
    values: StringArray,
    texts: Arc<[Arc<str>]>,
}

/// A column of texts.
pub(super) struct TextColumn {
    keys: Keys<i32>,
    texts: Arc<[Arc<str>]>,
}

impl TextColumn {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&Arc<str>> {
        let key = self.keys.get(row)?;
        self.texts.get(key as usize)
    }
}

impl Texts {
    /// The column of this name, of names. Longer ones than any that Linux has are damage.
    pub(super) fn names(
        &mut self,
        columns: &Columns<'_>,
        name: &'static str,
    ) -> Result<TextColumn, Wrong> {
        self.column(columns, name, checked)
    }

    /// The column of this name, of stacks. Of those that are too long, which older recordings may
    /// have, the innermost frames.
    pub(super) fn stacks(
        &mut self,
        columns: &Columns<'_>,
        name: &'static str,
    ) -> Result<TextColumn, Wrong> {
        self.column(columns, name, |stack| Ok(shorten(stack)))
    }

    fn column(
        &mut self,
        columns: &Columns<'_>,
        name: &'static str,
        bounded: Bounded,
    ) -> Result<TextColumn, Wrong> {
        let (keys, values) = columns.texts(name)?;
        let known = self.by_column.get(name);
        let texts = match known.filter(|known| is_same(&known.values, values)) {
            Some(known) => known.texts.clone(),
            None => self.learn(name, values, bounded)?,
        };
        Ok(TextColumn { keys, texts })
    }

    fn learn(
        &mut self,
        name: &'static str,
        values: &StringArray,
        bounded: Bounded,
    ) -> Result<Arc<[Arc<str>]>, Wrong> {
        let texts = (0..values.len()).map(|at| {
            let text = bounded(values.value(at))?;
            Ok(self.interned.get(&text))
        });
        let texts: Arc<[Arc<str>]> = texts.collect::<Result<_, Wrong>>()?;
        let dictionary = Dictionary {
            values: values.clone(),
            texts: texts.clone(),
        };
        self.by_column.insert(name, dictionary);
        Ok(texts)
    }
}

fn checked(name: &str) -> Result<Cow<'_, str>, Wrong> {
    if name.len() > MAX_NAME {
        return Err(format!("a text of {} bytes", name.len()));
    }
    Ok(name.into())
}

/// Is it the same dictionary, in the same place?
fn is_same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
}

/// Gives equal texts the same memory.
#[derive(Default)]
struct Interned {
    texts: HashSet<Arc<str>>,
    bytes: usize,
}

impl Interned {
    /// The shared form of a text.
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.texts.get(text) {
            return Arc::clone(shared);
        }
        if self.bytes >= MAX_BYTES {
            self.texts.clear();
            self.bytes = 0;
        }
        self.bytes += text.len() + OVERHEAD;
        let shared: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&shared));
        shared
    }
}
