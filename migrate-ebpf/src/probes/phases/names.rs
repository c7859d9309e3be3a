//! Where phases are kept: each once, whoever opens it.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_NOEXIST},
    helpers::generated::{bpf_copy_from_user, bpf_probe_read_user_str},
    macros::map,
    maps::{Array, HashMap},
};
use migrate_ebpf::wire::{self, Loss, NO_PHASE, PHASE_NAME_WORDS, Phase, PhaseKind, UNKNOWN_PHASE};

use crate::{atomic::fetch_add, config::config, losses};

/// How many fit, here and in the other maps, user space says: there is hardly any where phases are
/// not asked for. It reads this one as memory.
#[map]
static PHASES: Array<Phase> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The place of each.
#[map]
static PHASE_PLACES: HashMap<Phase, u32> = HashMap::with_max_entries(1, 0);

/// How many places have been given away.
#[unsafe(no_mangle)]
static mut PHASES_KEPT: u64 = 0;

/// What a phase is called whose name cannot be read.
const UNNAMED: u64 = b'?' as u64;

/// The place of the phase with the name at this address of the process's, in the one at `outer`;
/// [`UNKNOWN_PHASE`] if it cannot be kept.
#[inline(always)]
pub(super) fn place(outer: u32, kind: PhaseKind, name: u64) -> u32 {
    if outer == UNKNOWN_PHASE {
        losses::count(Loss::PhaseLost);
        return UNKNOWN_PHASE;
    }
    let mut phase = Phase {
        outer,
        kind: kind as u32,
        name: [0; PHASE_NAME_WORDS],
    };
    if !read(name, &mut phase.name) {
        losses::count(Loss::PhaseLost);
        phase.name = [0; PHASE_NAME_WORDS];
        phase.name[0] = UNNAMED;
    }
    let place = known(&phase).or_else(|| keep(&phase));
    place.unwrap_or_else(|| {
        losses::count(Loss::PhaseLost);
        UNKNOWN_PHASE
    })
}

/// The phase that this one marks a moment in: itself, if it marks none.
#[inline(always)]
pub(super) fn around_mark(place: u32) -> u32 {
    let phase = PHASES.get(place);
    match phase {
        Some(phase) if phase.kind == PhaseKind::Marked as u32 => phase.outer,
        _ => place,
    }
}

#[inline(always)]
fn known(phase: &Phase) -> Option<u32> {
    let place = PHASE_PLACES.get_ptr(phase)?;
    // SAFETY: a map's value, which is never changed or removed.
    Some(unsafe { *place })
}

/// Gives it a place. Whoever is faster with the same phase has given it another; then this one is
/// of no use.
#[inline(always)]
fn keep(phase: &Phase) -> Option<u32> {
    let place = fetch_add(&raw mut PHASES_KEPT, 1) + 1;
    if place >= wire::PHASES as u64 {
        return None;
    }
    let at = PHASES.get_ptr_mut(place as u32)?;
    // SAFETY: a map's value, which nobody else was given.
    unsafe { *at = *phase };
    let place = place as u32;
    match PHASE_PLACES.insert(phase, place, u64::from(BPF_NOEXIST)) {
        Ok(()) => Some(place),
        Err(_) => known(phase),
    }
}

/// Is there nothing at this address but the end of a text? Then it ends what was named so before.
#[inline(always)]
pub(super) fn is_empty(name: u64) -> bool {
    let mut first = 0u8;
    fetch(&mut first, name) && first == 0
}

/// Reads a name. False if it is not there.
#[inline(always)]
fn read(name: u64, to: &mut [u64; PHASE_NAME_WORDS]) -> bool {
    // To fetch what is in memory costs as much as to copy it.
    if copy(name, to) {
        return true;
    }
    let mut byte = 0u8;
    if !fetch(&mut byte, name) {
        return false;
    }
    if copy(name, to) {
        return true;
    }
    // It goes on in the next page, which is not in memory.
    let shift = config!(page_shift);
    let next = ((name >> shift) + 1) << shift;
    fetch(&mut byte, next) && copy(name, to)
}

/// Reads a byte of the process's memory, which is fetched if it is not there.
#[inline(always)]
fn fetch(to: &mut u8, from: u64) -> bool {
    // SAFETY: there is room for one byte; the helper sees whether there is something to read.
    unsafe { bpf_copy_from_user(core::ptr::from_mut(to).cast(), 1, from as *const _) == 0 }
}

/// Copies a text of the process's memory that is there.
#[inline(always)]
fn copy(from: u64, to: &mut [u64; PHASE_NAME_WORDS]) -> bool {
    let room = size_of_val(to) as u32;
    // SAFETY: there is as much room; the helper sees whether there is something to read.
    unsafe { bpf_probe_read_user_str(to.as_mut_ptr().cast(), room, from as *const _) >= 0 }
}

const _: () = assert!(NO_PHASE == 0);
