//! `migrate_vma_finalize`, `migrate_device_finalize`: a migration ends.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use migrate_ebpf::wire::{Loss, Outcome, UNKNOWN};

use super::{
    emit::{emit, sign},
    kernel::MigrateVma,
    sweep,
};
use crate::{
    clock,
    in_flight::{self, Call, Identity, Stage},
    losses,
};

#[fentry(function = "migrate_vma_finalize")]
fn finalize_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    enter(MigrateVma(ctx.arg(0)).identity(), now);
    0
}

#[fexit(function = "migrate_vma_finalize")]
fn finalize_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    leave(MigrateVma(ctx.arg(0)).identity(), now);
    0
}

#[fentry(function = "migrate_device_finalize")]
fn device_finalize_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    enter(Identity::device(ctx.arg(0)), now);
    0
}

#[fexit(function = "migrate_device_finalize")]
fn device_finalize_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    leave(Identity::device(ctx.arg(0)), now);
    0
}

#[inline(always)]
fn enter(identity: Identity, now: u64) {
    if let Some(call) = in_flight::resume(identity) {
        end_gap(call, now);
        call.record.probe.finalize_ns = call.next_interval(now);
    }
}

#[inline(always)]
fn leave(identity: Identity, now: u64) {
    let Some(call) = in_flight::find(identity) else {
        if sweep::following() {
            losses::count(Loss::Headless);
        }
        return;
    };
    call.record.steps.finalize_ns = call.interval(now);
    let completed = call.record.steps.pages_ns != UNKNOWN;
    call.advance(Stage::InFinalize, Stage::InFinalize);
    let around = call.around();
    sign(&mut call.record);
    let outcome = if completed {
        Outcome::Completed
    } else {
        Outcome::RolledBack
    };
    emit(call, outcome, Some(now));
    around.leave_out_since(now);
}

/// The driver's interval that finalize ends: after pages, or after setup when the driver rolls back.
#[inline(always)]
fn end_gap(call: &mut Call, now: u64) {
    if call.stage == Stage::Collected {
        call.record.steps.alloc_and_copy_ns = call.interval(now);
        call.record.ledger.rolled_back = call.collected.sum();
        call.stage = Stage::InFinalize;
    } else {
        call.record.steps.finalize_and_map_ns = call.interval(now);
        call.advance(Stage::Migrated, Stage::InFinalize);
    }
}
