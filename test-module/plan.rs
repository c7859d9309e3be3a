// SPDX-License-Identifier: GPL-2.0

//! How one migration is to be done.

use crate::{
    accounts::FileId, clock, device_memory::DeviceMemory, inject::Injection, migrate::Select,
    truth::Kind,
};

/// What to do with large folios.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Large {
    /// They stay whole or stay where they are: for callers for whom the kernel cannot split. A
    /// fault holds a reference that stops the split (`folio_split_unmapped`), and an eviction has
    /// no VMA to split in.
    Whole,
    /// Whole if a large destination can be had, else page by page.
    WholeOrSplit,
    /// Page by page.
    Split,
}

/// Time to spend in the gaps between the kernel's calls, nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Delays {
    pub(crate) alloc_and_copy: u64,
    pub(crate) finalize_and_map: u64,
    /// Asleep, or else busy.
    pub(crate) asleep: bool,
}

impl Delays {
    pub(crate) fn spend(&self, nanoseconds: u64) {
        if nanoseconds == 0 {
            return;
        }
        let then = clock::now().saturating_add(nanoseconds);
        if self.asleep {
            clock::sleep_until(then);
        } else {
            clock::spin_until(then);
        }
    }
}

/// Where pages are to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the plan's device.
    Device,
    /// To system memory, of whatever node.
    System,
    /// To system memory of this node.
    Node(u32),
}

/// What drivers do with destinations beside giving one to each page that is to move.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing else.
    Plain,
    /// None at all unless everything was collected and nothing is there already (`drm_pagemap`).
    AllOrNothing,
    /// None for pages that are there already (nvidia-uvm).
    FromAfar,
    /// One for every position, collected or not (amdgpu until Linux 6.6).
    Everywhere,
    /// Those of large pages do not say that they are large (nouveau's evictions).
    Unmarked,
    /// One for every position, as if all had been collected; no driver may do so.
    Claiming,
    /// None, and no arrays any more, where nothing was collected; the same.
    Vanishing,
}

/// How one migration is to be done.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) memory: &'a DeviceMemory,
    pub(crate) kind: Kind,
    /// The file that it is done for, if it is known.
    pub(crate) file: Option<FileId>,
    pub(crate) to: Target,
    pub(crate) manner: Manner,
    pub(crate) large: Large,
    /// Holes get pages.
    pub(crate) populate: bool,
    pub(crate) roll_back: bool,
    /// Nothing follows a setup that collects nothing.
    pub(crate) abandon: bool,
    /// Other pages leave the device when it is full.
    pub(crate) evict: bool,
    pub(crate) delays: Delays,
    pub(crate) inject: Injection,
}

impl<'a> Plan<'a> {
    /// A plain migration: all that is collected moves, whole.
    pub(crate) fn new(memory: &'a DeviceMemory, kind: Kind, select: Select) -> Self {
        Self {
            memory,
            kind,
            file: None,
            to: match select {
                Select::System | Select::Anywhere => Target::Device,
                Select::Device => Target::System,
            },
            manner: Manner::Plain,
            large: Large::Whole,
            populate: false,
            roll_back: false,
            abandon: false,
            evict: false,
            delays: Delays::default(),
            inject: Injection::default(),
        }
    }
}
