//! `migrate_vma_setup`: a migration begins, and what it can move is collected.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use migrate_ebpf::wire::{Ledger, Loss, Outcome, Probe, Steps, UNKNOWN};

use super::{emit::emit, kernel::MigrateVma, ledger};
use crate::{
    clock,
    in_flight::{self, Call, Identity, Kinds, Stage},
    losses,
};

#[fentry(function = "migrate_vma_setup")]
fn setup_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    let ids = bpf_get_current_pid_tgid();
    let (pid, tid) = ((ids >> 32) as u32, ids as u32);
    let identity = Identity::new(tid, migrate.context());
    // A driver that gave up after setup leaves its call behind; the next one from the same place ends it.
    if let Some(abandoned) = in_flight::find(identity) {
        abandon(abandoned);
    }
    let Some(call) = in_flight::take(identity) else {
        losses::count(Loss::InFlightFull);
        return 0;
    };
    begin(call, migrate, pid, tid, began);
    call.mark = clock::now();
    call.record.probe.setup_ns = call.mark.wrapping_sub(began);
    0
}

#[fexit(function = "migrate_vma_setup")]
fn setup_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    // The function has one argument; what it returned stands behind it.
    let returned: i32 = ctx.arg(1);
    let Some(call) = in_flight::find_current(migrate.context()) else {
        return 0;
    };
    call.record.steps.setup_ns = call.interval(now);
    call.advance(Stage::InSetup, Stage::Collected);
    if returned < 0 {
        reject(call, returned, now);
        return 0;
    }
    call.arrays = migrate.arrays();
    ledger::count_collected(call);
    call.mark = clock::now();
    call.record.probe.setup_ns += call.mark.wrapping_sub(now);
    0
}

/// Sets everything that a later hook may leave as it is; the rest of the record is set when it is emitted.
#[inline(always)]
fn begin(call: &mut Call, migrate: MigrateVma, pid: u32, tid: u32, began: u64) {
    let (address, requested) = migrate.range();
    call.stage = Stage::InSetup;
    call.incomplete = 0;
    call.collected = Kinds { pages: 0, holes: 0 };
    call.attempted = Kinds { pages: 0, holes: 0 };
    let record = &mut call.record;
    record.time_ns = began;
    record.address = address;
    record.pgmap_owner = migrate.pgmap_owner();
    record.ledger = Ledger {
        requested,
        ..Ledger::default()
    };
    record.steps = Steps {
        setup_ns: UNKNOWN,
        alloc_and_copy_ns: UNKNOWN,
        pages_ns: UNKNOWN,
        finalize_and_map_ns: UNKNOWN,
        finalize_ns: UNKNOWN,
    };
    record.probe = Probe::default();
    record.pid = pid;
    record.tid = tid;
    record.errno = 0;
    record.direction = migrate.direction() as u8;
    record.trigger = migrate.trigger() as u8;
    record.anomalies = 0;
}

#[inline(always)]
fn reject(call: &mut Call, errno: i32, now: u64) {
    call.record.errno = errno;
    call.record.ledger.rejected = call.record.ledger.requested;
    emit(call, Outcome::Rejected, now);
}

/// Ends a call that stopped after setup. Only setup was seen of it: had it gone on, its slot would be free.
#[inline(always)]
fn abandon(call: &mut Call) {
    if call.stage != Stage::Collected {
        call.incomplete = 1;
    }
    // Collected pages that nobody finalized stay locked: a bug of the driver's. They did not move, and the
    // driver gave them no destination.
    call.record.ledger.declined = call.collected.pages + call.collected.holes;
    let now = clock::now();
    emit(call, Outcome::Abandoned, now);
}
