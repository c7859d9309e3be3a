//! Memory of devices that comes and goes while the tracer runs.
//!
//! Linux: `memremap_pages` gives frames a `struct page`, and `memunmap_pages` takes it away. A
//! region is known before the first page of it can migrate; user space finds its name later.

use aya_ebpf::{
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};
use migrate_ebpf::wire::{Memory, OFFSET_UNKNOWN, Region, Regions};

use super::{kernel::read_word, memory::REGIONS};
use crate::{
    atomic::{fetch_add, publish},
    config::config,
    counted,
};

/// `MEMORY_DEVICE_PRIVATE`, `MEMORY_DEVICE_COHERENT`
const PRIVATE: u32 = 1;
const COHERENT: u32 = 2;

/// Ranges of one `struct dev_pagemap` that are looked at. No driver has more than one.
const RANGES: u64 = 4;

#[fexit(function = "memremap_pages")]
fn memremap_return(ctx: FExitContext) -> i32 {
    let (pagemap, _node, returned): (u64, u64, u64) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    if !is_error(returned) {
        each_range(pagemap, add);
    }
    0
}

#[fentry(function = "memunmap_pages")]
fn memunmap_entry(ctx: FEntryContext) -> i32 {
    each_range(ctx.arg(0), remove);
    0
}

/// At a return no arguments are known: what the kernel has made of it, user space finds out.
#[kretprobe]
fn memremap_return_kprobe(_ctx: RetProbeContext) -> u32 {
    counted::changed();
    0
}

#[kprobe]
fn memunmap_entry_kprobe(ctx: ProbeContext) -> u32 {
    each_range(ctx.arg(0).unwrap_or(0), remove);
    0
}

/// Is it one of the kernel's pointers that are errors?
#[inline(always)]
fn is_error(pointer: u64) -> bool {
    pointer > -4096i64 as u64
}

/// A kind of memory, and the frames from the first to the one behind the last.
#[inline(always)]
fn each_range(pagemap: u64, each: fn(&mut Regions, Memory, u64, u64)) {
    counted::changed();
    if config!(pagemap.kind) == OFFSET_UNKNOWN {
        return;
    }
    let memory = match half(pagemap, config!(pagemap.kind)) {
        PRIVATE => Memory::DevicePrivate,
        COHERENT => Memory::DeviceCoherent,
        _ => return,
    };
    let Some(regions) = REGIONS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the map's value, which lives as long as the program.
    let regions = unsafe { &mut *regions };
    let ranges = u64::from(half(pagemap, config!(pagemap.nr_range)));
    let shift = config!(page_shift);
    for range in 0..RANGES {
        if range >= ranges {
            break;
        }
        let at = pagemap + u64::from(config!(pagemap.ranges)) + range * 16;
        if let (Some(start), Some(last)) = (read_word(at), read_word(at + 8)) {
            each(regions, memory, start >> shift, (last >> shift) + 1);
            fetch_add(&raw mut regions.changes, 1);
        }
    }
}

#[inline(always)]
fn half(structure: u64, offset: u32) -> u32 {
    read_word(structure.wrapping_add(u64::from(offset))).unwrap_or(0) as u32
}

/// Where there is no room, its frames are unknown.
#[inline(always)]
fn add(regions: &mut Regions, memory: Memory, start: u64, end: u64) {
    let place = fetch_add(&raw mut regions.next_place, 1) as u32;
    for region in &mut regions.device {
        if region.end == region.start || region.end == 0 {
            *region = Region {
                start,
                end: start,
                memory: memory as u32,
                place,
            };
            publish(&raw mut region.end, end);
            return;
        }
    }
}

/// An entry that ends where it begins holds no frame.
#[inline(always)]
fn remove(regions: &mut Regions, _memory: Memory, start: u64, _end: u64) {
    for region in &mut regions.device {
        if region.end == 0 {
            return;
        }
        if region.start == start {
            region.end = start;
        }
    }
}
