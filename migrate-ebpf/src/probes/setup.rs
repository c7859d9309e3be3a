//! `migrate_vma_setup`, `migrate_device_range`, `migrate_device_pfns`: a migration begins, and what it can move is
//! collected.

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, programs::tracing::StackIdContext};
use migrate_ebpf::wire::{Ledger, Loss, Outcome, Probe, Skips, Steps, UNKNOWN};

use super::{
    details,
    emit::emit,
    kernel::{self, MigrateVma},
    ledger::{self, Stop},
    stacks, sweep, unmap,
};
use crate::{
    clock, config,
    in_flight::{self, Call, Identity, Kinds, Stage},
    losses,
};

/// Which function a migration began with. Each is a program of its own.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Setup {
    Vma,
    Range,
    Pfns,
}

#[inline(always)]
pub(super) fn enter(
    ctx: &impl StackIdContext,
    setup: Setup,
    identity: Identity,
    plan: impl FnOnce(&mut Call),
    began: u64,
) {
    let others = in_flight::others(identity);
    if let Some(call) = others.abandoned {
        abandon(call);
    }
    if !sweep::following() {
        return;
    }
    let Some(call) = in_flight::take(identity, others.nested) else {
        losses::count(Loss::InFlightFull);
        return;
    };
    begin(call, began);
    plan(call);
    stacks::take(ctx, call, setup);
    call.record.probe.setup_ns = call.next_interval(began);
}

/// Sets everything that neither `plan` sets nor every later hook does; the rest of the record is set when it is emitted.
#[inline(always)]
fn begin(call: &mut Call, began: u64) {
    call.stage = Stage::InSetup;
    call.incomplete = 0;
    call.before_unmap = UNKNOWN;
    call.collected = Kinds::NONE;
    call.attempted = Kinds::NONE;
    details::begin(call);
    let record = &mut call.record;
    record.time_ns = began;
    record.ledger = Ledger::default();
    record.skips = Skips {
        not_collected: 0,
        unmap_failed: 0,
    };
    record.steps = Steps {
        setup_ns: UNKNOWN,
        alloc_and_copy_ns: UNKNOWN,
        pages_ns: UNKNOWN,
        finalize_and_map_ns: UNKNOWN,
        finalize_ns: UNKNOWN,
    };
    record.probe = Probe::default();
    record.errno = 0;
    record.anomalies = 0;
    if config::names_process() {
        let ids = bpf_get_current_pid_tgid();
        record.pid = (ids >> 32) as u32;
        record.tid = ids as u32;
        record.comm = kernel::command();
    }
}

/// `migrate_vma_setup` returns.
#[inline(always)]
pub(super) fn leave_vma(call: &mut Call, migrate: impl MigrateVma, returned: i32) {
    call.arrays.entries = migrate.entries();
    if call.is_plain() && returned >= 0 {
        // Two words are read, which takes no longer than to read the clock again: setup ends when that is done.
        ledger::after_vma_setup(call, migrate);
        call.record.skips = unmap::reasons(call);
        let now = clock::now();
        end(call, now);
        call.mark = now;
        set_aside_if_empty(call);
    } else {
        let now = clock::now();
        if let Some(call) = returned_from(call, returned, now) {
            ledger::after_vma_setup(call, migrate);
            collected(call, now);
        }
    }
}

/// `migrate_device_range` or `migrate_device_pfns` returns.
#[inline(always)]
pub(super) fn leave_device(call: &mut Call, returned: i32, stop: Stop) {
    let now = clock::now();
    if let Some(call) = returned_from(call, returned, now) {
        ledger::after_device_setup(call, stop);
        collected(call, now);
    }
}

/// The call, unless setup refused it, which ends it.
#[inline(always)]
fn returned_from(call: &mut Call, returned: i32, now: u64) -> Option<&mut Call> {
    end(call, now);
    if returned < 0 {
        reject(call, returned, now);
        return None;
    }
    Some(call)
}

#[inline(always)]
fn end(call: &mut Call, now: u64) {
    call.record.steps.setup_ns = call.interval(now);
    call.advance(Stage::InSetup, Stage::Collected);
}

#[inline(always)]
fn collected(call: &mut Call, now: u64) {
    call.record.skips = unmap::reasons(call);
    call.record.probe.setup_ns += call.next_interval(now);
    set_aside_if_empty(call);
}

/// Perhaps nothing more comes, and somebody else ends it.
#[inline(always)]
fn set_aside_if_empty(call: &mut Call) {
    if call.collected.sum() == 0 {
        call.set_aside();
    }
}

#[inline(always)]
fn reject(call: &mut Call, errno: i32, now: u64) {
    call.record.errno = errno;
    call.record.ledger.rejected = call.record.ledger.requested;
    let around = call.around();
    emit(call, Outcome::Rejected, Some(now));
    around.leave_out_since(now);
}

/// Ends a call that stopped after setup. Only setup was seen of it: had it gone on, its slot would be free.
#[inline(always)]
pub(super) fn abandon(call: &mut Call) {
    if call.stage != Stage::Collected {
        call.incomplete = 1;
    }
    // Collected pages that nobody finalized stay locked: a bug of the driver's. They did not move, and the
    // driver gave them no destination.
    call.record.ledger.declined = call.collected.sum();
    emit(call, Outcome::Abandoned, None);
}
