// SPDX-License-Identifier: GPL-2.0

//! Clearing device memory: pages go home, whoever's they are and wherever they are mapped.

use core::ops::Range;
use kernel::prelude::*;

use crate::{
    accounts::FileId,
    device_memory::DeviceMemory,
    folio::{Pfn, Size},
    migrate::{Select, Setup},
    plan::Plan,
    truth::Kind,
    uapi::{EVICTED_AT_ONCE, Truth, cause, direction},
    who::Who,
};

/// Milliseconds between attempts.
const PAUSE: u32 = 10;
/// Attempts between messages: about ten seconds.
const PATIENCE: usize = 1000;

/// Evicts those of the device's pages `indices` that are in use now, with one sequence of kernel
/// calls. No large folio may be among them only in part.
pub(crate) fn evict_pages(memory: &DeviceMemory, indices: Range<usize>) -> Result<Truth> {
    let pfns = memory.taken_pfns(indices)?;
    evict_pfns(memory, pfns)
}

/// The same for the whole range, in use or not.
pub(crate) fn evict_range(memory: &DeviceMemory, indices: Range<usize>) -> Result<Truth> {
    let (first, pages) = (memory.pfn(indices.start), indices.len());
    // SAFETY: These are pages of `memory`, which outlives the sequence; no large folio is cut in
    // two.
    let setup = unsafe { Setup::eviction_of_range(first, pages)? };
    Ok(evict(memory, setup, pages))
}

/// Evicts some pages, so that a folio of `size` may find room. `None`: this turn's pages have all
/// been tried. The truth is kept for `read()`, and counts for the file that needs the room.
pub(crate) fn make_room(
    memory: &DeviceMemory,
    size: Size,
    file: Option<FileId>,
) -> Result<Option<Truth>> {
    let pfns = memory.victims(size.pages().max(EVICTED_AT_ONCE as usize))?;
    if pfns.is_empty() {
        return Ok(None);
    }
    let truth = evict_pfns(memory, pfns)?;
    memory.accounts.keep(&truth, file);
    Ok(Some(truth))
}

fn evict_pfns(memory: &DeviceMemory, pfns: KVVec<Pfn>) -> Result<Truth> {
    let pages = pfns.len();
    // SAFETY: These are pages of `memory`, which outlives the sequence; they rise, and a large
    // folio is taken and given back with all its pages.
    let setup = unsafe { Setup::eviction(pfns)? };
    Ok(evict(memory, setup, pages))
}

/// Everything on the device, in use or not, and what is known of that before.
pub(crate) fn all(memory: &DeviceMemory) -> Result<(Setup<'_>, Kind)> {
    let pages = memory.pages();
    // SAFETY: These are all pages of `memory`, which outlives the sequence.
    let setup = unsafe { Setup::eviction_of_range(memory.pfn(0), pages)? };
    Ok((setup, kind(memory, pages)))
}

fn evict(memory: &DeviceMemory, setup: Setup<'_>, pages: usize) -> Truth {
    Plan::new(memory, kind(memory, pages), Select::Device).run(setup, |_| {})
}

/// What is known of an eviction of so many pages before it begins.
pub(crate) fn kind(memory: &DeviceMemory, pages: usize) -> Kind {
    Kind {
        who: Who::anybody(),
        asked: direction::TO_SYSTEM,
        cause: cause::EVICTION,
        address: 0,
        mapping: [0; 2],
        requested: pages,
        pinned: 0,
        locked: 0,
        device: memory.number(),
    }
}

/// Evicts until nothing is left. Pages that somebody else is just handling take another attempt.
pub(crate) fn evict_all(memory: &DeviceMemory) {
    let mut attempts = 0usize;
    while memory.taken() > 0 {
        let evicted = evict_pages(memory, 0..memory.pages());
        if memory.taken() == 0 {
            break;
        }
        attempts += 1;
        if attempts % PATIENCE == 0 {
            pr_info!(
                "waiting for {} device pages ({:?})\n",
                memory.taken(),
                evicted.err()
            );
        }
        // SAFETY: This is called where sleeping is allowed.
        unsafe { kernel::bindings::msleep(PAUSE) };
    }
}
