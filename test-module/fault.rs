// SPDX-License-Identifier: GPL-2.0

//! A CPU touched a page that is on the device: bring it home.

use kernel::{
    bindings::{
        vm_fault, vm_fault_reason_VM_FAULT_OOM, vm_fault_reason_VM_FAULT_SIGBUS, vm_fault_t,
    },
    mm::virt::VmaRef,
    page::PAGE_SIZE,
    prelude::*,
};

use crate::{
    bindings,
    device_memory::DeviceMemory,
    folio::COMPOUND_PAGES,
    inject::{Injection, Strikes},
    migrate::{Select, Setup},
    plan::Plan,
    range::Range,
    truth::Kind,
    uapi::{Truth, direction, outcome},
    who::{self, Who},
};

/// `dev_pagemap_ops::migrate_to_ram`.
///
/// # Safety
///
/// For the kernel to call, with a fault on a page of our pagemap that it holds locked and
/// referenced.
pub(crate) unsafe extern "C" fn migrate_to_ram(vmf: *mut vm_fault) -> vm_fault_t {
    // SAFETY: By this function's requirements.
    match unsafe { bring_home(vmf) } {
        // A retry is all that can be done, and the kernel retries after this.
        Err(error) if error == ENOMEM => vm_fault_reason_VM_FAULT_OOM,
        Err(_) => vm_fault_reason_VM_FAULT_SIGBUS,
        Ok(Some(truth)) if truth.outcome == outcome::REJECTED => vm_fault_reason_VM_FAULT_SIGBUS,
        // Memory is out. While some pages find room there is progress, and the next fault is about
        // the rest.
        Ok(Some(truth)) if truth.failed > 0 && truth.ledger.moved == 0 => {
            vm_fault_reason_VM_FAULT_OOM
        }
        // Whatever was skipped or did not move is tried again when the CPU touches it again; holes
        // stay holes.
        Ok(_) => 0,
    }
}

/// `None`: others are just at it.
///
/// # Safety
///
/// Those of [`migrate_to_ram`].
unsafe fn bring_home(vmf: *mut vm_fault) -> Result<Option<Truth>> {
    // SAFETY: The kernel hands over a valid fault, whose VMA stays as it is while the mmap lock is
    // held. It holds that and not only the VMA's lock: `do_swap_page` and
    // `do_huge_pmd_device_private` see to it before they call.
    let (vma, address, page, whole) = unsafe {
        let what = &(*vmf).__bindgen_anon_1;
        // A fault on a page-table entry is about that page, even if it is part of a large folio.
        (
            VmaRef::from_raw(what.vma),
            what.address,
            (*vmf).page,
            (*vmf).pte.is_null(),
        )
    };
    // SAFETY: The page is of our pagemap; the fault holds a reference on it until we return.
    let (memory, pfn) = unsafe {
        (
            DeviceMemory::of_page(page),
            bindings::migrate_test_page_to_pfn(page),
        )
    };
    // SAFETY: The fault holds the page's folio locked, so that it stays what it is.
    let is_large =
        unsafe { bindings::migrate_test_folio_order(bindings::migrate_test_page_folio(page)) > 0 };
    let pages = match (whole, is_large) {
        (true, _) => COMPOUND_PAGES,
        // Setup splits the folio first, and goes on believing that its first page is the one that
        // is locked: with that page in the range, it would migrate it unlocked.
        (false, true) => 1,
        (false, false) => memory.fault_pages(),
    };
    // SAFETY: The mmap lock is held, as said above.
    let range = unsafe { Range::around(vma, address, pages)? };
    // SAFETY: It is the page of this fault, locked and referenced by the caller of the handler.
    let setup = unsafe { Setup::for_fault(&range, memory.owner(), whole, page)? };
    let kind = Kind {
        who: Who::of(vma.mm()),
        asked: direction::TO_SYSTEM,
        cause: who::cause_of_fault(vma.mm()),
        address: range.address(0),
        requested: range.pages(),
        pinned: 0,
        locked: 0,
        device: memory.number(),
    };
    // Before it goes: then nobody brought it.
    let file = memory.file_of(pfn);
    // The device's page table is per file, and a fault knows no file's: its entry is stale from
    // here on.
    let locked = match (memory.locks_faults(), is_large) {
        (false, _) => None,
        (true, false) => Some(memory.svms.lock()),
        // Setup waits for the lock of a large folio that it has to split. This fault has it, and
        // would wait for the other lock, which whoever is in setup has.
        (true, true) => match memory.svms.try_lock() {
            None => return Ok(None),
            locked => locked,
        },
    };
    let plan = Plan {
        inject: Injection {
            retire: Strikes::every(memory.retired_every()),
            spared: Some((address - range.address(0)) / PAGE_SIZE),
            ..Injection::default()
        },
        ..Plan::new(memory, kind, Select::Device)
    };
    let truth = plan.run(setup, |_| {});
    drop(locked);
    memory.accounts.keep(&truth, file);
    Ok(Some(truth))
}
