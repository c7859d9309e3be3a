// SPDX-License-Identifier: GPL-2.0

//! The device's memory: page frames that the kernel knows and no CPU can reach
//! (`MEMORY_DEVICE_PRIVATE`).
//!
//! There is no device. What a page of it holds is in a page of system memory, allocated while the
//! device page is in use: every copy is a real one. One device may have memory that was set aside
//! for it instead, which CPUs can reach (`MEMORY_DEVICE_COHERENT`): what its pages hold is in them.

use core::ops::Range;
use kernel::{
    container_of, new_mutex, new_spinlock,
    page::PAGE_SHIFT,
    prelude::*,
    sync::{Arc, Mutex, SpinLock},
    types::Opaque,
};

use crate::{
    accounts::{Accounts, FileAccount, FileId},
    bindings::{
        self, migrate_vma_direction_MIGRATE_VMA_SELECT_DEVICE_COHERENT as SELECT_DEVICE_COHERENT,
        migrate_vma_direction_MIGRATE_VMA_SELECT_DEVICE_PRIVATE as SELECT_DEVICE_PRIVATE,
    },
    bottom_half::BottomHalf,
    clock,
    engine::{Engine, Speed},
    eviction, fault,
    folio::{Backing, COMPOUND_PAGES, FolioRef, Frame, NewFolio, Pfn, Size},
    owner::{Owner, Sharing},
    plan::Delays,
    quietly,
    region::Region,
    slots::{Arrival, Mapping, Slots},
    source::Source,
    task_mutex::TaskMutex,
    uapi::{Configuration, MAX_DELAY_NS, MAX_HANG_NS, configuration},
    waits::Waits,
};

/// How often a call that hangs looks whether it may go on, nanoseconds.
const HANG_STEP: u64 = 1_000_000;

/// What a device's memory is like.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) bytes: usize,
    /// The number of the device.
    pub(crate) number: u32,
    pub(crate) sharing: Sharing,
    /// The address of memory that was set aside for it, which CPUs reach
    /// (`MEMORY_DEVICE_COHERENT`). Without, none does.
    pub(crate) coherent_at: Option<u64>,
}

/// A mutex that CPU faults take.
pub(crate) enum FaultMutex<'a> {
    /// The device's.
    Device(&'a TaskMutex),
    /// That of the file which brought the page.
    File(Arc<FileAccount>),
}

impl FaultMutex<'_> {
    pub(crate) fn mutex(&self) -> &TaskMutex {
        match self {
            Self::Device(mutex) => mutex,
            Self::File(account) => &account.faults,
        }
    }
}

/// Its address is the owner of all that is shared.
static PEERS: u8 = 0;

/// The device's memory.
///
/// # Invariants
///
/// `pagemap` describes `region` and is registered with the kernel from the end of initialization to
/// the end of drop. A folio that the kernel has from us is marked as taken in `slots`, and each of
/// its pages has a backing page, unless the memory is coherent.
#[pin_data(PinnedDrop)]
pub(crate) struct DeviceMemory {
    #[pin]
    pagemap: Opaque<bindings::dev_pagemap>,
    /// Innermost: nothing is locked, allocated or freed while it is held, for the kernel calls
    /// `folio_free` anywhere.
    #[pin]
    slots: SpinLock<Slots>,
    #[pin]
    configuration: SpinLock<Configuration>,
    #[pin]
    pub(crate) engine: Engine,
    /// Taken before setup by plays of amdgpu, and by CPU faults if the device is configured so.
    #[pin]
    pub(crate) svms: TaskMutex,
    /// What calls wait for between the kernel's, if the device is configured so.
    #[pin]
    pub(crate) queue: Mutex<()>,
    /// The thread that serves the device's faults in plays of nvidia-uvm, made when it is first
    /// needed.
    #[pin]
    pub(crate) bottom_half: Mutex<Option<Pin<KBox<BottomHalf>>>>,
    #[pin]
    pub(crate) accounts: Accounts,
    #[pin]
    pub(crate) waits: Waits,
    region: Region,
    spec: Spec,
}

// SAFETY: `pagemap` is the kernel's, which locks it; everything else may be sent.
unsafe impl Send for DeviceMemory {}
// SAFETY: As above; every method takes `&self` and locks what it changes.
unsafe impl Sync for DeviceMemory {}

