// SPDX-License-Identifier: GPL-2.0

//! Touches memory of a process as a device does that has page tables of its own: by
//! `hmm_range_fault`.

use kernel::{
    bindings::{
        mmu_interval_notifier, mmu_interval_notifier_insert, mmu_interval_notifier_ops,
        mmu_interval_notifier_remove, mmu_interval_read_begin, mmu_notifier_range,
    },
    ffi,
    mm::MmWithUser,
    page::PAGE_SIZE,
    prelude::*,
    types::Opaque,
};

use crate::{
    bindings::{self, hmm_pfn_flags_HMM_PFN_REQ_FAULT as REQ_FAULT, hmm_range},
    quietly,
};

/// What is touched changes meanwhile, by the migrations alone that this causes. So often may it do
/// so.
const ATTEMPTS: usize = 10_000;

/// Learns of changes of a range.
///
/// # Invariants
///
/// `notifier` is registered from the end of initialization to the end of drop.
#[pin_data(PinnedDrop)]
pub(crate) struct Interval {
    #[pin]
    notifier: Opaque<mmu_interval_notifier>,
}

static OPS: mmu_interval_notifier_ops = mmu_interval_notifier_ops {
    invalidate: Some(invalidate),
    // SAFETY: The kernel calls no operation that is null, which zeroes are.
    ..unsafe { core::mem::zeroed() }
};

impl Interval {
    /// Registers it. The mmap lock must not be held.
    pub(crate) fn new(mm: &MmWithUser, start: usize, bytes: usize) -> Result<Pin<KBox<Self>>> {
        KBox::try_pin_init(
            try_pin_init!(Self {
                // INVARIANT: Success means that it is registered.
                notifier <- Opaque::try_ffi_init(|slot: *mut mmu_interval_notifier| {
                    // SAFETY: The slot is ours to write, and pinned; zeroes are valid for every
                    // field. The address space is in use.
                    kernel::error::to_result(unsafe {
                        slot.write_bytes(0, 1);
                        mmu_interval_notifier_insert(slot, mm.as_raw(), start, bytes, &OPS)
                    })
                }),
            }? Error),
            GFP_KERNEL,
        )
    }
}

#[pinned_drop]
impl PinnedDrop for Interval {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants it is registered. The kernel waits until nobody is in its
        // operations.
        unsafe { mmu_interval_notifier_remove(self.notifier.get()) };
    }
}

/// A range changes: whoever is about to use what he read of it begins anew.
///
/// # Safety
///
/// For the kernel to call, with a notifier that has [`OPS`].
unsafe extern "C" fn invalidate(
    notifier: *mut mmu_interval_notifier,
    _range: *const mmu_notifier_range,
    sequence: ffi::c_ulong,
) -> bool {
    // SAFETY: The notifier is valid for this call, and this is where the sequence is to be set.
    unsafe { bindings::migrate_test_interval_changed(notifier, sequence) };
    true
}

/// Has every page of the range be where CPUs reach it. `EBUSY` where that does not come to an end.
pub(crate) fn fault(mm: &MmWithUser, interval: &Interval, start: usize, pages: usize) -> Result {
    let mut found = KVVec::from_elem(0, pages, quietly())?;
    for _ in 0..ATTEMPTS {
        // SAFETY: By its invariants the notifier is registered.
        let sequence = unsafe { mmu_interval_read_begin(interval.notifier.get()) };
        let mut range = hmm_range {
            notifier: interval.notifier.get(),
            notifier_seq: sequence,
            start,
            end: start + pages * PAGE_SIZE,
            hmm_pfns: found.as_mut_ptr(),
            default_flags: REQ_FAULT,
            pfn_flags_mask: 0,
            // Nobody's pages may stay on their device.
            dev_private_owner: core::ptr::null_mut(),
        };
        let locked = mm.mmap_read_lock();
        // SAFETY: The notifier covers the range, the array is as long, and the mmap lock is held.
        let result = kernel::error::to_result(unsafe { bindings::hmm_range_fault(&mut range) });
        drop(locked);
        match result {
            Err(error) if error == EBUSY => {}
            other => return other,
        }
    }
    Err(EBUSY)
}
