//! The last migrations, newest first.

use std::collections::VecDeque;

use super::Migration;

/// How many are kept.
pub const KEPT: usize = 1000;

/// A bounded list of the last migrations.
#[derive(Clone, Debug, Default)]
pub struct Recent(VecDeque<Migration>);

impl Recent {
    /// Adds one, and forgets the oldest when the list is full.
    pub fn push(&mut self, migration: Migration) {
        if self.0.len() == KEPT {
            self.0.pop_back();
        }
        self.0.push_front(migration);
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Migration> {
        self.0.iter()
    }

    /// How many there are, at most [`KEPT`].
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