static OPS: kernel::bindings::dev_pagemap_ops = kernel::bindings::dev_pagemap_ops {
    folio_free: Some(folio_free),
    migrate_to_ram: Some(fault::migrate_to_ram),
    memory_failure: None,
    // When the kernel splits a large folio of ours, it sets up the new folios itself. Drivers with
    // one backing folio behind a large one have to split that here; ours has a backing page for
    // each page.
    folio_split: None,
};

/// The kernel has no more use for a folio of ours.
///
/// # Safety
///
/// For the kernel to call, with a folio of a pagemap that has [`OPS`] and to which nobody has a
/// reference.
unsafe extern "C" fn folio_free(folio: *mut bindings::folio) {
    // SAFETY: By this function's requirements the folio is valid, its memory ours, and nobody uses
    // it.
    let (memory, pfn, pages) = unsafe {
        let page = bindings::migrate_test_folio_page(folio);
        let pages = 1usize << bindings::migrate_test_folio_order(folio);
        bindings::migrate_test_device_folio_dissolve(folio);
        (
            DeviceMemory::of_page(page),
            bindings::migrate_test_page_to_pfn(page),
            pages,
        )
    };
    for pfn in pfn..pfn + pages {
        let backing = memory.slots.lock().give_back(pfn - memory.first());
        drop(backing);
    }
}

