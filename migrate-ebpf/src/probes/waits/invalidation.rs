//! Threads that change memory, and wait for the devices that mirror it.
//!
//! Linux: `__mmu_notifier_invalidate_range_start` (`mm/mmu_notifier.c`), which is called where
//! somebody has asked to be told. What a migration invalidates is a part of its setup.

use migrate_ebpf::wire::{WaitKind, WaitResult};

use super::{
    begin, end_now, ending,
    hooks::{Arguments, Returned},
    note_range, note_whose,
};
use crate::{
    clock,
    config::field,
    probes::kernel::Pointer,
    waiting::{Side, Waiting},
};

/// `MMU_NOTIFY_MIGRATE`, since 5.9.
const MIGRATE: u32 = 6;

/// `__mmu_notifier_invalidate_range_start(range)` is entered.
#[inline(always)]
pub(super) fn enter(ctx: &impl Arguments) {
    let range = ctx.pointer(0);
    let event = range.half(field!(wait.invalidation_event));
    if event == MIGRATE {
        ctx.pass_by(Side::Changer);
        return;
    }
    let began = clock::now();
    let Some(waiting) = begin(ctx, Side::Changer, WaitKind::Invalidation, began) else {
        return;
    };
    waiting.about = u64::from(event);
    let start = range.word(field!(wait.invalidation_start));
    note_range(waiting, start, range.word(field!(wait.invalidation_end)));
    note_whose(waiting, range.pointer(field!(wait.invalidation_mm)));
}

/// It returns 0; or an error, and nothing has changed yet, where one of those who mirror would have
/// had to sleep and must not.
#[inline(always)]
pub(super) fn leave(ctx: &impl Returned) {
    let Some(waiting) = ending(Side::Changer, ctx.stack()) else {
        return;
    };
    end_now(waiting, |waiting| {
        waiting.wait.errno = (ctx.value(1) as i32).min(0);
        Some(if waiting.wait.errno == 0 {
            becomes(waiting)
        } else {
            WaitResult::Failed
        })
    });
}

/// What becomes of the memory: `enum mmu_notifier_event`.
#[inline(always)]
fn becomes(waiting: &Waiting) -> WaitResult {
    match waiting.about {
        0 => WaitResult::Unmapped,
        1 => WaitResult::Cleared,
        2 => WaitResult::Protected,
        3 => WaitResult::PageProtected,
        4 => WaitResult::SoftDirty,
        5 => WaitResult::Released,
        7 => WaitResult::MadeExclusive,
        _ => WaitResult::Unknown,
    }
}
