//! Counts pages, in one of two ways.
//!
//! Where an entry of the arrays is a page (the call did not ask for large folios), the kernel's own
//! count of what it collected is in pages, and one look at `src` after the call of pages tells the
//! rest, mostly ([`plain`]). Else entries stand for one page or for many, the kernel may split them
//! under way, and each state is counted where it is ([`walk`]).

mod plain;
mod walk;

pub(super) use walk::Stop;

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_loop;

use super::{
    kernel::MigrateVma,
    memory::{self, After},
};
use crate::in_flight::Call;

/// `bpf_loop` gives up beyond this many rounds (`BPF_MAX_LOOPS`).
const MAX_CHUNKS: u64 = 1 << 23;

/// What `bpf_loop` calls for each chunk of the arrays: its index, and a context, which is not used.
type Chunk = unsafe extern "C" fn(u64, *mut c_void) -> i64;

/// Calls `chunk` for each chunk of so many entries. False if there are more than can be walked.
#[inline(always)]
fn each_chunk(entries: u64, size: usize, chunk: Chunk) -> bool {
    let chunks = entries.div_ceil(size as u64);
    if chunks > MAX_CHUNKS {
        return false;
    }
    // SAFETY: a callback finds what it counts by itself and uses no context.
    unsafe {
        bpf_loop(
            chunks as u32,
            chunk as *mut c_void,
            core::ptr::null_mut(),
            0,
        )
    };
    true
}

/// When the kernel begins to unmap: what was collected until then.
#[inline(always)]
pub(super) fn before_unmap(call: &mut Call) {
    walk::count_before_unmap(call);
}

/// After `migrate_vma_setup`: what was collected, and what was skipped.
#[inline(always)]
pub(super) fn after_vma_setup(call: &mut Call, migrate: impl MigrateVma) {
    if call.is_plain() {
        plain::count_collected(call, migrate.collected_entries());
    } else {
        walk::count_collected(call, Stop::VmaCollected);
    }
}

/// The same after `migrate_device_range` or `migrate_device_pfns`.
#[inline(always)]
pub(super) fn after_device_setup(call: &mut Call, stop: Stop) {
    walk::count_collected(call, stop);
}

/// Is before pages the only time when it can be seen for what the driver gave a destination, and
/// what it declined?
#[inline(always)]
pub(super) fn counts_before_pages(call: &Call) -> bool {
    !call.is_plain() || plain::counts_attempted(call)
}

/// Before pages: counts that, where [`counts_before_pages`] says so.
#[inline(always)]
pub(super) fn before_pages(call: &mut Call, stop: Stop) {
    if call.is_plain() {
        plain::count_attempted(call);
    } else {
        walk::count_attempted(call, stop);
    }
}

/// After `migrate_vma_pages`: what arrived. What was attempted and did not arrive was wasted.
#[inline(always)]
pub(super) fn after_vma_pages(call: &mut Call, migrate: impl MigrateVma) {
    if call.is_plain() {
        plain::count_arrived(call, migrate);
    } else {
        walk::count_arrived(call, Stop::VmaArrived);
        memory::note_each(&mut call.record, call.arrays, After::Vma);
    }
}

/// The same after `migrate_device_pages`.
#[inline(always)]
pub(super) fn after_device_pages(call: &mut Call) {
    walk::count_arrived(call, Stop::DeviceArrived);
    memory::note_each(&mut call.record, call.arrays, After::Device);
}
