// SPDX-License-Identifier: GPL-2.0

//! Entries of the arrays that a migration shares with the kernel.

use crate::{
    bindings::{
        MIGRATE_PFN_COMPOUND, MIGRATE_PFN_MIGRATE, MIGRATE_PFN_SHIFT, MIGRATE_PFN_VALID,
        MIGRATE_PFN_WRITE,
    },
    folio::{COMPOUND_PAGES, NewFolio, Pfn, Size},
};

const VALID: usize = MIGRATE_PFN_VALID as usize;
pub(crate) const MIGRATE: usize = MIGRATE_PFN_MIGRATE as usize;
pub(crate) const COMPOUND: usize = MIGRATE_PFN_COMPOUND as usize;
const WRITE: usize = MIGRATE_PFN_WRITE as usize;

/// One entry of `src` or `dst`.
#[derive(Clone, Copy)]
pub(crate) struct Mpfn(pub(crate) usize);

impl Mpfn {
    pub(crate) fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    pub(crate) fn is_migrating(self) -> bool {
        self.0 & MIGRATE != 0
    }

    /// Whether there is nothing in it at all.
    pub(crate) fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// Whether whoever maps it may write to it. Of anonymous memory, that means that nobody else
    /// maps it.
    pub(crate) fn is_writable(self) -> bool {
        self.0 & WRITE != 0
    }

    pub(crate) fn pfn(self) -> Pfn {
        self.0 >> MIGRATE_PFN_SHIFT
    }

    pub(crate) fn size(self) -> Size {
        if self.0 & COMPOUND != 0 {
            Size::Compound
        } else {
            Size::Page
        }
    }

    /// How many positions of the array this entry stands for: the kernel has one entry for a large
    /// folio, and leaves those of its other pages empty.
    pub(crate) fn positions(self) -> usize {
        if self.0 & COMPOUND != 0 {
            COMPOUND_PAGES
        } else {
            1
        }
    }

    pub(crate) fn destination(folio: NewFolio) -> Self {
        let compound = if folio.size() == Size::Compound {
            COMPOUND
        } else {
            0
        };
        Self((folio.into_pfn() << MIGRATE_PFN_SHIFT) | VALID | compound)
    }
}
