// SPDX-License-Identifier: GPL-2.0

//! A mutex that tells who has it. Waiting for it ends when the thread is killed, so that nobody
//! needs to be patient with threads that hold it for long.

use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    bindings::mutex,
    prelude::*,
    types::{NotThreadSafe, Opaque},
};

use crate::{bindings, layout, timeline::Span};

/// # Invariants
///
/// `mutex` is initialized.
#[pin_data]
pub(crate) struct TaskMutex {
    #[pin]
    mutex: Opaque<mutex>,
    /// The thread that has it; 0 where none has, and for the moment in which one gets it.
    holder: AtomicU32,
}

// SAFETY: A mutex that nobody has may be sent.
unsafe impl Send for TaskMutex {}
// SAFETY: Letting several threads at it is what it is for.
unsafe impl Sync for TaskMutex {}

/// What it took to get one.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// From when it was asked for to when it was there, or the thread was killed.
    pub(crate) span: Span,
    /// The thread that had it when this one began to wait; 0: none had, or it is not known.
    pub(crate) holder: u32,
}

/// It is ours until this is dropped.
pub(crate) struct Held<'a> {
    mutex: &'a TaskMutex,
    // Whoever took it has to give it back.
    _thread: NotThreadSafe,
}

impl TaskMutex {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The slot is ours to write, and pinned.
            // INVARIANT: It is initialized here.
            mutex <- Opaque::ffi_init(|slot| unsafe { bindings::migrate_test_mutex_init(slot) }),
            holder: AtomicU32::new(0),
        })
    }

    /// Takes it, if nobody has.
    pub(crate) fn try_lock(&self) -> Option<Held<'_>> {
        // SAFETY: By the type invariants it is initialized.
        let is_ours = unsafe { kernel::bindings::mutex_trylock(self.mutex.get()) } != 0;
        is_ours.then(|| self.held())
    }

    /// Waits for it. `None`: the thread was killed.
    pub(crate) fn lock(&self) -> (Option<Held<'_>>, Wanted) {
        let mut holder = 0;
        let (span, held) = Span::of(|| {
            self.try_lock().or_else(|| {
                holder = self.holder.load(Ordering::Relaxed);
                // SAFETY: By the type invariants it is initialized.
                let result =
                    unsafe { bindings::migrate_test_mutex_lock_killable(self.mutex.get()) };
                (result == 0).then(|| self.held())
            })
        });
        (held, Wanted { span, holder })
    }

    /// It has just been locked.
    fn held(&self) -> Held<'_> {
        let (_, thread) = layout::current_ids();
        self.holder.store(thread, Ordering::Relaxed);
        Held {
            mutex: self,
            _thread: NotThreadSafe,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.mutex.holder.store(0, Ordering::Relaxed);
        // SAFETY: This thread has locked it, and it is given back once.
        unsafe { kernel::bindings::mutex_unlock(self.mutex.mutex.get()) };
    }
}
