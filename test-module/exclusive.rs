// SPDX-License-Identifier: GPL-2.0

//! Pages that a device has for itself, for operations that have to be atomic: the kernel takes them
//! out of the page tables of processors, and puts them back when one of these touches them.
//!
//! There is no device that would work on them, so that nobody has to be told when that happens, and
//! there is no notifier: a real driver has one, and changes the device's page table under its lock
//! before the folio is unlocked.

use core::ptr;
use kernel::{mm::MmWithUser, page::PAGE_SIZE, prelude::*};

use crate::{
    bindings,
    device_memory::DeviceMemory,
    timeline::Span,
    uapi::{Exclusive, Wait, wait, wait_result},
    who::Who,
};

/// Makes the range's pages exclusive, and counts into the request. `EINTR` for a signal.
pub(crate) fn make(memory: &DeviceMemory, mm: &MmWithUser, request: &mut Exclusive) -> Result {
    (request.made, request.refused, request.total_ns) = (0, 0, 0);
    let owner = Who::of(mm).owner;
    for n in 0..request.pages {
        if current!().signal_pending() {
            return Err(EINTR);
        }
        let address = request.address + n * PAGE_SIZE as u64;
        let (span, result) = one(memory, mm, address as usize);
        let (what, errno) = match result {
            Ok(()) => (wait_result::DONE, 0),
            Err(error) => (wait_result::FAILED, error.to_errno().unsigned_abs()),
        };
        request.made += u64::from(errno == 0);
        request.refused += u64::from(errno != 0);
        request.total_ns += span.to - span.from;
        memory.waits.keep(&Wait {
            errno,
            device: memory.number(),
            owner,
            address,
            pages: 1,
            ..Wait::over(wait::EXCLUSIVE, what, span)
        });
    }
    Ok(())
}

fn one(memory: &DeviceMemory, mm: &MmWithUser, address: usize) -> (Span, Result) {
    let mut folio = ptr::null_mut();
    let mmap = mm.mmap_read_lock();
    let (span, page) = Span::of(|| {
        // SAFETY: The address space is in use and its mmap lock is held; the kernel looks what is
        // at the address, if anything. There is room for the folio.
        unsafe {
            let owner = memory.owner().as_ptr();
            bindings::make_device_exclusive(mm.as_raw(), address, owner, &mut folio)
        }
    });
    drop(mmap);
    let result = kernel::error::from_err_ptr(page);
    if result.is_ok() {
        // SAFETY: With a page, the kernel has given us the folio's lock and a reference to it, and
        // both are given back once.
        unsafe {
            kernel::bindings::folio_unlock(folio);
            bindings::migrate_test_folio_put(folio);
        }
    }
    (span, result.map(drop))
}
