// SPDX-License-Identifier: GPL-2.0

//! Where Rust and C could disagree about the kernel's structures, and what is asked of C because of
//! it.
//!
//! bindgen drops the alignment of a structure that is empty in some configuration. `struct
//! sched_statistics` is aligned to a cache line even when `CONFIG_SCHEDSTATS` is off and leaves it
//! empty, so in such kernels everything behind it in Rust's `task_struct` is in the wrong place:
//! `current!().mm()` returns garbage. Hence the current task is asked for in C here, and the size
//! of every structure that this module (or the kernel crate, for it) looks into is compared with
//! the compiler's at build time.

use kernel::{
    mm::{Mm, MmWithUser},
    sync::aref::ARef,
};

use crate::bindings;

macro_rules! assert_same_size {
    ($($kind:ident: $expected:ident,)*) => {
        $(const _: () = assert!(
            size_of::<kernel::bindings::$kind>() == bindings::$expected as usize,
            concat!("Rust and C disagree about struct ", stringify!($kind)),
        );)*
    };
}

assert_same_size! {
    page: MIGRATE_TEST_SIZE_PAGE,
    folio: MIGRATE_TEST_SIZE_FOLIO,
    vm_area_struct: MIGRATE_TEST_SIZE_VMA,
    vm_fault: MIGRATE_TEST_SIZE_VM_FAULT,
    dev_pagemap: MIGRATE_TEST_SIZE_PAGEMAP,
    resource: MIGRATE_TEST_SIZE_RESOURCE,
    miscdevice: MIGRATE_TEST_SIZE_MISCDEVICE,
    file_operations: MIGRATE_TEST_SIZE_FILE_OPERATIONS,
    file: MIGRATE_TEST_SIZE_FILE,
    kiocb: MIGRATE_TEST_SIZE_KIOCB,
    mmu_interval_notifier: MIGRATE_TEST_SIZE_INTERVAL,
    mutex: MIGRATE_TEST_SIZE_MUTEX,
    xarray: MIGRATE_TEST_SIZE_XARRAY,
}

/// The address space of the current task. `None` for a kernel thread.
pub(crate) fn current_mm() -> Option<ARef<MmWithUser>> {
    // SAFETY: There is always a current task.
    let mm = unsafe { bindings::migrate_test_current_mm() };
    if mm.is_null() {
        return None;
    }
    // SAFETY: The current task holds its address space; the reference is gone before it could let
    // go.
    unsafe { Mm::from_raw(mm) }.mmget_not_zero()
}

/// Process and thread of the current task, as the initial pid namespace has them.
pub(crate) fn current_ids() -> (u32, u32) {
    // SAFETY: There is always a current task.
    let (process, thread) = unsafe {
        (
            bindings::migrate_test_current_tgid(),
            bindings::migrate_test_current_pid(),
        )
    };
    (process.unsigned_abs(), thread.unsigned_abs())
}

/// Whether the current task runs in this address space.
pub(crate) fn current_mm_is(mm: &Mm) -> bool {
    // SAFETY: There is always a current task. The pointer is only compared.
    unsafe { bindings::migrate_test_current_mm() == mm.as_raw() }
}
