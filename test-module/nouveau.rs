// SPDX-License-Identifier: GPL-2.0

//! nouveau.
//!
//! A range moves part by part, all with the same `struct migrate_vma`. Memory is cleared chunk by
//! chunk, with whatever is in it, and the destinations of large pages do not say that they are
//! large.

use core::hint::black_box;
use kernel::prelude::*;

use crate::{
    bindings::migrate_vma,
    eviction,
    migrate::{Select, Setup},
    plan::{Manner, Plan, Target},
    play::{Act, Style},
    range::Range,
    uapi::cause,
    worker::{self, Of},
};

/// The device faults: a work item takes the faults out of its buffer.
pub(crate) fn fault(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    worker::run_on(Of::Processor, &mut || {
        result = nouveau_svm_fault(act);
    })?;
    result
}

#[inline(never)]
fn nouveau_svm_fault(act: &mut Act<'_>) -> Result {
    black_box(nouveau_dmem_migrate_vma(act, cause::DEVICE_FAULT))
}

/// The process asks for it.
pub(crate) fn prefetch(act: &mut Act<'_>) -> Result {
    black_box(nouveau_svmm_bind(act))
}

#[inline(never)]
fn nouveau_svmm_bind(act: &mut Act<'_>) -> Result {
    black_box(nouveau_dmem_migrate_vma(act, cause::PREFETCH))
}

#[inline(never)]
fn nouveau_dmem_migrate_vma(act: &mut Act<'_>, cause: u32) -> Result {
    let style = Style {
        cause,
        select: Select::System,
        to: Target::Device,
        manner: Manner::Plain,
        compound: false,
        populate: true,
        abandon: true,
    };
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    let mut structure = migrate_vma::default();
    for (address, pages) in act.parts() {
        let range = Range::new(&mmap, address, pages)?;
        let owner = act.memory().owner();
        let setup = Setup::in_structure(&mut structure, &range, style.select, owner)?;
        act.run(&range, setup, &style);
    }
    Ok(())
}

/// The device's memory is cleared.
pub(crate) fn evict(act: &mut Act<'_>) -> Result {
    black_box(nouveau_dmem_evict_chunk(act))
}

#[inline(never)]
fn nouveau_dmem_evict_chunk(act: &mut Act<'_>) -> Result {
    let memory = act.memory();
    let (setup, kind) = eviction::all(memory)?;
    let plan = Plan {
        manner: Manner::Unmarked,
        ..act.plan(kind, Select::Device)
    };
    let truth = plan.run(setup, |_| {});
    act.keep(&truth);
    Ok(())
}
