//! `migrate_vma_finalize`: a migration ends.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use migrate_ebpf::wire::{Loss, Outcome, UNKNOWN};

use super::{emit::emit, kernel::MigrateVma};
use crate::{
    clock,
    in_flight::{self, Call, Stage},
    losses,
};

#[fentry(function = "migrate_vma_finalize")]
fn finalize_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    let Some(call) = in_flight::find_current(migrate.context()) else {
        return 0;
    };
    end_gap(call, now);
    call.mark = clock::now();
    call.record.probe.finalize_ns = call.mark.wrapping_sub(now);
    0
}

#[fexit(function = "migrate_vma_finalize")]
fn finalize_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    let Some(call) = in_flight::find_current(migrate.context()) else {
        losses::count(Loss::Headless);
        return 0;
    };
    call.record.steps.finalize_ns = call.interval(now);
    let completed = call.record.steps.pages_ns != UNKNOWN;
    call.advance(Stage::InFinalize, Stage::InFinalize);
    emit(
        call,
        if completed {
            Outcome::Completed
        } else {
            Outcome::RolledBack
        },
        now,
    );
    0
}

/// The driver's interval that finalize ends: after pages, or after setup when the driver rolls back.
#[inline(always)]
fn end_gap(call: &mut Call, now: u64) {
    if call.stage == Stage::Collected {
        call.record.steps.alloc_and_copy_ns = call.interval(now);
        call.record.ledger.rolled_back = call.collected.pages + call.collected.holes;
        call.stage = Stage::InFinalize;
    } else {
        call.record.steps.finalize_and_map_ns = call.interval(now);
        call.advance(Stage::Migrated, Stage::InFinalize);
    }
}
