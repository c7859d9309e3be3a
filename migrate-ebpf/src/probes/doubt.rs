//! Kprobes that did not run: what was not seen must not be taken for what did not happen.
//!
//! While anybody reads a map by a system call, the kernel runs no kprobe's program on that
//! processor; and a kretprobe has room for so many returns only. A call whose `migrate_vma_pages`
//! was not seen looks as if it was rolled back.
//!
//! The arrays tell at the entry of finalize. `migrate_vma_pages` takes `MIGRATE` away from each
//! `src` that has no `dst`, so that one which has it and no `dst` has not been there. With a `dst`,
//! it has: without `migrate_vma_pages` the kernel would map pages that nothing was moved to. Where
//! no `MIGRATE` is left, either may be.

use core::ffi::c_void;

use aya_ebpf::{helpers::generated::bpf_loop, macros::map, maps::PerCpuArray};

use super::kernel::{MIGRATE, MigrateVma, VALID, read_entries};
use crate::in_flight::{Call, Stage};

/// `bpf_loop` gives up beyond this many rounds (`BPF_MAX_LOOPS`).
const MAX_ENTRIES: u64 = 1 << 23;

/// A look at the arrays. In a map for the reason given in [`super::ledger`].
#[repr(C)]
struct Look {
    src: u64,
    dst: u64,
    /// It was found that pages has not been called.
    is_rollback: u64,
}

/// Kprobes are not preempted by each other: one place for all of them.
#[map]
static LOOK: PerCpuArray<Look> = PerCpuArray::with_max_entries(1, 0);

/// Setup returns. The end of one call and the beginning of the next can both be missed: then it is
/// not the one that was seen to begin.
#[inline(always)]
pub(super) fn other_in_setup(call: &mut Call, migrate: impl MigrateVma) {
    if !migrate.is_of(call) {
        call.incomplete = 1;
    }
}

/// The same after setup, which has counted what it collected.
#[inline(always)]
pub(super) fn other_call(call: &mut Call, migrate: impl MigrateVma) {
    let collected = !call.is_plain() || migrate.collected_entries() == call.collected.sum();
    let same = collected && migrate.entries() == call.arrays.entries && migrate.is_of(call);
    if !same {
        call.incomplete = 1;
    }
}

/// Finalize is entered for a call with these arrays. If pages was not seen of it, and it was not
/// rolled back for sure, it is incomplete.
#[inline(always)]
pub(super) fn rollback(call: &mut Call, src: u64, dst: impl FnOnce() -> u64, entries: u64) {
    if call.stage != Stage::Collected || call.collected.sum() == 0 {
        return;
    }
    let Some(look) = LOOK.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's value, used by one program at a time.
    let look = unsafe { &mut *look };
    look.src = src;
    look.dst = dst();
    look.is_rollback = 0;
    let entries = entries.min(MAX_ENTRIES) as u32;
    // SAFETY: the callback finds the look by itself and uses no context.
    unsafe { bpf_loop(entries, at_entry as *mut c_void, core::ptr::null_mut(), 0) };
    if look.is_rollback == 0 {
        call.incomplete = 1;
    }
}

/// Looks for the first entry that has `MIGRATE`.
///
/// # Safety
///
/// Called by `bpf_loop`, from [`rollback`].
unsafe extern "C" fn at_entry(index: u64, _context: *mut c_void) -> i64 {
    let Some(look) = LOOK.get_ptr_mut(0) else {
        return 1;
    };
    // SAFETY: as in `rollback`, which is waiting for this.
    let look = unsafe { &mut *look };
    let (mut src, mut dst) = (0, 0);
    // SAFETY: there is room for one word.
    let read =
        |to: &mut u64, from: u64| unsafe { read_entries(to, from.wrapping_add(index * 8), 1) };
    if !read(&mut src, look.src) {
        return 1;
    }
    if src & MIGRATE == 0 {
        return 0;
    }
    let is_readable = read(&mut dst, look.dst);
    look.is_rollback = u64::from(is_readable && dst & VALID == 0);
    1
}
