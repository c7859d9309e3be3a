// SPDX-License-Identifier: GPL-2.0

//! A kernel thread that serves a device's faults, as nvidia-uvm has one for each GPU. It lives as
//! long as the device.

use core::ptr;
use kernel::{
    bindings::{kthread_create_on_node, kthread_stop_put, task_struct, wake_up_process},
    ffi, new_condvar, new_mutex,
    prelude::*,
    sync::{Arc, CondVar, Mutex},
};

use crate::worker::Errand;

/// What the thread is told.
struct Desk {
    errand: Option<Arc<Errand>>,
    is_over: bool,
}

/// The thread.
///
/// # Invariants
///
/// `thread` is a kernel thread that runs [`serve`] with this value, and of which we hold a
/// reference, or null.
#[pin_data(PinnedDrop)]
pub(crate) struct BottomHalf {
    #[pin]
    desk: Mutex<Desk>,
    #[pin]
    bell: CondVar,
    thread: *mut task_struct,
}

// SAFETY: The thread may be stopped by another one than that which made it.
unsafe impl Send for BottomHalf {}
// SAFETY: What is changed through a shared reference is under a lock.
unsafe impl Sync for BottomHalf {}

impl BottomHalf {
    /// Starts the thread of a device.
    pub(crate) fn new(device: u32) -> Result<Pin<KBox<Self>>> {
        let mut this = KBox::pin_init(
            pin_init!(Self {
                desk <- new_mutex!(Desk { errand: None, is_over: false }),
                bell <- new_condvar!(),
                thread: ptr::null_mut(),
            }),
            GFP_KERNEL,
        )?;
        let data = (&raw const *this).cast_mut().cast();
        // SAFETY: The value stays where it is until it is dropped, which waits for the thread. The
        // format fits the number.
        let thread = kernel::error::from_err_ptr(unsafe {
            let name = c"UVM GPU%u BH".as_char_ptr();
            kthread_create_on_node(
                Some(serve),
                data,
                kernel::bindings::NUMA_NO_NODE,
                name,
                device,
            )
        })?;
        // SAFETY: The thread is new, and cannot have ended: it has not run. Only the field is
        // written to, and nothing moved; nobody else has the value yet.
        // INVARIANT: The reference is taken here.
        unsafe {
            kernel::bindings::get_task_struct(thread);
            this.as_mut().get_unchecked_mut().thread = thread;
            wake_up_process(thread);
        }
        Ok(this)
    }

    /// Has the thread do something, and waits until it has.
    pub(crate) fn run(&self, body: &mut (dyn FnMut() + Send)) -> Result {
        // SAFETY: We wait until it is done.
        let errand = unsafe { Errand::new(body)? };
        self.desk.lock().errand = Some(errand.clone());
        self.bell.notify_one();
        errand.wait();
        Ok(())
    }

    fn next(&self) -> Option<Arc<Errand>> {
        let mut desk = self.desk.lock();
        loop {
            if let Some(errand) = desk.errand.take() {
                return Some(errand);
            }
            if desk.is_over {
                return None;
            }
            // A kernel thread gets no signals, and a wait that cannot be interrupted is taken for
            // one without end.
            let _ = self.bell.wait_interruptible(&mut desk);
        }
    }
}

/// The thread's life.
///
/// # Safety
///
/// `data` is a [`BottomHalf`] that stays until this returns.
unsafe extern "C" fn serve(data: *mut ffi::c_void) -> ffi::c_int {
    // SAFETY: By this function's requirements.
    let this = unsafe { &*data.cast::<BottomHalf>() };
    while let Some(errand) = this.next() {
        errand.run();
    }
    0
}

#[pinned_drop]
impl PinnedDrop for BottomHalf {
    fn drop(self: Pin<&mut Self>) {
        if self.thread.is_null() {
            return;
        }
        self.desk.lock().is_over = true;
        self.bell.notify_one();
        // SAFETY: By the type invariants it is a thread of which we hold a reference, which is
        // given up here.
        unsafe { kthread_stop_put(self.thread) };
    }
}
