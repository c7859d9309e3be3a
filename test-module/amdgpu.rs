// SPDX-License-Identifier: GPL-2.0

//! amdgpu, as of Linux 5.17 to 6.6.
//!
//! Everything is done under a lock of the process's memory on the device (`svms.lock`), which is
//! taken before setup. Each position gets a destination, collected or not. Evictions are migrations
//! of a range, by a worker.

use core::hint::black_box;
use kernel::prelude::*;

use crate::{
    migrate::Select,
    plan::{Manner, Target},
    play::{Act, Style},
    uapi::cause,
    worker::{self, Of},
};

/// The device faults: the handler of its interrupts leaves that to a work item.
pub(crate) fn fault(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::Processor, &mut || {
        result = svm_range_restore_pages(act);
    })?;
    result
}

#[inline(never)]
fn svm_range_restore_pages(act: &mut Act<'_>) -> Result {
    svm_migrate_ram_to_vram(act, cause::DEVICE_FAULT)
}

/// The process says where it wants its memory.
pub(crate) fn prefetch(act: &mut Act<'_>) -> Result {
    black_box(svm_range_set_attr(act))
}

#[inline(never)]
fn svm_range_set_attr(act: &mut Act<'_>) -> Result {
    black_box(svm_migrate_ram_to_vram(act, cause::PREFETCH))
}

/// Inlined, so that its callers do not end before it does.
#[inline(always)]
fn svm_migrate_ram_to_vram(act: &mut Act<'_>, cause: u32) -> Result {
    let style = Style {
        cause,
        select: Select::System,
        to: Target::Device,
        manner: Manner::Everywhere,
        compound: false,
        populate: true,
        abandon: true,
    };
    migrate(act, &style)
}

/// Room is needed.
pub(crate) fn evict(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::Processor, &mut || {
        result = svm_range_evict_svm_bo_worker(act);
    })?;
    result
}

#[inline(never)]
fn svm_range_evict_svm_bo_worker(act: &mut Act<'_>) -> Result {
    let style = Style {
        cause: cause::EVICTION,
        select: Select::Device,
        to: Target::System,
        manner: Manner::Plain,
        compound: false,
        populate: false,
        abandon: true,
    };
    migrate(act, &style)
}

#[inline(always)]
fn migrate(act: &mut Act<'_>, style: &Style) -> Result {
    let memory = act.memory();
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    let (svms, _) = memory.svms.lock();
    let svms = svms.ok_or(EINTR)?;
    let result = act.migrate(&mmap, style);
    drop(svms);
    result
}
