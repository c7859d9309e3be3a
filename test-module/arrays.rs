// SPDX-License-Identifier: GPL-2.0

//! The arrays and structures that a migration shares with the kernel: its own, or lent by somebody
//! who uses them for one migration after the other, as drivers do.

use core::ops::{Deref, DerefMut};
use kernel::prelude::*;

use crate::{bindings::migrate_vma, folio::Pfn};

/// One of the arrays.
pub(crate) enum Array<'a> {
    Own(KVVec<usize>),
    /// A part of a larger one.
    Lent(&'a mut [usize]),
}

impl Deref for Array<'_> {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        match self {
            Self::Own(array) => array,
            Self::Lent(array) => array,
        }
    }
}

impl DerefMut for Array<'_> {
    fn deref_mut(&mut self) -> &mut [usize] {
        match self {
            Self::Own(array) => array,
            Self::Lent(array) => array,
        }
    }
}

/// The structure. The kernel's tracers know a migration by its address, which must stay the same
/// from setup to finalize while the Rust values around it move.
pub(crate) enum Structure<'a> {
    Own(KBox<migrate_vma>),
    Lent(&'a mut migrate_vma),
}

impl Deref for Structure<'_> {
    type Target = migrate_vma;

    fn deref(&self) -> &migrate_vma {
        match self {
            Self::Own(structure) => structure,
            Self::Lent(structure) => structure,
        }
    }
}

impl DerefMut for Structure<'_> {
    fn deref_mut(&mut self) -> &mut migrate_vma {
        match self {
            Self::Own(structure) => structure,
            Self::Lent(structure) => structure,
        }
    }
}

/// Pages of a device that are set up one by one.
pub(crate) struct Pagewise {
    /// By position; positions without one are left out.
    pub(crate) frames: KVVec<Option<Pfn>>,
    /// The positions in the order of their setups.
    pub(crate) order: KVVec<usize>,
}

/// What stands behind a position of a migration, if that is known.
pub(crate) enum Behind {
    /// This page of a device.
    Page(Pfn),
    /// Nothing: the kernel was not asked about it.
    Nothing,
    /// Only the kernel knows.
    Unknown,
}
