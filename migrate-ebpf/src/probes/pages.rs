//! `migrate_vma_pages`, `migrate_device_pages`: the driver has copied, and the kernel moves metadata.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};

use super::{
    kernel::MigrateVma,
    ledger::{self, Stop},
};
use crate::{
    clock,
    in_flight::{self, Arrays, Call, Identity, Stage},
};

#[fentry(function = "migrate_vma_pages")]
fn pages_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    if let Some(call) = in_flight::resume(migrate.identity()) {
        enter(call, Stop::VmaAttempted, now);
    }
    0
}

#[fexit(function = "migrate_vma_pages")]
fn pages_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    if let Some(call) = in_flight::find(migrate.identity()) {
        leave(call, Stop::VmaArrived, now);
    }
    0
}

#[fentry(function = "migrate_device_pages")]
fn device_pages_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    let src = ctx.arg(0);
    if let Some(call) = in_flight::resume(Identity::device(src)) {
        // Setup knew of no `dst`.
        call.arrays = Arrays {
            src,
            dst: ctx.arg(1),
            entries: ctx.arg(2),
        };
        enter(call, Stop::DeviceAttempted, now);
    }
    0
}

#[fexit(function = "migrate_device_pages")]
fn device_pages_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        leave(call, Stop::DeviceArrived, now);
    }
    0
}

#[inline(always)]
fn enter(call: &mut Call, stop: Stop, now: u64) {
    call.record.steps.alloc_and_copy_ns = call.interval(now);
    call.advance(Stage::Collected, Stage::InPages);
    ledger::before_pages(call, stop);
    call.record.probe.pages_ns = call.next_interval(now);
}

#[inline(always)]
fn leave(call: &mut Call, stop: Stop, now: u64) {
    call.record.steps.pages_ns = call.interval(now);
    call.advance(Stage::InPages, Stage::Migrated);
    ledger::after_pages(call, stop);
    call.record.probe.pages_ns += call.next_interval(now);
}
