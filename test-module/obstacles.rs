// SPDX-License-Identifier: GPL-2.0

//! What drivers wait for in the middle of a migration: a fence that the device signals, and a mutex
//! that somebody else has.

use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{Arc, Completion},
};

use crate::{
    bindings,
    clock::{self, Stamp},
    device_memory::DeviceMemory,
    engine::Job,
    timeline::Span,
    truth::Count,
    uapi::configuration,
    worker::{self, Of},
};

/// Where a call waits.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// After its copies.
    Copy,
    /// After pages.
    Map,
}

/// Waits for what the device is configured to have calls wait for there, and counts how long.
pub(crate) fn overcome(memory: &DeviceMemory, place: Place, count: &mut Count) {
    let (fence, mutex) = match place {
        Place::Copy => (configuration::FENCE_IN_COPY, configuration::MUTEX_IN_COPY),
        Place::Map => (configuration::FENCE_IN_MAP, configuration::MUTEX_IN_MAP),
    };
    // Where there is no memory for an obstacle there is none, and the truth says so.
    if let Some(time) = memory.obstacle(fence) {
        let due = clock::now().saturating_add(time);
        count.fence += wait_for_fence(due).unwrap_or(0);
    }
    if let Some(time) = memory.obstacle(mutex) {
        count.mutex += wait_for_mutex(memory, time).unwrap_or(0);
    }
}

/// Waits until the copy engine is done with this, and counts how long: by a fence, if the device is
/// configured so.
pub(crate) fn wait_for_engine(memory: &DeviceMemory, job: &Job, count: &mut Count) {
    let due = job.due().filter(|_| memory.has_fenced_engine());
    if let Some(waited) = due.and_then(|due| wait_for_fence(due).ok()) {
        count.fence += waited;
        count.engine += waited;
    }
    // Where there is no fence. Else it is done.
    count.engine += job.wait();
}

/// Waits for a fence that a worker signals at this time. Gives how long that took, nanoseconds.
/// Nothing ends it before: drivers do not leave pages that their device is writing to.
fn wait_for_fence(due: Stamp) -> Result<u64> {
    let fence = Fence::new().ok_or(ENOMEM)?;
    let mut signal = || {
        clock::sleep_until(due);
        fence.signal();
    };
    let (span, ()) = worker::meanwhile(Of::None, &mut signal, || Span::of(|| fence.wait()))?;
    Ok(span.to - span.from)
}

/// Waits for a mutex that a worker has for so many nanoseconds. Gives how long that took.
fn wait_for_mutex(memory: &DeviceMemory, time: u64) -> Result<u64> {
    let taken = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
    let mut keep = || {
        let held = memory.queue.lock();
        taken.complete_all();
        clock::sleep_until(clock::now().saturating_add(time));
        drop(held);
    };
    let (span, held) = worker::meanwhile(Of::None, &mut keep, || {
        taken.wait_for_completion();
        Span::of(|| memory.queue.lock())
    })?;
    drop(held);
    Ok(span.to - span.from)
}

/// # Invariants
///
/// It is a fence, of which we hold a reference.
struct Fence(NonNull<bindings::dma_fence>);

// SAFETY: References to fences may be given up by anybody.
unsafe impl Send for Fence {}
// SAFETY: One signals it and others wait for it: that is what it is for.
unsafe impl Sync for Fence {}

impl Fence {
    /// A new one. `None`: there is no memory for it.
    fn new() -> Option<Self> {
        // SAFETY: It may be called where sleeping is allowed, as between the kernel's calls.
        let fence = unsafe { bindings::migrate_test_fence_new() };
        // INVARIANT: It is new, and its only reference is ours.
        NonNull::new(fence).map(Self)
    }

    fn signal(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::migrate_test_fence_signal(self.0.as_ptr()) };
    }

    fn wait(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::migrate_test_fence_wait(self.0.as_ptr()) };
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        // SAFETY: By the type invariants there is a reference of ours, which is given up here.
        unsafe { bindings::migrate_test_fence_put(self.0.as_ptr()) };
    }
}
