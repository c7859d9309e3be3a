// SPDX-License-Identifier: GPL-2.0

//! Clearing the device: everything on it goes home, whoever's it is and wherever it is mapped.

use kernel::prelude::*;

use crate::{
    device_memory::DeviceMemory,
    inject::Injection,
    migrate::{Select, Setup},
    transfer::{Large, Plan},
    truth::Kind,
    uapi::{Truth, direction, trigger},
};

/// Milliseconds between attempts.
const PAUSE: u32 = 10;
/// Attempts between messages: about ten seconds.
const PATIENCE: usize = 1000;

/// Evicts what is on the device now, with one sequence of kernel calls.
pub(crate) fn evict(memory: &DeviceMemory) -> Result<Truth> {
    let pfns = memory.taken_pfns()?;
    let plan = Plan {
        memory,
        kind: Kind {
            direction: direction::TO_SYSTEM,
            trigger: trigger::EVICTION,
            address: 0,
            requested: pfns.len(),
            pinned: 0,
        },
        select: Select::Device,
        large: Large::Whole,
        populate: false,
        roll_back: false,
        inject: Injection::default(),
    };
    // Only pages in use: for free ones the kernel would trust what they say about a large folio they were part of.
    // SAFETY: These are pages of `memory`, which outlives the sequence; they rise, and a large folio is taken and
    // given back with all its pages.
    let setup = unsafe { Setup::eviction(pfns)? };
    let truth = plan.run(setup, |_| {});
    memory.log.count(&truth);
    Ok(truth)
}

/// Evicts until nothing is left. Pages that somebody else is just handling take another attempt.
pub(crate) fn evict_all(memory: &DeviceMemory) {
    let mut attempts = 0usize;
    while memory.taken() > 0 {
        let evicted = evict(memory);
        if memory.taken() == 0 {
            break;
        }
        attempts += 1;
        if attempts % PATIENCE == 0 {
            pr_info!(
                "waiting for {} device pages ({:?})\n",
                memory.taken(),
                evicted.err()
            );
        }
        // SAFETY: This is called where sleeping is allowed.
        unsafe { kernel::bindings::msleep(PAUSE) };
    }
}
