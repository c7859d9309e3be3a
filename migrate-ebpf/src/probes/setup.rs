//! `migrate_vma_setup`, `migrate_device_range`, `migrate_device_pfns`: a migration begins, and what
//! it can move is collected.

use migrate_ebpf::wire::{Apart, Ledger, Outcome, Probe, Skips, Steps, UNKNOWN};

use super::{
    details,
    emit::emit,
    kernel::{self, MigrateVma},
    ledger::{self, Stop},
    memory::NOWHERE,
    path::{self, Entered},
    phases, sweep, unmap, waits,
};
use crate::{
    clock, config,
    in_flight::{self, Arrays, Call, Identity, Kinds, NO_SLOT, Others, Stage},
    losses,
};

/// Which function a migration began with. Each is a program of its own.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Setup {
    Vma,
    Range,
    Pfns,
    Coherent,
}

impl Setup {
    /// How many there are.
    pub(super) const COUNT: u32 = Self::Coherent as u32 + 1;
}

#[inline(always)]
pub(super) fn enter(
    ctx: &impl Entered,
    setup: Setup,
    identity: Identity,
    plan: impl FnOnce(&mut Call),
    began: u64,
) {
    let others = in_flight::others(identity);
    let Some(call) = place_for(identity, others, began) else {
        return;
    };
    begin(call, began);
    plan(call);
    note_worker(call);
    phases::note(call);
    // `migrate_vma_setup` says at its return how much of its array it has filled.
    if !matches!(setup, Setup::Vma) {
        call.arrays = call.setup;
    }
    call.setup_requested = call.record.ledger.requested;
    path::take(ctx, call, setup);
    waits::migration_begins(call, began);
    call.record.probe.setup_ns = call.next_interval(began);
}

/// A place in the table for a new call, if new calls are followed. What `others` shows to be over
/// ends first.
#[inline(always)]
fn place_for(identity: Identity, others: Others, began: u64) -> Option<&'static mut Call> {
    if !sweep::following() {
        if others.abandoned != NO_SLOT {
            abandon_slot(others.abandoned);
        }
        return None;
    }
    let taken = if others.abandoned == NO_SLOT {
        in_flight::take(identity)
    } else {
        None
    };
    let taken = taken.or_else(|| in_flight::slot(vacate(others.abandoned, began).into()));
    let Some(call) = taken else {
        losses::count_not_followed(in_flight::this_thread());
        return None;
    };
    call.become_new(identity, others.nested);
    Some(call)
}

/// How often a place is looked for that another thread was faster to take.
const TRIES: u32 = 4;

/// The slot of a call that is over, which ends, and whose place this thread takes: that in `over`,
/// or one for which [`in_flight::room_of`] says so; [`NO_SLOT`] if there is none. Between one
/// call's end and the next one's beginning the place is anybody's. A function of its own for the
/// reason given in [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn vacate(over: u32, now: u64) -> u32 {
    let owner = in_flight::this_thread();
    let mut over = over;
    for _ in 0..TRIES {
        if over == NO_SLOT {
            over = in_flight::room_of(owner, now);
        }
        if over != NO_SLOT {
            abandon_slot(over);
        }
        let taken = in_flight::take_slot(owner);
        if taken != NO_SLOT {
            return taken;
        }
        over = NO_SLOT;
    }
    NO_SLOT
}

/// `migrate_device_range` or `migrate_device_pfns` is entered for one page. nvidia-uvm evicts so:
/// page by page, and then moves them all at once. False if this begins a migration of its own.
#[inline(always)]
pub(super) fn joins(identity: Identity, src: u64, frame: u64, began: u64) -> bool {
    let Some(call) = in_flight::join(identity, src) else {
        return false;
    };
    // Between two setups it is the driver's time.
    call.end_alloc_and_copy(began);
    call.advance(Stage::Collected, Stage::InSetup);
    call.note_single(src);
    call.setup = Arrays {
        src,
        dst: 0,
        entries: 1,
    };
    call.setup_requested = 1;
    call.first_frame = frame;
    call.record.ledger.requested += 1;
    call.record.probe.setup_ns += call.next_interval(began);
    true
}

/// Sets everything that neither `plan` sets nor every later hook does; the rest of the record is
/// set when it is emitted.
#[inline(always)]
fn begin(call: &mut Call, began: u64) {
    call.stage = Stage::InSetup;
    call.incomplete = 0;
    call.before_unmap = UNKNOWN;
    call.collected = Kinds::NONE;
    call.attempted = Kinds::NONE;
    call.first_frame = UNKNOWN;
    details::begin(call);
    let record = &mut call.record;
    // None yet.
    record.sequence = UNKNOWN;
    record.time_ns = began;
    record.ledger = Ledger::default();
    record.skips = Skips {
        not_collected: 0,
        unmap_failed: 0,
    };
    record.apart = Apart {
        declined_holes: 0,
        free: 0,
    };
    (record.from, record.to) = (NOWHERE, NOWHERE);
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
    record.tid = kernel::tid();
}

/// Who works, where it is none of the owner's threads.
#[inline(always)]
fn note_worker(call: &mut Call) {
    call.record.worker_comm = if call.worker != 0 && config::names_process() {
        kernel::command()
    } else {
        [0; 2]
    };
}

/// `migrate_vma_setup` returns.
#[inline(always)]
pub(super) fn leave_vma(call: &mut Call, migrate: impl MigrateVma, returned: i32) {
    call.setup.entries = migrate.entries();
    call.arrays = call.setup;
    if call.is_plain() && returned >= 0 {
        // Two words are read, which takes no longer than to read the clock again: setup ends when
        // that is done.
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
    let interval = call.interval(now);
    let step = &mut call.record.steps.setup_ns;
    // An eviction can have several.
    *step = if *step == UNKNOWN {
        interval
    } else {
        *step + interval
    };
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
        waits::migration_ends(call, Some(call.mark));
        call.set_aside();
    }
}

#[inline(always)]
fn reject(call: &mut Call, errno: i32, now: u64) {
    call.record.outcome = Outcome::Rejected as u8;
    call.record.errno = errno;
    call.record.ledger.rejected = call.record.ledger.requested;
    let around = call.around();
    emit(call, Some(now));
    around.leave_out_since(now);
}

/// Ends the call in a slot that the caller has won. A function of its own for the reason given in
/// [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn abandon_slot(slot: u32) -> u32 {
    if let Some(call) = in_flight::slot(slot.into()) {
        abandon(call);
    }
    0
}

/// Ends a call that stopped after setup. Only setup was seen of it: had it gone on, its slot would
/// be free.
#[inline(always)]
pub(super) fn abandon(call: &mut Call) {
    // Collected pages stay locked until somebody finalizes them, so that a driver does: of this
    // call it was not seen.
    if call.stage != Stage::Collected || call.collected.sum() != 0 {
        call.incomplete = 1;
    }
    call.record.outcome = Outcome::Abandoned as u8;
    emit(call, None);
}
