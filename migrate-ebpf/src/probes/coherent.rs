//! `migrate_device_coherent_folio`: a long-term pin moves a page of coherent device memory home.
//!
//! One function does it all, mostly without a call that could be hooked. What is known is how long
//! it took, and whether the page moved; its time stands in `pages`.

use migrate_ebpf::wire::{Cause, Memory, Outcome, Side, Skips, UNKNOWN};

use super::{
    emit::emit,
    kernel::plan_eviction,
    memory::NOWHERE,
    path::Entered,
    setup::{self, Setup},
    sweep,
};
use crate::{
    clock,
    in_flight::{self, Call, Identity, Stage},
    losses,
};

/// The function is entered.
#[inline(always)]
pub(super) fn enter(ctx: &impl Entered) {
    let began = clock::now();
    let plan = |call: &mut Call| {
        plan_eviction(call, 0, 1, UNKNOWN);
        call.singles = 0;
        call.record.cause = Cause::KernelAccess as u8;
        call.record.apart.free = 0;
    };
    setup::enter(ctx, Setup::Coherent, Identity::folio(), plan, began);
    if let Some(call) = in_flight::find(Identity::folio()) {
        call.stage = Stage::InPages;
    }
}

/// The function returns.
#[inline(always)]
pub(super) fn leave(call: Option<&mut Call>, returned: i32, now: u64) {
    let Some(call) = call else {
        if sweep::following() {
            losses::count_headless(in_flight::this_thread());
        }
        return;
    };
    call.record.steps.pages_ns = call.interval(now);
    if returned == 0 {
        call.record.ledger.moved = 1;
        call.record.from = one_page(Memory::DeviceCoherent);
        call.record.to = one_page(Memory::System);
    } else {
        // Pinned, or no page to go to: it does not say which.
        call.record.ledger.skipped = 1;
        call.record.skips = Skips {
            not_collected: UNKNOWN,
            unmap_failed: UNKNOWN,
        };
    }
    let around = call.around();
    call.record.outcome = Outcome::Completed as u8;
    emit(call, Some(now));
    around.leave_out_since(now);
}

/// Which device, or which node, it does not tell.
#[inline(always)]
fn one_page(memory: Memory) -> Side {
    let mut side = NOWHERE;
    side.pages[memory as usize] = 1;
    side
}

/// Is this thread in that function? Then what it calls is no migration of its own.
#[inline(always)]
pub(super) fn under_way() -> bool {
    in_flight::folio_of_this_thread().is_some()
}
