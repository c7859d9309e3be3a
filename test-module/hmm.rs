// SPDX-License-Identifier: GPL-2.0

//! Touches memory of a process as a device does that has page tables of its own: by
//! `hmm_range_fault`, as `Documentation/mm/hmm.rst` says.

use core::ops::AddAssign;
use kernel::{
    bindings::{
        mmu_interval_notifier, mmu_interval_notifier_insert, mmu_interval_notifier_ops,
        mmu_interval_notifier_remove, mmu_interval_read_begin, mmu_notifier_range,
    },
    container_of, ffi,
    mm::MmWithUser,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::Mutex,
    types::Opaque,
};

use crate::{
    bindings::{
        self, hmm_pfn_flags_HMM_PFN_REQ_FAULT as REQ_FAULT, hmm_pfn_flags_HMM_PFN_VALID as VALID,
        hmm_range,
    },
    clock,
    device_memory::DeviceMemory,
    quietly,
    timeline::Span,
    uapi::{Wait, wait, wait_result},
    who::Who,
};

/// What is touched changes meanwhile, by the migrations alone that this causes. So often may it do
/// so.
pub(crate) const ATTEMPTS: u32 = 10_000;

/// Learns of changes of a range.
///
/// # Invariants
///
/// `notifier` is registered from the end of initialization to the end of drop.
#[pin_data(PinnedDrop)]
pub(crate) struct Interval {
    #[pin]
    notifier: Opaque<mmu_interval_notifier>,
    /// Under which the device's page table is changed. There is none: what matters is who gets it
    /// first, who has just read the range or who changes it.
    #[pin]
    update: Mutex<()>,
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
                update <- new_mutex!(()),
                // Last: from here on the kernel may call.
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
    range: *const mmu_notifier_range,
    sequence: ffi::c_ulong,
) -> bool {
    // SAFETY: Only `Interval` has notifiers with these operations, in its field `notifier`; it
    // waits for us when it goes. The range is valid for this call.
    let (interval, may_wait) = unsafe {
        let opaque = Opaque::cast_from(notifier).cast_mut();
        (
            &*container_of!(opaque, Interval, notifier),
            bindings::migrate_test_range_is_blockable(range),
        )
    };
    let update = if may_wait {
        Some(interval.update.lock())
    } else {
        interval.update.try_lock()
    };
    if update.is_none() {
        return false;
    }
    // SAFETY: The notifier is valid for this call, and this is where the sequence is to be set:
    // under the lock under which it is compared.
    unsafe { bindings::migrate_test_interval_changed(notifier, sequence) };
    true
}

/// How a range is to be read.
pub(crate) struct Reading<'a> {
    pub(crate) mm: &'a MmWithUser,
    pub(crate) memory: &'a DeviceMemory,
    pub(crate) start: usize,
    pub(crate) pages: usize,
    /// Whose pages may stay on their device; null: nobody's.
    pub(crate) owner: *mut c_void,
    pub(crate) attempts: u32,
    /// Between `hmm_range_fault` and the driver's lock, nanoseconds.
    pub(crate) delay: u64,
}

/// What came of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Read {
    pub(crate) range_faults: u64,
    pub(crate) busy: u64,
    pub(crate) retries: u64,
    pub(crate) range_fault_ns: u64,
    pub(crate) read_begin_ns: u64,
    /// Pages that the device could reach in the end.
    pub(crate) mapped: u64,
}

impl AddAssign for Read {
    fn add_assign(&mut self, other: Self) {
        self.range_faults += other.range_faults;
        self.busy += other.busy;
        self.retries += other.retries;
        self.range_fault_ns += other.range_fault_ns;
        self.read_begin_ns += other.read_begin_ns;
        self.mapped += other.mapped;
    }
}

impl Reading<'_> {
    /// Has every page of the range be where the device reaches it. `EBUSY` where that does not come
    /// to an end, `EINTR` for a signal.
    pub(crate) fn read(&self) -> (Read, Result) {
        let mut read = Read::default();
        let result = self.read_into(&mut read);
        (read, result)
    }

    fn read_into(&self, read: &mut Read) -> Result {
        let bytes = self.pages * PAGE_SIZE;
        let interval = Interval::new(self.mm, self.start, bytes)?;
        let mut found = KVVec::from_elem(0, self.pages, quietly())?;
        for _ in 0..self.attempts {
            if current!().signal_pending() {
                return Err(EINTR);
            }
            let (part, result) = self.attempt(&interval, &mut found);
            *read += part;
            match result {
                Err(error) if error == EBUSY => {}
                other => return other,
            }
        }
        Err(EBUSY)
    }

    /// `EBUSY`: the range has changed meanwhile.
    fn attempt(&self, interval: &Interval, found: &mut [usize]) -> (Read, Result) {
        let notifier = interval.notifier.get();
        // SAFETY: By its invariants the notifier is registered.
        let (begin, sequence) = Span::of(|| unsafe { mmu_interval_read_begin(notifier) });
        self.tell(wait::READ_BEGIN, wait_result::DONE, 0, begin);
        let mut range = hmm_range {
            notifier,
            notifier_seq: sequence,
            start: self.start,
            end: self.start + self.pages * PAGE_SIZE,
            hmm_pfns: found.as_mut_ptr(),
            default_flags: REQ_FAULT,
            pfn_flags_mask: 0,
            dev_private_owner: self.owner,
        };
        let mmap = self.mm.mmap_read_lock();
        let (span, result) = Span::of(|| {
            // SAFETY: The notifier covers the range, the array is as long, and the mmap lock is
            // held.
            kernel::error::to_result(unsafe { bindings::hmm_range_fault(&mut range) })
        });
        drop(mmap);
        let mut read = Read {
            range_faults: 1,
            range_fault_ns: span.to - span.from,
            read_begin_ns: begin.to - begin.from,
            ..Read::default()
        };
        let (what, errno, result) = match result {
            Err(error) if error == EBUSY => {
                read.busy = 1;
                (wait_result::BUSY, 0, Err(EBUSY))
            }
            Err(error) => {
                let errno = error.to_errno().unsigned_abs();
                (wait_result::FAILED, errno, Err(error))
            }
            Ok(()) if self.has_changed(interval, sequence) => {
                read.retries = 1;
                (wait_result::RETRY, 0, Err(EBUSY))
            }
            Ok(()) => {
                let is_there = |pfn: &&usize| **pfn & VALID != 0;
                read.mapped = found.iter().filter(is_there).count() as u64;
                (wait_result::DONE, 0, Ok(()))
            }
        };
        self.tell(wait::RANGE_FAULT, what, errno, span);
        (read, result)
    }

    /// Whether the range has changed since it was read. If not, the device's page table could be
    /// changed now, under the lock.
    fn has_changed(&self, interval: &Interval, sequence: usize) -> bool {
        clock::spin_until(clock::now().saturating_add(self.delay));
        let update = interval.update.lock();
        // SAFETY: By its invariants the notifier is registered; the lock is the one under which the
        // sequence is set.
        let changed = unsafe {
            bindings::migrate_test_interval_read_retry(interval.notifier.get(), sequence)
        };
        drop(update);
        changed
    }

    fn tell(&self, what: u32, result: u32, errno: u32, span: Span) {
        self.memory.waits.keep(&Wait {
            errno,
            device: self.memory.number(),
            owner: Who::of(self.mm).owner,
            address: self.start as u64,
            pages: self.pages as u64,
            ..Wait::over(what, result, span)
        });
    }
}
