//! `migrate_vma_setup`, `migrate_device_range`, `migrate_device_pfns`: a migration begins, and what it can move is
//! collected.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use migrate_ebpf::wire::{Ledger, Loss, Outcome, Probe, Skips, Steps, UNKNOWN};

use super::{
    emit::{emit, sign},
    kernel::{MigrateVma, Plan},
    ledger::{self, Stop},
    sweep, unmap,
};
use crate::{
    clock,
    in_flight::{self, Call, Identity, Kinds, Stage},
    losses,
};

#[fentry(function = "migrate_vma_setup")]
fn setup_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    enter(migrate.identity(), migrate.plan(), began);
    0
}

#[fexit(function = "migrate_vma_setup")]
fn setup_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    if let Some(call) = in_flight::find(migrate.identity()) {
        // The function has one argument; what it returned stands behind it.
        call.arrays = migrate.arrays();
        leave(call, ctx.arg(1), Some(migrate), Stop::VmaCollected, now);
    }
    0
}

#[fentry(function = "migrate_device_range")]
fn range_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let src = ctx.arg(0);
    enter(
        Identity::device(src),
        Plan::eviction(src, ctx.arg(2)),
        began,
    );
    0
}

#[fexit(function = "migrate_device_range")]
fn range_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        leave(call, ctx.arg(3), None, Stop::RangeCollected, now);
    }
    0
}

#[fentry(function = "migrate_device_pfns")]
fn pfns_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let src = ctx.arg(0);
    enter(
        Identity::device(src),
        Plan::eviction(src, ctx.arg(1)),
        began,
    );
    0
}

#[fexit(function = "migrate_device_pfns")]
fn pfns_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        leave(call, ctx.arg(2), None, Stop::PfnsCollected, now);
    }
    0
}

#[inline(always)]
fn enter(identity: Identity, plan: Plan, began: u64) {
    let others = in_flight::others(identity);
    if let Some(call) = others.abandoned {
        sign(&mut call.record);
        abandon(call);
    }
    if !sweep::following() {
        return;
    }
    let Some(call) = in_flight::take(identity, others.nested) else {
        losses::count(Loss::InFlightFull);
        return;
    };
    begin(call, plan, began);
    call.record.probe.setup_ns = call.next_interval(began);
}

/// Sets everything that a later hook may leave as it is; the rest of the record is set when it is emitted.
#[inline(always)]
fn begin(call: &mut Call, plan: Plan, began: u64) {
    let ids = bpf_get_current_pid_tgid();
    call.stage = Stage::InSetup;
    call.incomplete = 0;
    call.arrays = plan.arrays;
    call.before_unmap = UNKNOWN;
    call.compound = u32::from(plan.compound);
    call.collected = Kinds::NONE;
    call.attempted = Kinds::NONE;
    let record = &mut call.record;
    record.time_ns = began;
    record.address = plan.address;
    record.pgmap_owner = plan.pgmap_owner;
    record.ledger = Ledger {
        requested: plan.requested,
        ..Ledger::default()
    };
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
    record.pid = (ids >> 32) as u32;
    record.tid = ids as u32;
    record.errno = 0;
    record.direction = plan.direction as u8;
    record.trigger = plan.trigger as u8;
    record.anomalies = 0;
}

#[inline(always)]
fn leave(call: &mut Call, returned: i32, migrate: Option<MigrateVma>, stop: Stop, now: u64) {
    call.record.steps.setup_ns = call.interval(now);
    call.advance(Stage::InSetup, Stage::Collected);
    if returned < 0 {
        reject(call, returned, now);
        return;
    }
    ledger::after_setup(call, migrate, stop);
    call.record.skips = unmap::reasons(call);
    if call.collected.sum() > 0 {
        call.record.probe.setup_ns += call.next_interval(now);
    } else {
        // Perhaps nothing more comes, and somebody else ends it.
        sign(&mut call.record);
        call.record.probe.setup_ns += call.next_interval(now);
        call.set_aside();
    }
}

#[inline(always)]
fn reject(call: &mut Call, errno: i32, now: u64) {
    call.record.errno = errno;
    call.record.ledger.rejected = call.record.ledger.requested;
    let around = call.around();
    sign(&mut call.record);
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
