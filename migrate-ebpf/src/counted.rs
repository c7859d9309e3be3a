//! Where everything is counted, and in which order.

use aya_ebpf::{bindings::BPF_F_MMAPABLE, macros::map, maps::Array};
use migrate_ebpf::wire;

use crate::atomic::{add, fetch_add, opaque};

/// User space reads it as memory: while it reads a map by a system call, the kernel runs no
/// kprobe's program on that processor.
#[map]
static COUNTED: Array<wire::Counted> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Words of a map's value, used by atomic operations only.
pub(crate) type Counted = *mut wire::Counted;

/// To be looked up once in each program that counts: it takes a dozen instructions.
#[inline(always)]
pub(crate) fn here() -> Option<Counted> {
    COUNTED.get_ptr_mut(0)
}

/// The element at this place of one of its arrays. The compiler does not know how far it is from
/// the beginning: added up, that would not fit into an instruction, and take one more for each
/// number. `place` is in the array.
#[inline(always)]
pub(crate) fn element<T>(array: *mut [T], place: usize) -> *mut T {
    opaque(array.cast::<T>().wrapping_add(place) as u64) as *mut T
}

/// Takes the next sequence number.
#[inline(always)]
pub(crate) fn next_sequence(counted: Counted) -> u64 {
    // SAFETY: `counted` is the map's value.
    fetch_add(unsafe { &raw mut (*counted).ended }, 1)
}

/// Takes the next sequence number of waits.
#[inline(always)]
pub(crate) fn next_wait(counted: Counted) -> u64 {
    // SAFETY: as above.
    fetch_add(unsafe { &raw mut (*counted).waits_ended }, 1)
}

/// The kernel's memory is not what user space has told.
#[inline(always)]
pub(crate) fn changed() {
    if let Some(counted) = here() {
        // SAFETY: as above.
        add(unsafe { &raw mut (*counted).changes }, 1);
    }
}
