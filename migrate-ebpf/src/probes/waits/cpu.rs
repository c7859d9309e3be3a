//! Threads that need a page which is on a device, or which somebody is migrating.
//!
//! Linux: `do_swap_page` (`mm/memory.c`) for an entry of a page on a device, which the driver's
//! `migrate_to_ram` brings back; `do_huge_pmd_device_private` (`mm/huge_memory.c`), the same for a
//! huge one; `migration_entry_wait` (`mm/migrate.c`) for a page that is being migrated.

use migrate_ebpf::wire::{Loss, UNKNOWN, VMA_LOCK, WaitKind, WaitResult};

use super::{
    begin, end_now, ending,
    hooks::{Arguments, Returned},
    note_whose,
};
use crate::{
    clock,
    config::{config, field},
    in_flight::this_thread,
    losses,
    probes::{
        kernel::{Pointer, Untyped, huge_pages},
        words::word_at,
    },
    waiting::{self, Side, Waiting},
};

/// `VM_FAULT_RETRY`: it will be tried again, with another lock held.
const RETRY: u32 = 0x400;
/// `VM_FAULT_ERROR`: out of memory, no such memory, broken memory, and so on.
const ERROR: u32 = 0x873;

/// The types of swap entries.
const TYPES: u64 = 31;

/// Is this page table's entry one of a page on a device? One type is for pages that may be written
/// to, the next for others.
#[inline(always)]
fn is_on_device(entry: u64) -> bool {
    let kind = (entry >> config!(swap_type_shift)) & TYPES;
    kind.wrapping_sub(config!(device_type).into()) < 2
}

/// Will the kernel want another lock before it looks at the page? It then comes back with it.
#[inline(always)]
fn wants_other_lock(vmf: impl Pointer) -> bool {
    field!(wait.vmf_flags).is_known() && vmf.half(field!(wait.vmf_flags)) & VMA_LOCK != 0
}

/// `do_swap_page(vmf)` is entered. Of an entry of any other kind nothing is looked at but that.
#[inline(always)]
pub(super) fn enter_fault(ctx: &impl Arguments) {
    let vmf = ctx.pointer(0);
    let entry = vmf.word(field!(wait.vmf_entry));
    if is_on_device(entry) && !wants_other_lock(vmf) {
        fault(ctx, vmf, 1);
    } else {
        ctx.pass_by(Side::Cpu);
    }
}

/// `do_huge_pmd_device_private(vmf)` is entered.
#[inline(always)]
pub(super) fn enter_huge_fault(ctx: &impl Arguments) {
    fault(ctx, ctx.pointer(0), huge_pages());
}

#[inline(always)]
fn fault(ctx: &impl Arguments, vmf: impl Pointer, pages: u64) {
    let began = clock::now();
    let Some(waiting) = begin(ctx, Side::Cpu, WaitKind::Fault, began) else {
        return;
    };
    waiting.about = vmf.address();
    waiting.wait.address = vmf.word(field!(wait.vmf_address));
    waiting.wait.pages = pages;
    // The migration in the middle of it finds out, mostly.
    waiting.is_nobodys = 1;
}

/// `do_swap_page` returns.
#[inline(always)]
pub(super) fn leave_fault(ctx: &impl Returned) {
    if let Some(vmf) = ctx.first()
        && wants_other_lock(vmf)
    {
        // A kernel that goes on to the page under the lock of the VMA is newer than we are.
        if is_on_device(vmf.word(field!(wait.vmf_entry))) && vmf.word(field!(wait.vmf_page)) != 0 {
            losses::count(Loss::WaitMissed);
        }
        return;
    }
    leave(ctx, |vmf| vmf.word(field!(wait.vmf_pte)));
}

/// `do_huge_pmd_device_private` returns.
#[inline(always)]
pub(super) fn leave_huge_fault(ctx: &impl Returned) {
    leave(ctx, |vmf| vmf.word(field!(wait.vmf_pmd)));
}

/// `place` tells where the page's entry in the page table is.
#[inline(always)]
fn leave(ctx: &impl Returned, place: impl Fn(Untyped) -> u64) {
    if let Some(waiting) = ending(Side::Cpu, ctx.stack()) {
        if waiting.is_nobodys != 0 {
            // What is told has not let go of the lock under which the VMA is there.
            let vma = Untyped(waiting.about).pointer(field!(wait.vmf_vma));
            note_whose(waiting, vma.pointer(field!(owner.vma_mm)));
        }
        end_now(waiting, |waiting| {
            let entry = place(Untyped(waiting.about));
            what_came(waiting, ctx.value(1) as u32, entry)
        });
    }
}

/// What came of a fault; `None` if it has not begun: the kernel wants another lock before it looks
/// at the page. `place` is where its entry in the page table is; 0 where that is not known.
#[inline(always)]
fn what_came(waiting: &Waiting, returned: u32, place: u64) -> Option<WaitResult> {
    let has_migrated = waiting.wait.before_setup_ns != UNKNOWN;
    Some(if returned & RETRY != 0 {
        return has_migrated.then_some(WaitResult::Retry);
    } else if waiting.wait.kind == WaitKind::Migrating as u8 {
        WaitResult::Done
    } else if returned & ERROR != 0 {
        WaitResult::Failed
    } else if place != 0 && is_on_device(word_at(place)) {
        WaitResult::Nothing
    } else if waiting.moved != 0 {
        WaitResult::Moved
    } else if place != 0 {
        WaitResult::MovedByOther
    } else {
        WaitResult::Unknown
    })
}

/// `migration_entry_wait(mm, pmd, address)` is entered.
#[inline(always)]
pub(super) fn enter_migrating(ctx: &impl Arguments) {
    let shift = config!(page_shift);
    migrating(ctx, ctx.number(2) >> shift << shift, 1);
}

/// `pmd_migration_entry_wait(mm, pmd)` is entered, which does not tell the address.
#[inline(always)]
pub(super) fn enter_huge_migrating(ctx: &impl Arguments) {
    migrating(ctx, UNKNOWN, huge_pages());
}

#[inline(always)]
fn migrating(ctx: &impl Arguments, address: u64, pages: u64) {
    let began = clock::now();
    if let Some(waiting) = begin(ctx, Side::Cpu, WaitKind::Migrating, began) {
        waiting.wait.address = address;
        waiting.wait.pages = pages;
        note_whose(waiting, ctx.pointer(0));
    }
}

/// Either returns.
#[inline(always)]
pub(super) fn leave_migrating(ctx: &impl Returned) {
    if let Some(waiting) = ending(Side::Cpu, ctx.stack()) {
        end_now(waiting, |_| Some(WaitResult::Done));
    }
}

/// The thread goes to sleep until somebody else lets go of the page, which is being migrated.
#[inline(always)]
pub(super) fn enter_page_lock(_ctx: &impl Arguments) {
    if let Some(waiting) = waiting::find(this_thread(), Side::Cpu) {
        waiting.page_lock_since = clock::now();
        // The driver has not been asked: this is no fault that the thread could serve by itself.
        if waiting.wait.before_setup_ns == UNKNOWN {
            waiting.wait.kind = WaitKind::Migrating as u8;
        }
    }
}

/// It has slept.
#[inline(always)]
pub(super) fn leave_page_lock(_ctx: &impl Returned) {
    if let Some(waiting) = waiting::find(this_thread(), Side::Cpu)
        && waiting.page_lock_since != 0
    {
        waiting.wait.page_lock_ns += clock::now().wrapping_sub(waiting.page_lock_since);
        waiting.page_lock_since = 0;
    }
}
