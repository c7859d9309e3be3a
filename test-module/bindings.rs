// SPDX-License-Identifier: GPL-2.0

//! The module's own bindings (see `bindings.h`). Types that both have are the kernel crate's.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    reason = "written by bindgen"
)]

use kernel::ffi;

pub(crate) use kernel::bindings::{
    bool_, dev_pagemap, folio, gfp_t, mm_struct, mmu_interval_notifier, mmu_notifier_range, mutex,
    page, vm_area_struct,
};

include!("bindings_generated.rs");
