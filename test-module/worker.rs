// SPDX-License-Identifier: GPL-2.0

//! Has others do something, and waits for it: workers of the kernel's, which are not in the
//! caller's address space.

use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::{Arc, Completion},
    workqueue::{Queue, Work, WorkItem},
};

/// A closure of somebody who waits.
///
/// # Invariants
///
/// The closure is there, and nobody else's, until the errand is done.
struct Body(*mut (dyn FnMut() + Send));

// SAFETY: The closure may be called by another thread.
unsafe impl Send for Body {}
// SAFETY: It is called once, by whoever runs the errand.
unsafe impl Sync for Body {}

/// Something to be done by another thread.
#[pin_data]
pub(crate) struct Errand {
    #[pin]
    work: Work<Errand>,
    #[pin]
    done: Completion,
    body: Body,
}

impl_has_work! {
    impl HasWork<Self> for Errand { self.work }
}

impl Errand {
    /// # Safety
    ///
    /// The caller hands it to one thread, which runs it once, and waits for its end before `body`
    /// goes.
    pub(crate) unsafe fn new(body: &mut (dyn FnMut() + Send)) -> Result<Arc<Self>> {
        let body: *mut (dyn FnMut() + Send + '_) = body;
        // SAFETY: Only the lifetime changes, which the caller sees to.
        let body = unsafe {
            core::mem::transmute::<*mut (dyn FnMut() + Send + '_), *mut (dyn FnMut() + Send)>(body)
        };
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("Errand::work"),
                done <- Completion::new(),
                body: Body(body),
            }),
            GFP_KERNEL,
        )
    }

    /// Does it.
    pub(crate) fn run(&self) {
        // SAFETY: By the invariants of `Body`, and because errands are run once.
        unsafe { (*self.body.0)() };
        self.done.complete_all();
    }

    /// Waits until it is done.
    pub(crate) fn wait(&self) {
        self.done.wait_for_completion();
    }
}

impl WorkItem for Errand {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        Errand::run(&this);
    }
}

/// A queue of the kernel's.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// That of the processor.
    Processor,
    /// That of no processor.
    None,
}

impl Of {
    /// By the names that the queues have since Linux 6.17; the kernel crate's functions mean the
    /// older ones, of which the kernel warns.
    fn queue(self) -> &'static Queue {
        // SAFETY: The kernel makes these queues before it loads modules, and never takes them away.
        unsafe {
            Queue::from_raw(match self {
                Self::Processor => kernel::bindings::system_percpu_wq,
                Self::None => kernel::bindings::system_dfl_wq,
            })
        }
    }
}

/// Has a worker of this queue do something, and waits until it has.
pub(crate) fn run_on(queue: Of, body: &mut (dyn FnMut() + Send)) -> Result {
    meanwhile(queue, body, || ())
}

/// Has a worker of this queue do something while the caller does something else. Both have been
/// done when this returns.
pub(crate) fn meanwhile<T>(
    queue: Of,
    theirs: &mut (dyn FnMut() + Send),
    ours: impl FnOnce() -> T,
) -> Result<T> {
    // SAFETY: It is put on the queue once, and we wait until it is done.
    let errand = unsafe { Errand::new(theirs)? };
    // It is new, so that it is on no queue.
    let _ = queue.queue().enqueue(errand.clone());
    let result = ours();
    errand.wait();
    Ok(result)
}
