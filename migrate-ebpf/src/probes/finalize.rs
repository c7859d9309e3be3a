//! `migrate_vma_finalize`, `migrate_device_finalize`: a migration ends.

use migrate_ebpf::wire::Outcome;

use super::{coherent, emit::emit, sweep, unmap};
use crate::{
    clock,
    in_flight::{self, Call, Stage},
    losses,
};

/// One reading of the clock ends an interval and begins the next: what else there is to do takes
/// less than a second one.
#[inline(always)]
pub(super) fn enter(call: Option<&mut Call>) {
    if let Some(call) = call {
        let now = clock::now();
        end_gap(call, now);
        call.mark = now;
    }
}

/// `migrate_device_finalize` is entered.
#[inline(always)]
pub(super) fn enter_device(src: u64, dst: u64, entries: u64) {
    let mut call = in_flight::resume_eviction(src, entries);
    if let Some(call) = call.as_deref_mut()
        && call.stage == Stage::Collected
    {
        call.move_on(src, dst, entries);
        call.record.skips = unmap::reasons(call);
    }
    enter(call);
}

#[inline(always)]
pub(super) fn leave(call: Option<&mut Call>, now: u64) {
    let Some(call) = call else {
        if sweep::following() && !coherent::under_way() {
            losses::count_headless(in_flight::this_thread());
        }
        return;
    };
    call.record.steps.finalize_ns = call.interval(now);
    call.advance(Stage::InFinalize, Stage::InFinalize);
    let around = call.around();
    emit(call, Some(now));
    around.leave_out_since(now);
}

/// The driver's interval that finalize ends: after pages, or after setup when the driver rolls
/// back.
#[inline(always)]
fn end_gap(call: &mut Call, now: u64) {
    if call.stage == Stage::Collected {
        call.end_alloc_and_copy(now);
        call.record.ledger.rolled_back = call.collected.sum();
        call.record.outcome = Outcome::RolledBack as u8;
        call.stage = Stage::InFinalize;
    } else {
        call.record.steps.finalize_and_map_ns = call.interval(now);
        call.record.outcome = Outcome::Completed as u8;
        call.advance(Stage::Migrated, Stage::InFinalize);
    }
}
