//! What a device waits for: where memory is, an end of invalidations, a page for itself alone.
//!
//! Linux: `hmm_range_fault` (`mm/hmm.c`), `mmu_interval_read_begin` (`mm/mmu_notifier.c`),
//! `make_device_exclusive` (`mm/rmap.c`).

use migrate_ebpf::wire::{UNKNOWN, WaitKind, WaitResult};

use super::{
    begin, end_now, ending,
    hooks::{Arguments, Returned},
    note_range, note_whose,
};
use crate::{
    clock,
    config::{config, field},
    probes::kernel::Pointer,
    waiting::Side,
};

/// `-EBUSY`: something was invalidated meanwhile.
const BUSY: i32 = -16;
/// The lowest error that stands in the place of a pointer.
const MAX_ERRNO: i64 = 4095;

/// `hmm_range_fault(range)` is entered.
#[inline(always)]
pub(super) fn enter_range_fault(ctx: &impl Arguments) {
    let began = clock::now();
    let Some(waiting) = begin(ctx, Side::Device, WaitKind::RangeFault, began) else {
        return;
    };
    let range = ctx.pointer(0);
    let start = range.word(field!(wait.range_start));
    note_range(waiting, start, range.word(field!(wait.range_end)));
    let notifier = range.pointer(field!(wait.range_notifier));
    note_whose(waiting, notifier.pointer(field!(wait.notifier_mm)));
}

/// `mmu_interval_read_begin(notifier)` is entered.
#[inline(always)]
pub(super) fn enter_notifier(ctx: &impl Arguments) {
    let began = clock::now();
    let Some(waiting) = begin(ctx, Side::Device, WaitKind::Notifier, began) else {
        return;
    };
    waiting.wait.address = UNKNOWN;
    waiting.wait.pages = 0;
    note_whose(waiting, ctx.pointer(0).pointer(field!(wait.notifier_mm)));
}

/// `make_device_exclusive(mm, address, owner, folio)` is entered.
#[inline(always)]
pub(super) fn enter_exclusive(ctx: &impl Arguments) {
    let address = ctx.number(1);
    exclusive(ctx, address, address.wrapping_add(1 << config!(page_shift)));
}

/// `make_device_exclusive_range(mm, start, end, pages, owner)` is entered.
#[inline(always)]
pub(super) fn enter_exclusive_range(ctx: &impl Arguments) {
    exclusive(ctx, ctx.number(1), ctx.number(2));
}

#[inline(always)]
fn exclusive(ctx: &impl Arguments, start: u64, end: u64) {
    let began = clock::now();
    if let Some(waiting) = begin(ctx, Side::Device, WaitKind::Exclusive, began) {
        note_range(waiting, start, end);
        note_whose(waiting, ctx.pointer(0));
    }
}

/// `hmm_range_fault` returns 0 or an error.
#[inline(always)]
pub(super) fn leave_range_fault(ctx: &impl Returned) {
    leave(ctx, ctx.value(1) as i32);
}

/// `mmu_interval_read_begin` returns a number that is no error.
#[inline(always)]
pub(super) fn leave_notifier(ctx: &impl Returned) {
    leave(ctx, 0);
}

/// `make_device_exclusive` returns a page, or an error in its place.
#[inline(always)]
pub(super) fn leave_exclusive(ctx: &impl Returned) {
    leave(ctx, errno_in_place(ctx.pointer_value(4)));
}

/// `make_device_exclusive_range` returns how many pages, or an error.
#[inline(always)]
pub(super) fn leave_exclusive_range(ctx: &impl Returned) {
    leave(ctx, ctx.value(5) as i32);
}

/// The error that stands in the place of a pointer; 0 for a pointer.
#[inline(always)]
fn errno_in_place(pointer: u64) -> i32 {
    let number = pointer as i64;
    if (-MAX_ERRNO..0).contains(&number) {
        number as i32
    } else {
        0
    }
}

#[inline(always)]
fn leave(ctx: &impl Returned, returned: i32) {
    let Some(waiting) = ending(Side::Device, ctx.stack()) else {
        return;
    };
    end_now(waiting, |waiting| {
        waiting.wait.errno = returned.min(0);
        Some(match returned {
            0.. => WaitResult::Done,
            BUSY => WaitResult::Retry,
            _ => WaitResult::Failed,
        })
    });
}
