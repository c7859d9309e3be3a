// SPDX-License-Identifier: GPL-2.0

//! A log of bounded length, out of which the oldest entry falls.

use kernel::prelude::*;

/// `len` entries from `first` on, which come round.
pub(crate) struct Ring<T> {
    entries: KVVec<T>,
    first: usize,
    len: usize,
}

impl<T: Copy + Default> Ring<T> {
    /// Room for so many, of which there is at least one.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            entries: KVVec::from_elem(T::default(), capacity, GFP_KERNEL)?,
            first: 0,
            len: 0,
        })
    }

    /// Puts one behind the others. Whether the oldest had to make room for it.
    pub(crate) fn push(&mut self, entry: T) -> bool {
        let is_full = self.len == self.entries.len();
        if is_full {
            self.forget_oldest();
        }
        let next = self.index(self.len);
        self.entries[next] = entry;
        self.len += 1;
        is_full
    }

    /// Takes the oldest.
    pub(crate) fn take(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let entry = self.entries[self.first];
        self.forget_oldest();
        Some(entry)
    }

    fn forget_oldest(&mut self) {
        self.first = self.index(1);
        self.len -= 1;
    }

    /// Where the n-th is, of as many as there is room for.
    fn index(&self, n: usize) -> usize {
        let (index, capacity) = (self.first + n, self.entries.len());
        if index < capacity {
            index
        } else {
            index - capacity
        }
    }
}
