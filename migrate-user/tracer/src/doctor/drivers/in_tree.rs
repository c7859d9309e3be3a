//! Drivers of the kernel's whose shared virtual memory is an option of the build: their functions
//! tell.

use super::{Check, Root, State, Symbols, has};

/// A driver, a function that is there with the option only, and what there is to know.
struct Driver {
    module: &'static str,
    function: &'static str,
    with: &'static str,
    without: &'static str,
}

const DRIVERS: [Driver; 2] = [
    Driver {
        module: "nouveau",
        function: "nouveau_svmm_bind",
        with: "built in; the driver turns it on for GPUs up to Pascal, and moves memory to them where a program asks for it",
        without: "The kernel was built without CONFIG_DRM_NOUVEAU_SVM, which is experimental and off unless it is chosen: \
                  nothing will be migrated by this driver",
    },
    Driver {
        module: "xe",
        function: "xe_svm_handle_pagefault",
        with: "built in; only discrete GPUs have memory of their own to migrate to",
        without: "The kernel was built without CONFIG_DRM_XE_GPUSVM: nothing will be migrated by this driver",
    },
];

pub(super) fn checks(root: &Root, symbols: Option<&Symbols>) -> Vec<Check> {
    let loaded = DRIVERS.iter().filter(|driver| has(root, driver.module));
    loaded.map(|driver| check(driver, symbols)).collect()
}

fn check(driver: &Driver, symbols: Option<&Symbols>) -> Check {
    let check = |found: &str| Check::new("drivers", format!("{} SVM", driver.module), found);
    match symbols.map(|symbols| symbols.has(driver.function)) {
        Some(true) => check(driver.with),
        Some(false) => check("not built in").judged(State::Limited, driver.without),
        None => check("unknown").unknown("/proc/kallsyms cannot be read"),
    }
}
