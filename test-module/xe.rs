// SPDX-License-Identifier: GPL-2.0

//! xe, and with it all that uses `drm_pagemap` and `drm_gpusvm`.
//!
//! All of a range moves or nothing does; pages may come from other devices of the same owner. What
//! is collected and was retired meanwhile is left alone. A range is evicted by touching it as
//! another device would.

use core::{hint::black_box, ptr};
use kernel::{page::PAGE_SIZE, prelude::*};

use crate::{
    eviction,
    hmm::{self, Reading},
    inject::{Injection, Strikes},
    migrate::{Select, Setup},
    plan::{Manner, Plan, Target},
    play::{Act, Style},
    quietly,
    slots::Mapping,
    uapi::cause,
    worker::{self, Of},
};

/// The device faults: its queue of faults has an unbound worker.
pub(crate) fn fault(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::None, &mut || {
        result = xe_pagefault_queue_work(act);
    })?;
    result
}

#[inline(never)]
fn xe_pagefault_queue_work(act: &mut Act<'_>) -> Result {
    drm_pagemap_populate_mm(act, cause::DEVICE_FAULT)
}

/// The process asks for it.
pub(crate) fn prefetch(act: &mut Act<'_>) -> Result {
    black_box(xe_vm_madvise_ioctl(act))
}

#[inline(never)]
fn xe_vm_madvise_ioctl(act: &mut Act<'_>) -> Result {
    drm_pagemap_populate_mm(act, cause::PREFETCH)
}

/// Inlined, so that its callers do not end before it does.
#[inline(always)]
fn drm_pagemap_populate_mm(act: &mut Act<'_>, cause: u32) -> Result {
    let style = Style {
        cause,
        select: Select::Anywhere,
        to: Target::Device,
        manner: Manner::AllOrNothing,
        compound: true,
        populate: true,
        abandon: true,
    };
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    let result = act.migrate(&mmap, &style);
    drop(mmap);
    result
}

/// Touches the range from a worker. The handler of faults tells of the migrations.
pub(crate) fn touch(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::None, &mut || {
        result = drm_gpusvm_range_evict(act);
    })?;
    result
}

#[inline(never)]
fn drm_gpusvm_range_evict(act: &mut Act<'_>) -> Result {
    let mm = act.mm()?;
    let (address, pages) = (act.request.address as usize, act.request.pages as usize);
    let reading = Reading {
        mm: &mm,
        memory: act.memory(),
        start: address,
        pages,
        owner: ptr::null_mut(),
        attempts: hmm::ATTEMPTS,
        delay: 0,
    };
    reading.read().1
}

/// Room is needed: pages go home wherever they are mapped.
pub(crate) fn evict(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::None, &mut || {
        result = drm_pagemap_evict_to_ram(act);
    })?;
    result
}

#[inline(never)]
fn drm_pagemap_evict_to_ram(act: &mut Act<'_>) -> Result {
    let mm = act.mm()?;
    let (address, pages) = (act.request.address as usize, act.request.pages as usize);
    let mut pfns = KVVec::with_capacity(pages, quietly())?;
    for index in 0..pages {
        let mapping = Mapping::in_space(&mm, address + index * PAGE_SIZE);
        if let Some(pfn) = act.file.frame_at(mapping) {
            pfns.push(pfn, quietly())?;
        }
    }
    if pfns.is_empty() {
        return Ok(());
    }
    pfns.sort_unstable();
    let kind = eviction::kind(act.memory(), pfns.len());
    // SAFETY: These are pages of the device's, which the open file keeps registered. They rise. Of
    // a large folio that does not lie within the range as a whole the kernel takes nothing.
    let setup = unsafe { Setup::eviction(pfns)? };
    let plan = Plan {
        inject: Injection {
            retire: Strikes::new(act.request.skip, act.request.seed),
            ..Injection::default()
        },
        ..act.plan(kind, Select::Device)
    };
    let truth = plan.run(setup, |_| {});
    act.keep(&truth);
    Ok(())
}
