// SPDX-License-Identifier: GPL-2.0

//! A mirror of an address space, as devices with page tables of their own keep one: when the kernel
//! is about to migrate a range, it asks the mirror to forget it, and waits until it has.
//!
//! There is no device that could forget, so that this takes as long as
//! [`Configuration::invalidate_ns`] says. What it took a thread is kept until the migration that
//! the thread is in asks for it.
//!
//! [`Configuration::invalidate_ns`]: crate::uapi::Configuration::invalidate_ns

use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    bindings::{
        mmu_notifier, mmu_notifier_event_MMU_NOTIFY_CLEAR as CLEAR,
        mmu_notifier_event_MMU_NOTIFY_MIGRATE as MIGRATE,
        mmu_notifier_event_MMU_NOTIFY_PROTECTION_PAGE as PROTECTION_PAGE,
        mmu_notifier_event_MMU_NOTIFY_PROTECTION_VMA as PROTECTION_VMA,
        mmu_notifier_event_MMU_NOTIFY_UNMAP as UNMAP, mmu_notifier_ops, mmu_notifier_range,
        mmu_notifier_register, mmu_notifier_unregister,
    },
    container_of, ffi,
    mm::{Mm, MmWithUser},
    page::PAGE_SIZE,
    prelude::*,
    sync::{Arc, aref::ARef, global_lock},
    types::Opaque,
};

use crate::{
    clock::{self, Stamp},
    device_memory::DeviceMemory,
    layout,
    timeline::Span,
    uapi::{Wait, configuration, wait, wait_result},
};

/// Threads that can be in a migration at once and have what their mirrors took remembered.
const MOST_THREADS: usize = 4096;

/// How long the mirrors of a thread's address space have taken.
struct Taken {
    thread: u32,
    nanoseconds: u64,
}

global_lock! {
    // SAFETY: The module initializes it before anything else.
    unsafe(uninit) static TAKEN: SpinLock<KVVec<Taken>> = KVVec::new();
}

/// How many mirrors there are: without any, nothing needs to be looked up.
static MIRRORS: AtomicUsize = AtomicUsize::new(0);

/// Room for what mirrors take. Notifiers must not allocate: the kernel calls them when it is about
/// to free memory.
pub(crate) struct Room(());

impl Room {
    /// # Safety
    ///
    /// To be called once, before anything else of this file.
    pub(crate) unsafe fn new() -> Result<Self> {
        // SAFETY: By this function's requirement.
        unsafe { TAKEN.init() };
        let room = KVVec::with_capacity(MOST_THREADS, GFP_KERNEL)?;
        *TAKEN.lock() = room;
        Ok(Self(()))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Freed when the lock is gone.
        let _room = core::mem::replace(&mut *TAKEN.lock(), KVVec::new());
    }
}

/// What mirrors took in this thread since it last asked, nanoseconds.
pub(crate) fn taken() -> u64 {
    if MIRRORS.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let (_, thread) = layout::current_ids();
    let mut all = TAKEN.lock();
    let at = all.iter().position(|taken| taken.thread == thread);
    at.and_then(|at| all.remove(at).ok())
        .map_or(0, |taken| taken.nanoseconds)
}

fn keep(nanoseconds: u64) {
    let (_, thread) = layout::current_ids();
    let mut all = TAKEN.lock();
    match all.iter_mut().find(|taken| taken.thread == thread) {
        Some(taken) => taken.nanoseconds += nanoseconds,
        None => {
            let new = Taken {
                thread,
                nanoseconds,
            };
            // Without room it is not known, and the truth says less than it took.
            let _ = all.push_within_capacity(new);
        }
    }
}

/// A registered mirror.
///
/// # Invariants
///
/// `notifier` is registered for `mm` from the end of initialization to the end of drop.
#[pin_data(PinnedDrop)]
pub(crate) struct Mirror {
    #[pin]
    notifier: Opaque<mmu_notifier>,
    mm: ARef<Mm>,
    /// The process whose address space it is.
    owner: u32,
    memory: Arc<DeviceMemory>,
}

