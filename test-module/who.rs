// SPDX-License-Identifier: GPL-2.0

//! For whom a migration is made, and who makes it: often not the same. Drivers serve the faults of
//! their devices in workers and kernel threads, which do not take on the address space that they
//! work for.

use kernel::mm::Mm;

use crate::{
    bindings, layout,
    uapi::{Comm, cause},
};

const _: () = assert!(size_of::<Comm>() == bindings::MIGRATE_TEST_COMM_LEN as usize);

/// Whose memory is migrated, and whether the calling thread is one of theirs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Who {
    /// Process; 0: unknown.
    pub(crate) owner: u32,
    pub(crate) comm: Comm,
    /// The calling thread is none of the owner's.
    pub(crate) is_worker: bool,
    /// Its name, if so.
    pub(crate) worker_comm: Comm,
}

impl Who {
    /// Memory of this address space.
    pub(crate) fn of(mm: &Mm) -> Self {
        let mut comm = Comm::default();
        // SAFETY: The address space is valid, and there is room for a name.
        let owner =
            unsafe { bindings::migrate_test_mm_owner(mm.as_raw(), comm.as_mut_ptr().cast()) };
        let whose = Self {
            owner: owner.unsigned_abs(),
            comm,
            ..Self::default()
        };
        if is_own(mm) { whose } else { whose.by_worker() }
    }

    /// Pages of a device, whoever's they are.
    pub(crate) fn anybody() -> Self {
        Self::default().by_worker()
    }

    fn by_worker(self) -> Self {
        let mut worker_comm = Comm::default();
        // SAFETY: There is always a current task, and there is room for a name.
        unsafe { bindings::migrate_test_current_comm(worker_comm.as_mut_ptr().cast()) };
        Self {
            is_worker: true,
            worker_comm,
            ..self
        }
    }
}

/// Why a page on the device is being touched, in the handler of that fault: by code of the process,
/// or by the kernel.
pub(crate) fn cause_of_fault(mm: &Mm) -> u32 {
    // SAFETY: There is always a current task.
    if is_own(mm) && unsafe { bindings::migrate_test_in_user_exception() } {
        cause::CPU_FAULT
    } else {
        cause::KERNEL_ACCESS
    }
}

/// Whether the calling thread runs in this address space.
fn is_own(mm: &Mm) -> bool {
    layout::current_mm_is(mm)
}
