//! Columns of texts of which each batch holds every one once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, Int8Array, Int32Array, StringArray};
use arrow_schema::DataType;

use super::limits::MAX_STACK;

/// Stands for the outermost frames of a stack that is longer.
const CUT: &str = "[cut]";

/// A few names that are known from the start.
pub(super) struct Names(Arc<StringArray>);

impl Names {
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Arc::new(StringArray::from_iter_values(names)))
    }

    pub(super) fn data_type() -> DataType {
        dictionary(DataType::Int8)
    }

    /// The column with these places among the names.
    pub(super) fn column(&self, places: impl Iterator<Item = Option<i8>>) -> ArrayRef {
        let keys: Int8Array = places.collect();
        Arc::new(DictionaryArray::<Int8Type>::new(keys, self.0.clone()))
    }
}

/// Texts that come up as it goes. What a batch needs is looked for among those of the batch before,
/// because a dictionary that stays the same is not written again; if that lacks one, the batch
/// begins a dictionary of its own.
#[derive(Default)]
pub(super) struct Texts {
    places: HashMap<Arc<str>, i32>,
    values: Option<Arc<StringArray>>,
}

impl Texts {
    pub(super) fn data_type() -> DataType {
        dictionary(DataType::Int32)
    }

    /// The column with these texts.
    pub(super) fn column<'a>(
        &mut self,
        texts: impl Iterator<Item = Option<&'a Arc<str>>> + Clone,
    ) -> ArrayRef {
        let (keys, values) = match (&self.values, keys(texts.clone(), |text| self.place(text))) {
            (Some(values), Some(keys)) => (keys, values.clone()),
            _ => {
                self.places.clear();
                let keys = keys(texts, |text| Some(self.add(text))).unwrap_or_default();
                (keys, self.values())
            }
        };
        Arc::new(DictionaryArray::<Int32Type>::new(
            Int32Array::from(keys),
            values,
        ))
    }

    fn place(&self, text: &Arc<str>) -> Option<i32> {
        self.places.get(text).copied()
    }

    /// The first place is left to the empty text: a dictionary of nothing has no body, which
    /// readers take for damage.
    fn add(&mut self, text: &Arc<str>) -> i32 {
        let next = self.places.len() as i32 + 1;
        *self.places.entry(text.clone()).or_insert(next)
    }

    /// The texts in the order of their places.
    fn values(&mut self) -> Arc<StringArray> {
        let mut texts: Vec<_> = self.places.iter().collect();
        texts.sort_by_key(|(_, place)| **place);
        let texts = texts.into_iter().map(|(text, _)| shorten(text));
        let values = std::iter::once(Cow::Borrowed("")).chain(texts);
        let values = Arc::new(StringArray::from_iter_values(values));
        self.values = Some(values.clone());
        values
    }
}

/// The place of each text; `None` if one has none. Neighbours often share a text, which is looked
/// for once.
fn keys<'a>(
    texts: impl Iterator<Item = Option<&'a Arc<str>>>,
    mut place: impl FnMut(&'a Arc<str>) -> Option<i32>,
) -> Option<Vec<Option<i32>>> {
    let mut last: Option<(&Arc<str>, i32)> = None;
    texts
        .map(|text| match (text, last) {
            (None, _) => Some(None),
            (Some(text), Some((known, key))) if Arc::ptr_eq(text, known) => Some(Some(key)),
            (Some(text), _) => {
                let key = place(text)?;
                last = Some((text, key));
                Some(Some(key))
            }
        })
        .collect()
}

fn dictionary(keys: DataType) -> DataType {
    DataType::Dictionary(Box::new(keys), Box::new(DataType::Utf8))
}

/// A stack of bounded length: of one that is longer, the innermost frames.
pub(super) fn shorten(stack: &str) -> Cow<'_, str> {
    if stack.len() <= MAX_STACK {
        return stack.into();
    }
    let from = stack.ceil_char_boundary(stack.len() - MAX_STACK + CUT.len());
    let frames = &stack[from..];
    let kept = frames.find(';').map_or("", |at| &frames[at..]);
    format!("{CUT}{kept}").into()
}
