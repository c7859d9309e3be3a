// SPDX-License-Identifier: GPL-2.0

//! nvidia-uvm.
//!
//! Its faults are served by a kernel thread of its own. Evictions have a setup for each page, and
//! pages and finalize once for all of them, in arrays that belong to a block of 512 pages. Where
//! the GPU's memory is a node of the system's (`uvm_migrate_pageable.c`), pages go from node to
//! node.

use core::hint::black_box;
use kernel::{
    mm::{MmWithUser, MmapReadGuard},
    page::PAGE_SIZE,
    prelude::*,
};

use crate::{
    arrays::Pagewise,
    eviction,
    inject::{Strikes, mixed},
    migrate::{Select, Setup},
    owner::Owner,
    plan::{Manner, Target},
    play::{Act, Style},
    quietly,
    range::Range,
    slots::Mapping,
    uapi::{cause, play_flags},
};

/// The device faults.
pub(crate) fn fault(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    let memory = act.memory();
    memory.with_bottom_half(&mut || result = replayable_faults_isr_bottom_half(act))?;
    result
}

/// With a reference to the address space that is to be served, and without taking it on.
#[inline(never)]
fn replayable_faults_isr_bottom_half(act: &mut Act<'_>) -> Result {
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    uvm_hmm_va_block_service_locked(act, &mmap)
}

/// To the device, or home, where it is better for the device to reach it there.
#[inline(never)]
fn uvm_hmm_va_block_service_locked(act: &mut Act<'_>, mmap: &MmapReadGuard<'_>) -> Result {
    let home = act.request.flags & play_flags::TO_SYSTEM != 0;
    let style = Style {
        cause: cause::DEVICE_FAULT,
        select: if home {
            Select::Anywhere
        } else {
            Select::System
        },
        to: if home { Target::System } else { Target::Device },
        manner: if home {
            Manner::FromAfar
        } else {
            Manner::Plain
        },
        compound: false,
        populate: !home,
        abandon: false,
    };
    black_box(act.migrate(mmap, &style))
}

/// A range goes to a node, from wherever it is: in an ioctl of the process, and without any owner
/// of pages. nvidia-uvm refuses memory of files, with reason: when `migrate_vma_pages` has put
/// another page in a file's cache, it leaves the mark of the file on the old one, which is then
/// freed with it.
pub(crate) fn migrate(act: &mut Act<'_>) -> Result {
    black_box(uvm_migrate_pageable(act))
}

#[inline(never)]
fn uvm_migrate_pageable(act: &mut Act<'_>) -> Result {
    let style = Style {
        cause: cause::PREFETCH,
        select: Select::System,
        to: Target::Node(act.request.node),
        manner: Manner::FromAfar,
        compound: false,
        populate: false,
        abandon: false,
    };
    let mm = act.mm()?;
    let mmap = mm.mmap_read_lock();
    for (address, pages) in act.parts() {
        let range = Range::new(&mmap, address, pages)?;
        if !range.is_anonymous() {
            return Err(EINVAL);
        }
        let setup = Setup::new(&range, style.select, Owner::nobody(), false)?;
        act.run(&range, setup, &style);
    }
    Ok(())
}

/// Room is needed: a block's pages go home.
pub(crate) fn evict(act: &mut Act<'_>) -> Result {
    let mut result = Ok(());
    let memory = act.memory();
    memory.with_bottom_half(&mut || result = uvm_va_block_evict_chunks(act))?;
    result
}

/// Each part of the range is a region of the block, with a pages and a finalize.
#[inline(never)]
fn uvm_va_block_evict_chunks(act: &mut Act<'_>) -> Result {
    // Not to look at its memory, but for the address space to stay the one whose pages these are.
    let mm = act.mm()?;
    let (address, pages) = (act.request.address as usize, act.request.pages as usize);
    let mut src = KVVec::from_elem(0, pages, quietly())?;
    let mut dst = KVVec::from_elem(0, pages, quietly())?;
    for (begin, pages) in act.parts() {
        let first = (begin - address) / PAGE_SIZE;
        let pagewise = resident(act, &mm, first, pages)?;
        // Of a region without pages the driver does not think.
        if pagewise.order.is_empty() {
            continue;
        }
        let region = first..first + pages;
        // SAFETY: The frames are pages of the device's, which the open file keeps registered; each
        // position is in the order once.
        let setup = unsafe {
            Setup::eviction_pagewise(pagewise, &mut src[region.clone()], &mut dst[region])?
        };
        let kind = eviction::kind(act.memory(), pages);
        let truth = act.plan(kind, Select::Device).run(setup, |_| {});
        act.keep(&truth);
    }
    Ok(())
}

/// Pages of the range that are on the device, but for those that are to be left out, and an order
/// for them.
fn resident(act: &Act<'_>, mm: &MmWithUser, first: usize, pages: usize) -> Result<Pagewise> {
    let skipped = Strikes::new(act.request.skip, act.request.seed);
    let mut frames = KVVec::with_capacity(pages, quietly())?;
    let mut order = KVVec::with_capacity(pages, quietly())?;
    for index in 0..pages {
        let address = act.request.address as usize + (first + index) * PAGE_SIZE;
        let frame = act.file.frame_at(Mapping::in_space(mm, address));
        let frame = frame.filter(|_| !skipped.hits(first + index));
        frames.push(frame, quietly())?;
        if frame.is_some() {
            order.push(index, quietly())?;
        }
    }
    if act.request.flags & play_flags::DESCENDING != 0 {
        order.reverse();
    }
    if act.request.flags & play_flags::SHUFFLED != 0 {
        shuffle(&mut order, act.request.seed.wrapping_add(first as u64));
    }
    Ok(Pagewise { frames, order })
}

fn shuffle(order: &mut [usize], seed: u64) {
    for n in (1..order.len()).rev() {
        let other = mixed(seed.wrapping_add(n as u64)) % (n as u64 + 1);
        order.swap(n, other as usize);
    }
}
