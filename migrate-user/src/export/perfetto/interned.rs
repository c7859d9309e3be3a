//! Strings that a trace tells once: later packets name their numbers.

use std::collections::HashMap;
use std::mem;

use super::messages::{InternedData, InternedString};

/// The bytes of strings that are remembered before starting afresh: a recording may have any number
/// of them.
const MOST_BYTES: usize = 1 << 22;

/// The strings of the trace so far.
#[derive(Default)]
pub(super) struct Interned {
    pub(super) categories: Strings,
    pub(super) names: Strings,
    pub(super) note_names: Strings,
    pub(super) note_values: Strings,
    /// Has the trace been told to forget what it was told, or that there is something to remember?
    is_begun: bool,
}

/// The strings of one kind, which have numbers of their own.
#[derive(Default)]
pub(super) struct Strings {
    numbers: HashMap<String, u64>,
    bytes: usize,
    /// Those that the trace has not been told.
    new: Vec<InternedString>,
}

impl Strings {
    /// The number of a string. 0 is none.
    pub(super) fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let iid = self.numbers.len() as u64 + 1;
        self.numbers.insert(text.to_owned(), iid);
        self.bytes += text.len();
        self.new.push(InternedString {
            iid,
            text: text.to_owned(),
        });
        iid
    }
}

impl Interned {
    /// Begins afresh if there are too many. True if the next packet has to say so, as the first one
    /// has to.
    pub(super) fn begin(&mut self) -> bool {
        let all = [
            &self.categories,
            &self.names,
            &self.note_names,
            &self.note_values,
        ];
        if all.iter().map(|strings| strings.bytes).sum::<usize>() > MOST_BYTES {
            *self = Self::default();
        }
        !mem::replace(&mut self.is_begun, true)
    }

    /// What the next packet has to tell; `None` if all strings are known.
    pub(super) fn take(&mut self) -> Option<InternedData> {
        let new = |strings: &mut Strings| mem::take(&mut strings.new);
        let data = InternedData {
            event_categories: new(&mut self.categories),
            event_names: new(&mut self.names),
            debug_annotation_names: new(&mut self.note_names),
            debug_annotation_string_values: new(&mut self.note_values),
        };
        (data != InternedData::default()).then_some(data)
    }
}
