//! Device memory that is registered: the kernel's `pgmap_array`, an XArray from frames to `struct
//! dev_pagemap`.

use std::collections::BTreeSet;

use migrate_ebpf::wire::{Memory, Region};

use super::super::btf::StructureOffsets;
use super::super::peek::Peek;

/// Memory of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pagemap {
    /// A [`Memory`].
    pub(super) memory: u32,
    /// The first frame.
    pub(super) start: u64,
    /// The frame behind the last.
    pub(super) end: u64,
}

impl Pagemap {
    pub(super) fn of_region(region: &Region) -> Self {
        Self {
            memory: region.memory,
            start: region.start,
            end: region.end,
        }
    }

    pub(super) fn region(&self, place: u32) -> Region {
        Region {
            start: self.start,
            end: self.end,
            memory: self.memory,
            place,
        }
    }
}

/// Slots of a node of an XArray.
const SLOTS: usize = 64;
/// No XArray is deeper: each level has six bits of the index.
const DEPTH: u32 = 11;
/// `xa_is_internal`: an entry whose lowest bits are 10 is the XArray's own; below this a sibling of
/// another slot.
const INTERNAL: u64 = 2;
const SIBLINGS: u64 = 4096;
/// Ranges of one pagemap that are looked at.
const RANGES: u64 = 16;

/// All device memory; `None` if the kernel's list cannot be found or read.
pub(super) fn all(
    peek: &mut Peek<'_>,
    offsets: &StructureOffsets,
    page_shift: u32,
) -> Option<Vec<Pagemap>> {
    let array = peek.symbol("pgmap_array")?;
    let head = peek.word(array + u64::from(offsets.xa_head?))?;
    let mut found = BTreeSet::new();
    visit(peek, offsets, head, DEPTH, &mut found)?;
    let ranges = found
        .into_iter()
        .filter_map(|pagemap| ranges(peek, offsets, pagemap, page_shift));
    Some(ranges.flatten().collect())
}

/// Collects the pointers that are stored below an entry.
fn visit(
    peek: &mut Peek<'_>,
    offsets: &StructureOffsets,
    entry: u64,
    depth: u32,
    found: &mut BTreeSet<u64>,
) -> Option<()> {
    if entry == 0 {
        return Some(());
    }
    if entry & 3 != INTERNAL {
        found.insert(entry);
        return Some(());
    }
    // A sibling says the same as another slot of its node; deeper than that it is no XArray.
    if entry < SIBLINGS || depth == 0 {
        return Some(());
    }
    let slots = peek.words(entry - INTERNAL + u64::from(offsets.xa_slots?))?;
    for slot in slots.into_iter().take(SLOTS) {
        visit(peek, offsets, slot, depth - 1, found)?;
    }
    Some(())
}

/// What a `struct dev_pagemap` tells, if pages of it can migrate.
fn ranges(
    peek: &mut Peek<'_>,
    offsets: &StructureOffsets,
    pagemap: u64,
    page_shift: u32,
) -> Option<Vec<Pagemap>> {
    // MEMORY_DEVICE_PRIVATE, MEMORY_DEVICE_COHERENT
    let kind = peek.word(pagemap + u64::from(offsets.pagemap.kind))? as u32;
    let memory = match kind {
        1 => Memory::DevicePrivate,
        2 => Memory::DeviceCoherent,
        _ => return None,
    };
    let count = peek.word(pagemap + u64::from(offsets.pagemap.nr_range))? as u32;
    let mut all = Vec::new();
    for nth in 0..u64::from(count).min(RANGES) {
        let at = pagemap + u64::from(offsets.pagemap.ranges) + nth * 16;
        let (start, last) = (peek.word(at)?, peek.word(at + 8)?);
        all.push(Pagemap {
            memory: memory as u32,
            start: start >> page_shift,
            end: (last >> page_shift) + 1,
        });
    }
    Some(all)
}
