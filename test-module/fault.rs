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
    bindings, clock,
    device_memory::DeviceMemory,
    folio::{COMPOUND_PAGES, Pfn},
    inject::{Injection, Strikes},
    migrate::{Select, Setup},
    plan::Plan,
    range::Range,
    task_mutex::{Held, TaskMutex},
    truth::Kind,
    uapi::{Truth, UNKNOWN, Wait, direction, outcome, wait, wait_result},
    who::{self, Who},
};

/// A fault, and what has to be known of it.
struct Fault<'a> {
    vma: &'a VmaRef,
    address: usize,
    page: *mut bindings::page,
    pfn: Pfn,
    memory: &'a DeviceMemory,
    /// It is about all of a large folio.
    whole: bool,
    /// Its page is part of a large folio.
    is_large: bool,
}

/// `dev_pagemap_ops::migrate_to_ram`.
///
/// # Safety
///
/// For the kernel to call, with a fault on a page of our pagemap that it holds locked and
/// referenced.
pub(crate) unsafe extern "C" fn migrate_to_ram(vmf: *mut vm_fault) -> vm_fault_t {
    let mut wait = Wait::begun(wait::FAULT, clock::now());
    // SAFETY: By this function's requirements, until it returns.
    let fault = unsafe { Fault::new(vmf) };
    // SAFETY: As above: the fault is one of the kernel's.
    let result = unsafe { fault.bring_home(&mut wait) };
    fault.tell(wait, &result);
    match result {
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

impl<'a> Fault<'a> {
    /// # Safety
    ///
    /// Those of [`migrate_to_ram`], for `'a`.
    unsafe fn new(vmf: *mut vm_fault) -> Self {
        // SAFETY: The kernel hands over a valid fault, whose VMA stays as it is while the mmap lock
        // is held. It holds that and not only the VMA's lock: `do_swap_page` and
        // `do_huge_pmd_device_private` see to it before they call.
        let (vma, address, page, whole) = unsafe {
            let what = &(*vmf).__bindgen_anon_1;
            // A fault on a page-table entry is about that page, even if it is part of a large
            // folio.
            (
                VmaRef::from_raw(what.vma),
                what.address,
                (*vmf).page,
                (*vmf).pte.is_null(),
            )
        };
        // SAFETY: The page is of our pagemap; the fault holds a reference on it until we return,
        // and its folio locked, so that it stays what it is.
        let (memory, pfn, order) = unsafe {
            let folio = bindings::migrate_test_page_folio(page);
            (
                DeviceMemory::of_page(page),
                bindings::migrate_test_page_to_pfn(page),
                bindings::migrate_test_folio_order(folio),
            )
        };
        Self {
            vma,
            address,
            page,
            pfn,
            memory,
            whole,
            is_large: order > 0,
        }
    }

    /// Pages that come home.
    fn pages(&self) -> usize {
        match (self.whole, self.is_large) {
            (true, _) => COMPOUND_PAGES,
            // Setup splits the folio first, and goes on believing that its first page is the one
            // that is locked: with that page in the range, it would migrate it unlocked.
            (false, true) => 1,
            (false, false) => self.memory.fault_pages(),
        }
    }

    /// `None`: others are just at it.
    ///
    /// # Safety
    ///
    /// The fault is one that the kernel has handed over, and is not over.
    unsafe fn bring_home(&self, wait: &mut Wait) -> Result<Option<Truth>> {
        let (vma, memory) = (self.vma, self.memory);
        let who = Who::of(vma.mm());
        wait.owner = who.owner;
        // SAFETY: The mmap lock is held, as said in `new`.
        let range = unsafe { Range::around(vma, self.address, self.pages())? };
        // SAFETY: It is the page of this fault, locked and referenced by the caller of the handler.
        let setup = unsafe { Setup::for_fault(&range, memory.owner(), self.whole, self.page)? };
        let kind = Kind {
            who,
            asked: direction::TO_SYSTEM,
            cause: who::cause_of_fault(vma.mm()),
            address: range.address(0),
            mapping: range.mapping(),
            requested: range.pages(),
            pinned: 0,
            locked: 0,
            device: memory.number(),
        };
        // Before it goes: then nobody brought it.
        let file = memory.file_of(self.pfn);
        let mutex = memory.fault_mutex(file);
        let held = match &mutex {
            None => None,
            Some(mutex) => match self.take(mutex.mutex(), wait)? {
                None => return Ok(None),
                held => held,
            },
        };
        // The device's page table is per file, and a fault knows no file's: its entry is stale from
        // here on.
        let plan = Plan {
            delays: memory.fault_delays(),
            inject: Injection {
                retire: Strikes::every(memory.retired_every()),
                spared: Some((self.address - range.address(0)) / PAGE_SIZE),
                ..Injection::default()
            },
            ..Plan::new(memory, kind, Select::Device)
        };
        let truth = plan.run(setup, |_| {});
        drop(held);
        memory.accounts.keep(&truth, file);
        Ok(Some(truth))
    }

    /// Takes a mutex. `None`: somebody else has it, and this fault must not wait.
    fn take<'m>(&self, mutex: &'m TaskMutex, wait: &mut Wait) -> Result<Option<Held<'m>>> {
        // Setup waits for the lock of a large folio that it has to split. This fault has it, and
        // would wait for the mutex, which whoever is in setup has.
        if self.is_large {
            let held = mutex.try_lock();
            if held.is_some() {
                wait.lock_wait_ns = 0;
                wait.locked_ns = clock::now();
            }
            return Ok(held);
        }
        let (held, wanted) = mutex.lock();
        wait.lock_wait_ns = wanted.span.to - wanted.span.from;
        wait.holder = wanted.holder;
        // Who is killed may get an error: nobody will see it.
        let held = held.ok_or(EINTR)?;
        wait.locked_ns = wanted.span.to;
        Ok(Some(held))
    }

    /// Keeps what is known of the fault, which is over.
    fn tell(&self, wait: Wait, result: &Result<Option<Truth>>) {
        let (result, errno, truth) = match result {
            Err(error) => (wait_result::FAILED, error.to_errno().unsigned_abs(), None),
            Ok(None) => (wait_result::NOTHING, 0, None),
            Ok(Some(truth)) if truth.outcome == outcome::REJECTED => {
                (wait_result::FAILED, truth.errno, Some(truth))
            }
            Ok(Some(truth)) if truth.ledger.moved == 0 => (wait_result::NOTHING, 0, Some(truth)),
            Ok(Some(truth)) => (wait_result::DONE, 0, Some(truth)),
        };
        self.memory.waits.keep(&Wait {
            result,
            errno,
            device: self.memory.number(),
            address: self.address as u64,
            pages: truth.map_or(0, |truth| truth.ledger.moved),
            setup_ns: truth.map_or(UNKNOWN, |truth| truth.time_ns),
            total_ns: clock::now() - wait.began_ns,
            ..wait
        });
    }
}
