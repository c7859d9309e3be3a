//! Texts that many rows share.

use std::collections::HashSet;
use std::sync::Arc;

use super::Wrong;

/// How many bytes are remembered before starting afresh.
const MAX_BYTES: usize = 8 << 20;

/// What remembering a text takes beside its bytes.
const OVERHEAD: usize = 32;

/// Gives equal texts the same memory.
#[derive(Default)]
pub(super) struct Interned {
    texts: HashSet<Arc<str>>,
    bytes: usize,
}

impl Interned {
    /// The shared form of a text. One that is longer than `most` bytes is damage.
    pub(super) fn get(&mut self, text: &str, most: usize) -> Result<Arc<str>, Wrong> {
        if text.len() > most {
            return Err(format!("a text of {} bytes", text.len()));
        }
        if let Some(shared) = self.texts.get(text) {
            return Ok(Arc::clone(shared));
        }
        if self.bytes >= MAX_BYTES {
            self.texts.clear();
            self.bytes = 0;
        }
        self.bytes += text.len() + OVERHEAD;
        let shared: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&shared));
        Ok(shared)
    }
}
