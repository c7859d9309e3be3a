// SPDX-License-Identifier: GPL-2.0

//! The clock that migrations are timed with, and ways to let time pass.

use kernel::time::{Delta, delay};

use crate::bindings;

/// When something happened: nanoseconds of CLOCK_BOOTTIME.
pub(crate) type Stamp = u64;

/// The kernel's fastest way to read that clock: what reading it costs is in every step.
#[inline(always)]
pub(crate) fn now() -> Stamp {
    // SAFETY: This clock may be read in any context.
    unsafe { kernel::bindings::ktime_get_boot_fast_ns() }
}

/// Sleeps until then. For contexts that may sleep.
pub(crate) fn sleep_until(then: Stamp) {
    loop {
        let now = now();
        if now >= then {
            return;
        }
        delay::fsleep(Delta::from_micros(((then - now) / 1000 + 1) as i64));
    }
}

/// Works until then.
pub(crate) fn spin_until(then: Stamp) {
    while now() < then {
        // SAFETY: Only tells the processor that this is a loop which waits.
        unsafe { bindings::migrate_test_cpu_relax() };
    }
}