impl DeviceMemory {
    /// Registers device memory, rounded down to whole large folios.
    pub(crate) fn new(spec: Spec) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            slots <- new_spinlock!(Slots::new(spec.bytes >> PAGE_SHIFT)?),
            configuration <- new_spinlock!(Configuration::default()),
            engine <- Engine::new(),
            svms <- TaskMutex::new(),
            queue <- new_mutex!(()),
            bottom_half <- new_mutex!(None),
            accounts <- Accounts::new(),
            waits <- Waits::new(),
            region: match spec.coherent_at {
                Some(start) => Region::set_aside(start, spec.bytes)?,
                None => Region::unreachable(spec.bytes)?,
            },
            spec,
            // Last: from here on the kernel may call.
            // INVARIANT: Success means that the region is registered.
            pagemap <- Opaque::try_ffi_init(|slot| Self::register(slot, spec, region)),
        })
    }

    fn register(slot: *mut bindings::dev_pagemap, spec: &Spec, region: &Region) -> Result {
        // SAFETY: The slot is ours to write. Zeroes are valid for every field.
        unsafe {
            slot.write_bytes(0, 1);
            (*slot).type_ = match spec.coherent_at {
                Some(_) => kernel::bindings::memory_type_MEMORY_DEVICE_COHERENT,
                None => kernel::bindings::memory_type_MEMORY_DEVICE_PRIVATE,
            };
            (*slot).nr_range = 1;
            let range = (*slot).__bindgen_anon_1.range.as_mut();
            range.start = region.start;
            range.end = region.start + region.bytes - 1;
            (*slot).ops = &OPS;
            (*slot).owner = match spec.sharing {
                Sharing::Alone => slot.cast(),
                Sharing::Peers => (&raw const PEERS).cast_mut().cast(),
            };
        }
        // SAFETY: The structure is filled in and stays where it is, since it is pinned.
        kernel::error::from_err_ptr(unsafe {
            kernel::bindings::memremap_pages(slot, kernel::bindings::NUMA_NO_NODE)
        })?;
        Ok(())
    }

    /// The memory that a device page is part of.
    ///
    /// # Safety
    ///
    /// `page` is a page of a pagemap that has [`OPS`], and is in use for `'a`, which keeps the
    /// pagemap registered.
    pub(crate) unsafe fn of_page<'a>(page: *const bindings::page) -> &'a Self {
        // SAFETY: Only `DeviceMemory` has pagemaps with these operations, in its field `pagemap`.
        // It does not go away while a page is in use, because its drop waits for all of them.
        unsafe {
            let pagemap = bindings::migrate_test_page_pgmap(page);
            &*container_of!(Opaque::cast_from(pagemap).cast_mut(), Self, pagemap)
        }
    }

    /// The memory of a device's page; `None` for a page of the system's.
    ///
    /// # Safety
    ///
    /// `pfn` is a page of the system or of a device of this driver's, and in use for `'a`.
    pub(crate) unsafe fn of_frame<'a>(pfn: Pfn) -> Option<&'a Self> {
        // SAFETY: By this function's requirements there is such a page, which stays; if it is a
        // device's, it is ours.
        unsafe {
            let page = bindings::migrate_test_pfn_to_page(pfn);
            let is_device = bindings::migrate_test_is_device_page(page)
                || bindings::migrate_test_is_coherent_page(page);
            is_device.then(|| Self::of_page(page))
        }
    }

    pub(crate) fn owner(&self) -> Owner {
        let select = match (self.spec.coherent_at, self.spec.sharing) {
            (Some(_), _) => SELECT_DEVICE_COHERENT,
            (None, Sharing::Alone) => SELECT_DEVICE_PRIVATE,
            // A driver for both kinds asks for both.
            (None, Sharing::Peers) => SELECT_DEVICE_PRIVATE | SELECT_DEVICE_COHERENT,
        };
        Owner {
            // SAFETY: The structure was filled in when it was registered, and does not change.
            identity: unsafe { (*self.pagemap.get()).owner },
            select,
        }
    }

    fn is_coherent(&self) -> bool {
        self.spec.coherent_at.is_some()
    }

    fn first(&self) -> Pfn {
        (self.region.start >> PAGE_SHIFT) as Pfn
    }

    /// The frame number of the page at an index.
    pub(crate) fn pfn(&self, index: usize) -> Pfn {
        self.first() + index
    }

    /// Which of the module's devices this is.
    pub(crate) fn number(&self) -> u32 {
        self.spec.number
    }

    /// Sets how the device behaves from now on.
    pub(crate) fn configure(&self, new: &Configuration) -> Result {
        let fault_pages = new.fault_pages.max(1);
        let odd_fault = !fault_pages.is_power_of_two() || fault_pages > COMPOUND_PAGES as u64;
        let unknown = new.flags & !configuration::ALL != 0;
        let mutexes = configuration::LOCKED_FAULTS | configuration::FAULT_MUTEX;
        let both = new.flags & mutexes == mutexes;
        let times = [
            new.engine_setup_ns,
            new.invalidate_ns,
            new.fault_ns,
            new.fence_ns,
            new.mutex_ns,
        ];
        let long = times.iter().any(|time| *time > MAX_DELAY_NS);
        if unknown || both || odd_fault || long {
            return Err(EINVAL);
        }
        if new.flags & configuration::FENCES != 0 && !bindings::MIGRATE_TEST_HAS_FENCES {
            return Err(ENODEV);
        }
        let capacity = match new.capacity {
            0 => usize::MAX,
            pages => pages as usize,
        };
        self.slots.lock().set_capacity(capacity);
        self.engine.set_speed(Speed {
            setup: new.engine_setup_ns,
            bandwidth: new.engine_bandwidth,
        });
        *self.configuration.lock() = *new;
        Ok(())
    }

    /// Whether migrations wait for the copy engine after pages instead of before.
    pub(crate) fn waits_after_pages(&self) -> bool {
        self.configuration.lock().flags & configuration::WAIT_AFTER_PAGES != 0
    }

    /// Whether they wait for it by a fence.
    pub(crate) fn has_fenced_engine(&self) -> bool {
        self.configuration.lock().flags & configuration::FENCED_ENGINE != 0
    }

    /// Hangs here, which is one of the bits of [`configuration`] that say so, for as long as the
    /// device is configured so. Nobody is kept from being killed, and a worker, which takes no
    /// signals, not for ever.
    pub(crate) fn hang(&self, place: u64) {
        let latest = clock::now().saturating_add(MAX_HANG_NS);
        while self.configuration.lock().flags & place != 0
            && clock::now() < latest
            && !current!().signal_pending()
        {
            clock::sleep_until(clock::now() + HANG_STEP);
        }
    }

    /// For how long calls have to wait here, which is one of the bits of [`configuration`] that say
    /// so, if they have to.
    pub(crate) fn obstacle(&self, place: u64) -> Option<u64> {
        let configuration = self.configuration.lock();
        (configuration.flags & place != 0).then_some(if place & configuration::FENCES != 0 {
            configuration.fence_ns
        } else {
            configuration.mutex_ns
        })
    }

    /// What a CPU fault takes before setup, if it takes anything.
    pub(crate) fn fault_mutex(&self, file: Option<FileId>) -> Option<FaultMutex<'_>> {
        let flags = self.configuration.lock().flags;
        if flags & configuration::LOCKED_FAULTS != 0 {
            return Some(FaultMutex::Device(&self.svms));
        }
        let file = file.filter(|_| flags & configuration::FAULT_MUTEX != 0)?;
        self.accounts.find(file).map(FaultMutex::File)
    }

    /// What a CPU fault spends between the kernel's calls.
    pub(crate) fn fault_delays(&self) -> Delays {
        let configuration = self.configuration.lock();
        Delays {
            alloc_and_copy: configuration.fault_ns,
            finalize_and_map: 0,
            asleep: configuration.flags & configuration::FAULT_SLEEPS != 0,
        }
    }

    /// Every n-th page that a CPU fault leaves where it is; 0: none.
    pub(crate) fn retired_every(&self) -> u32 {
        self.configuration.lock().retired_every as u32
    }

    /// Pages that a fault of the CPU brings home: a power of two.
    pub(crate) fn fault_pages(&self) -> usize {
        self.configuration.lock().fault_pages.max(1) as usize
    }

    /// How long a mirror takes to invalidate a range, nanoseconds.
    pub(crate) fn invalidate_ns(&self) -> u64 {
        self.configuration.lock().invalidate_ns
    }

    /// Pages in all.
    pub(crate) fn pages(&self) -> usize {
        self.slots.lock().len()
    }

    /// Pages in use.
    pub(crate) fn taken(&self) -> usize {
        self.slots.lock().taken()
    }

    /// Some pages to evict, in rising order: about `wanted`, large folios with all their pages.
    /// None at the end of each turn through the memory.
    pub(crate) fn victims(&self, wanted: usize) -> Result<KVVec<Pfn>> {
        let mut pfns = KVVec::with_capacity(wanted + COMPOUND_PAGES, quietly())?;
        self.slots.lock().victims(wanted, self.first(), &mut pfns);
        Ok(pfns)
    }

    /// The frames of those pages that are in use, in rising order.
    pub(crate) fn taken_pfns(&self, indices: Range<usize>) -> Result<KVVec<Pfn>> {
        let mut pfns = KVVec::with_capacity(indices.len(), quietly())?;
        let slots = self.slots.lock();
        let in_range = |index: &usize| *index < indices.end;
        for index in slots.indices(indices.start).take_while(in_range) {
            // There is room for all of them.
            pfns.push_within_capacity(self.first() + index)
                .map_err(|_| ENOMEM)?;
        }
        Ok(pfns)
    }

    /// Base pages in the largest folio that is made of this memory. Of coherent memory there are no
    /// large ones: the kernel splits device folios that CPUs cannot reach, and takes all others for
    /// such as are on a list of the system's.
    pub(crate) fn largest(&self) -> usize {
        if self.is_coherent() {
            1
        } else {
            COMPOUND_PAGES
        }
    }

    /// A new folio of device memory. Its contents are whatever was there.
    pub(crate) fn allocate(&self, size: Size) -> Option<NewFolio> {
        if size.pages() > self.largest() {
            return None;
        }
        let index = self.slots.lock().take(size)?;
        let backed = if self.is_coherent() { 0 } else { size.pages() };
        for page in index..index + backed {
            let Some(backing) = Backing::new() else {
                self.give_back(index, size);
                return None;
            };
            self.slots.lock().set_backing(page, backing);
        }
        let pfn = self.first() + index;
        // SAFETY: The pages are of our pagemap and free: the slots say so. Initializing locks the
        // folio and sets its only reference, which are ours to give.
        Some(unsafe {
            let page = bindings::migrate_test_pfn_to_page(pfn);
            bindings::migrate_test_device_folio_init(page.cast(), self.pagemap.get(), size.order());
            NewFolio::from_pfn(pfn, size)
        })
    }

    fn give_back(&self, index: usize, size: Size) {
        for page in index..index + size.pages() {
            let backing = self.slots.lock().give_back(page);
            drop(backing);
        }
    }

    /// Where the bytes of a new folio's n-th page are.
    pub(crate) fn frame<'a>(&'a self, folio: &'a NewFolio, n: usize) -> Option<Frame<'a>> {
        let pfn = (n < folio.size().pages()).then_some(folio.pfn() + n)?;
        // SAFETY: A folio in use keeps its backing, and it is borrowed for `'a`.
        unsafe { self.frame_of(pfn) }
    }

    /// Where the bytes of a collected folio's n-th page are.
    pub(crate) fn frame_behind<'a>(
        &'a self,
        source: &'a Source<'_>,
        n: usize,
    ) -> Option<Frame<'a>> {
        // SAFETY: A folio in use keeps its backing; setup holds it, and what it collected is
        // borrowed for `'a`.
        unsafe { self.frame_of(source.pfn(n)?) }
    }

    /// # Safety
    ///
    /// If the page is ours, it is in use for `'a`.
    unsafe fn frame_of<'a>(&'a self, pfn: Pfn) -> Option<Frame<'a>> {
        let index = pfn.checked_sub(self.first())?;
        if self.is_coherent() {
            // SAFETY: CPUs reach the page itself, which is in use by this function's requirement.
            return (index < self.pages()).then(|| unsafe { Frame::new(pfn) });
        }
        let backing = self.slots.lock().backing(index)?.pfn();
        // SAFETY: The backing is allocated as long as the page is in use, which it is by this
        // function's requirement.
        Some(unsafe { Frame::new(backing) })
    }

    /// Notes where a page of ours is mapped, and who brought it.
    pub(crate) fn arrive(&self, pfn: Pfn, arrival: Arrival) {
        self.slots.lock().arrive(pfn - self.first(), arrival);
    }

    /// Notes that what was on some pages has gone, if they are ours.
    pub(crate) fn depart(&self, pfn: Pfn, pages: usize) {
        let Some(index) = pfn.checked_sub(self.first()) else {
            return;
        };
        let mut slots = self.slots.lock();
        for index in index..index + pages {
            slots.depart(index);
        }
    }

    /// Whether a page is ours and in use.
    pub(crate) fn is_taken(&self, pfn: Pfn) -> bool {
        let index = pfn.checked_sub(self.first());
        index.is_some_and(|index| self.slots.lock().is_taken(index))
    }

    /// Whether a page is ours, and what arrived there has not gone.
    pub(crate) fn is_occupied(&self, pfn: Pfn) -> bool {
        let index = pfn.checked_sub(self.first());
        index.is_some_and(|index| self.slots.lock().is_occupied(index))
    }

    /// The file that brought a page here.
    pub(crate) fn file_of(&self, pfn: Pfn) -> Option<FileId> {
        self.slots.lock().file(pfn.checked_sub(self.first())?)
    }

    /// Whether a page is ours and mapped there.
    pub(crate) fn is_mapped(&self, pfn: Pfn, mapping: Mapping) -> bool {
        let index = pfn.checked_sub(self.first());
        index.is_some_and(|index| self.slots.lock().is_mapped(index, mapping))
    }

    /// Has the thread that serves the device's faults do something, and waits until it has.
    pub(crate) fn with_bottom_half(&self, body: &mut (dyn FnMut() + Send)) -> Result {
        let mut thread = self.bottom_half.lock();
        if thread.is_none() {
            *thread = Some(BottomHalf::new(self.number())?);
        }
        thread.as_ref().map_or(Ok(()), |thread| thread.run(body))
    }

    /// Takes a reference on a page of ours, if it is mapped there.
    pub(crate) fn reference(&self, pfn: Pfn, mapping: Mapping) -> Option<FolioRef> {
        let index = pfn.checked_sub(self.first())?;
        // SAFETY: The pages of our memory exist, in use or not, as long as we do.
        let reference = (index < self.pages()).then(|| unsafe { FolioRef::try_get(pfn) })??;
        // Only now that it cannot be freed: it might have been, and be somebody else's. The lock is
        // gone before the reference may be dropped, which frees and takes the lock.
        let ours = self.slots.lock().is_mapped(index, mapping);
        ours.then_some(reference)
    }
}

#[pinned_drop]
impl PinnedDrop for DeviceMemory {
    fn drop(self: Pin<&mut Self>) {
        // Nothing can bring more pages here: files are closed, and every open file holds the
        // module.
        eviction::evict_all(&self);
        // SAFETY: By the type invariants the pagemap is registered. No page of it is in use; the
        // kernel waits for faults that still hold one.
        unsafe { kernel::bindings::memunmap_pages(self.pagemap.get()) };
    }
}
