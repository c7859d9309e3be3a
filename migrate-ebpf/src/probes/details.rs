//! What is measured only when it is asked for, and costs nothing else: the kernel drops code for
//! what is not.

use migrate_ebpf::wire::Details;

use crate::{config::config, in_flight::Call};

/// Is any of it asked for?
#[inline(always)]
pub(super) fn asked() -> bool {
    config!(details) != 0
}

/// A call begins.
#[inline(always)]
pub(super) fn begin(call: &mut Call) {
    if asked() {
        call.parts = 0;
        call.part_since = 0;
        call.off_since = 0;
        call.lock.clear();
        call.details = Details::default();
    }
}
