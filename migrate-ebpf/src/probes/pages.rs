//! `migrate_vma_pages`, `migrate_device_pages`: the driver has copied, and the kernel moves metadata.

use super::ledger::{self, Stop};
use crate::in_flight::{Call, Stage};

#[inline(always)]
pub(super) fn enter(call: &mut Call, stop: Stop, now: u64) {
    call.record.steps.alloc_and_copy_ns = call.interval(now);
    call.advance(Stage::Collected, Stage::InPages);
    ledger::before_pages(call, stop);
    call.record.probe.pages_ns = call.next_interval(now);
}

#[inline(always)]
pub(super) fn leave(call: &mut Call, stop: Stop, now: u64) {
    call.record.steps.pages_ns = call.interval(now);
    call.advance(Stage::InPages, Stage::Migrated);
    ledger::after_pages(call, stop);
    call.record.probe.pages_ns += call.next_interval(now);
}
