//! `migrate_vma_pages`, `migrate_device_pages`: the driver has copied, and the kernel moves
//! metadata.

use super::{
    kernel::MigrateVma,
    ledger::{self, Stop},
    unmap,
};
use crate::{
    clock,
    in_flight::{Call, Stage},
};

/// `migrate_vma_pages` is entered.
///
/// Where an entry is a page, and all were collected, there is nothing to do but to read the clock,
/// and what little there is takes less than a second reading: one ends an interval and begins the
/// next.
#[inline(always)]
pub(super) fn enter_vma(call: &mut Call, migrate: impl MigrateVma) {
    let now = clock::now();
    begin(call, now);
    if ledger::counts_before_pages(call) {
        call.arrays.dst = migrate.dst();
        attempted(call, Stop::VmaAttempted, now);
    } else {
        call.mark = now;
    }
}

/// `migrate_device_pages` is entered. Setup knew of no `dst`, and perhaps there were several, each
/// of some of these entries.
#[inline(always)]
pub(super) fn enter_device(call: &mut Call, src: u64, dst: u64, entries: u64) {
    let now = clock::now();
    begin(call, now);
    call.move_on(src, dst, entries);
    call.record.skips = unmap::reasons(call);
    attempted(call, Stop::DeviceAttempted, now);
}

#[inline(always)]
fn begin(call: &mut Call, now: u64) {
    call.end_alloc_and_copy(now);
    call.advance(Stage::Collected, Stage::InPages);
}

#[inline(always)]
fn attempted(call: &mut Call, stop: Stop, now: u64) {
    ledger::before_pages(call, stop);
    call.record.probe.pages_ns = call.next_interval(now);
}

/// `migrate_vma_pages` returns.
#[inline(always)]
pub(super) fn leave_vma(call: &mut Call, migrate: impl MigrateVma, now: u64) {
    end(call, now);
    ledger::after_vma_pages(call, migrate);
    call.record.probe.pages_ns += call.next_interval(now);
}

/// `migrate_device_pages` returns.
#[inline(always)]
pub(super) fn leave_device(call: &mut Call, now: u64) {
    end(call, now);
    ledger::after_device_pages(call);
    call.record.probe.pages_ns += call.next_interval(now);
}

#[inline(always)]
fn end(call: &mut Call, now: u64) {
    call.record.steps.pages_ns = call.interval(now);
    call.advance(Stage::InPages, Stage::Migrated);
}