// SAFETY: A notifier may be unregistered by another thread than the one that registered it.
unsafe impl Send for Mirror {}
// SAFETY: Nothing can be changed through a shared reference; the kernel calls notifiers from many
// threads at once.
unsafe impl Sync for Mirror {}

static OPS: mmu_notifier_ops = mmu_notifier_ops {
    invalidate_range_start: Some(invalidate_range_start),
    // SAFETY: The kernel calls no operation that is null, which zeroes are.
    ..unsafe { core::mem::zeroed() }
};

impl Mirror {
    /// Mirrors the address space of the thread that calls. Its mmap lock must not be held.
    pub(crate) fn new(mm: &MmWithUser, memory: Arc<DeviceMemory>) -> Result<Pin<KBox<Self>>> {
        let mm: &Mm = mm;
        let (owner, _) = layout::current_ids();
        let mirror = KBox::try_pin_init(
            try_pin_init!(Self {
                mm: mm.into(),
                owner,
                memory,
                // INVARIANT: Success means that it is registered.
                notifier <- Opaque::try_ffi_init(|slot: *mut mmu_notifier| {
                    // SAFETY: The slot is ours to write, and pinned; zeroes are valid for every
                    // field. The caller has a reference to the address space that keeps it in use.
                    kernel::error::to_result(unsafe {
                        slot.write_bytes(0, 1);
                        (*slot).ops = &OPS;
                        mmu_notifier_register(slot, mm.as_raw())
                    })
                }),
            }? Error),
            GFP_KERNEL,
        )?;
        MIRRORS.fetch_add(1, Ordering::Relaxed);
        Ok(mirror)
    }
}

#[pinned_drop]
impl PinnedDrop for Mirror {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants it is registered for this address space, whose structure
        // we hold. The kernel waits until nobody is in its operations.
        unsafe { mmu_notifier_unregister(self.notifier.get(), self.mm.as_raw()) };
        MIRRORS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A range is about to change. Of the many reasons only migration to or from a device takes time
/// here, our own ones too, as for drivers that do not look who asks. The others are counted.
///
/// # Safety
///
/// For the kernel to call, with a notifier that has [`OPS`].
unsafe extern "C" fn invalidate_range_start(
    notifier: *mut mmu_notifier,
    range: *const mmu_notifier_range,
) -> ffi::c_int {
    // SAFETY: Only `Mirror` has notifiers with these operations, in its field `notifier`; it waits
    // for us when it goes. The range is valid for this call.
    let (mirror, range) = unsafe {
        let notifier = Opaque::cast_from(notifier).cast_mut();
        (&*container_of!(notifier, Mirror, notifier), &*range)
    };
    let from = clock::now();
    if range.event == MIGRATE {
        clock::spin_until(from.saturating_add(mirror.memory.invalidate_ns()));
        mirror.memory.hang(configuration::HANG_IN_SETUP);
        keep(clock::now() - from);
    } else {
        mirror.count(range, from);
    }
    0
}

impl Mirror {
    /// Somebody else than a migration changes this range.
    fn count(&self, range: &mmu_notifier_range, from: Stamp) {
        let becomes = match range.event {
            UNMAP => wait_result::UNMAPPED,
            CLEAR => wait_result::CLEARED,
            PROTECTION_VMA => wait_result::PROTECTED,
            PROTECTION_PAGE => wait_result::PAGE_PROTECTED,
            _ => wait_result::CHANGED,
        };
        let to = clock::now();
        self.memory.waits.keep(&Wait {
            device: self.memory.number(),
            owner: self.owner,
            address: range.start as u64,
            pages: ((range.end - range.start) / PAGE_SIZE) as u64,
            ..Wait::over(wait::INVALIDATION, becomes, Span { from, to })
        });
    }
}
