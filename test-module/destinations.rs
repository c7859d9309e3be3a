// SPDX-License-Identifier: GPL-2.0

//! Where destinations of one migration come from, and what happens when there are none left.

use crate::{
    eviction,
    folio::{Effort, NewFolio, Size},
    plan::{Large, Plan, Target},
};

/// Evictions in a row that may fail to make room before a migration gives up on them: pages that
/// others are just handling stay, and the next ones may go.
const ATTEMPTS: u32 = 4;

/// Allocates the destinations of one migration.
pub(crate) struct Destinations<'a> {
    plan: &'a Plan<'a>,
    /// Base pages that may still be allocated, if that is limited.
    left: Option<usize>,
    /// Whether evicting may still help.
    evicts: bool,
    evictions: u64,
}

impl<'a> Destinations<'a> {
    pub(crate) fn new(plan: &'a Plan<'a>) -> Self {
        Self {
            plan,
            left: plan.inject.allocations,
            evicts: plan.evict,
            evictions: 0,
        }
    }

    /// Evictions that were made for room.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// One more destination. Its contents are whatever was there.
    pub(crate) fn next(&mut self, size: Size) -> Option<NewFolio> {
        let left = match self.left {
            Some(left) => Some(left.checked_sub(size.pages())?),
            None => None,
        };
        let folio = match self.plan.to {
            Target::Device => self.on_device(size),
            Target::System => NewFolio::system(size, self.effort()),
            // Its callers take base pages only.
            Target::Node(node) if size == Size::Page => NewFolio::on_node(node),
            Target::Node(_) => None,
        }?;
        self.left = left;
        Some(folio)
    }

    fn effort(&self) -> Effort {
        if self.plan.large == Large::Whole {
            Effort::Hard
        } else {
            Effort::Light
        }
    }

    fn on_device(&mut self, size: Size) -> Option<NewFolio> {
        let memory = self.plan.memory;
        for _ in 0..ATTEMPTS {
            if let Some(folio) = memory.allocate(size) {
                return Some(folio);
            }
            if !self.evicts {
                return None;
            }
            match eviction::make_room(memory, size, self.plan.file) {
                Ok(Some(_)) => self.evictions += 1,
                // At the end of its turn the next attempt begins anew.
                Ok(None) => {}
                Err(_) => break,
            }
        }
        let folio = memory.allocate(size);
        self.evicts = folio.is_some();
        folio
    }
}
