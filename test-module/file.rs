// SPDX-License-Identifier: GPL-2.0

//! `/dev/migrate_test`: what `uapi.rs` promises.

use core::mem::size_of;
use kernel::{
    fs::{File, Kiocb},
    iov::IovIterDest,
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    mm::{Mm, MmWithUser},
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{Arc, Mutex, aref::ARef},
    transmute::{AsBytes, FromBytes},
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    accounts::{FileAccount, FileId},
    device_memory::DeviceMemory,
    eviction, exclusive,
    folio::{COMPOUND_PAGES, Pfn},
    hmm::{self, Reading},
    hold::Holder,
    inject::Injection,
    layout,
    migrate::{Arrived, Select, Setup},
    mirror::Mirror,
    page_table::PageTable,
    plan::{Delays, Large, Plan, Target},
    play,
    range::Range,
    registration::Registration,
    slots::{Arrival, Mapping},
    truth::Kind,
    uapi::{
        self, Configuration, Evict, Exclusive, Info, MAX_DELAY_NS, Map, Migrate, Play, TakeWaits,
        Totals, Truth, Wait, WaitTotals, cause, direction, evict, flags,
    },
    waits,
    who::Who,
};

// SAFETY: Only integers, without padding: `uapi.rs` asserts the size.
unsafe impl FromBytes for Migrate {}
// SAFETY: As above.
unsafe impl AsBytes for Migrate {}
// SAFETY: As above.
unsafe impl FromBytes for Evict {}
// SAFETY: As above.
unsafe impl AsBytes for Evict {}
// SAFETY: As above.
unsafe impl AsBytes for Truth {}
// SAFETY: Only 64-bit integers.
unsafe impl FromBytes for Configuration {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for Totals {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for Info {}
// SAFETY: Only integers, without padding: `uapi_waits.rs` asserts the size.
unsafe impl AsBytes for Wait {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for WaitTotals {}
// SAFETY: Only 64-bit integers.
unsafe impl FromBytes for TakeWaits {}
// SAFETY: Only 64-bit integers.
unsafe impl FromBytes for Exclusive {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for Exclusive {}
// SAFETY: Only integers, without padding: `uapi_waits.rs` asserts the size.
unsafe impl FromBytes for Map {}
// SAFETY: As above.
unsafe impl AsBytes for Map {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for TakeWaits {}

/// One open file.
#[pin_data(PinnedDrop)]
pub(crate) struct OpenFile {
    memory: Arc<DeviceMemory>,
    /// Whose memory may be migrated through it: the opener's. A reference that keeps its address
    /// from being used again, not the memory.
    mm: ARef<Mm>,
    account: Arc<FileAccount>,
    #[pin]
    page_table: PageTable,
    /// Made when it is first needed.
    #[pin]
    mirror: Mutex<Option<Pin<KBox<Mirror>>>>,
}

#[pinned_drop]
impl PinnedDrop for OpenFile {
    fn drop(self: Pin<&mut Self>) {
        self.memory.accounts.close(&self.account);
    }
}

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let memory = Registration::of(misc).memory();
        let user = layout::current_mm().ok_or(EINVAL)?;
        let mm: &Mm = &user;
        KBox::pin_init(
            try_pin_init!(Self {
                account: memory.accounts.open(layout::current_ids().0)?,
                memory,
                mm: mm.into(),
                page_table <- PageTable::new(),
                mirror <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let log = &kiocb.file().get_ref().memory.accounts;
        if iov.len() < size_of::<Truth>() {
            return Err(EINVAL);
        }
        let mut read = 0;
        while iov.len() >= size_of::<Truth>() {
            let Some(truth) = log.take() else { break };
            if iov.copy_to_iter(truth.as_bytes()) < size_of::<Truth>() {
                log.lose();
                return Err(EFAULT);
            }
            read += size_of::<Truth>();
        }
        Ok(read)
    }

    fn ioctl(this: Pin<&Self>, _file: &File, command: u32, argument: usize) -> Result<isize> {
        let file = this.get_ref();
        let argument = UserPtr::from_addr(argument);
        match command {
            uapi::TO_DEVICE => file.migrate(argument, Select::System)?,
            uapi::TO_SYSTEM => file.migrate(argument, Select::Device)?,
            uapi::EVICT => file.evict(argument)?,
            uapi::TOTALS => write(argument, &file.memory.accounts.totals())?,
            uapi::FILE_TOTALS => write(argument, &file.account.totals())?,
            uapi::INFO => write(argument, &file.info())?,
            uapi::PLAY => file.play(argument)?,
            uapi::MAP => file.map_range(argument)?,
            uapi::EXCLUSIVE => file.make_exclusive(argument)?,
            uapi::TAKE_WAITS => file.take_waits(argument)?,
            uapi::WAIT_TOTALS => write(argument, &file.memory.waits.totals())?,
            uapi::CONFIGURE => file.memory.configure(&read(argument)?)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

impl OpenFile {
    fn info(&self) -> Info {
        Info {
            device_pages: self.memory.pages() as u64,
            device_pages_used: self.memory.taken() as u64,
            page_bytes: PAGE_SIZE as u64,
            compound_pages: self.memory.largest() as u64,
            device: u64::from(self.memory.number()),
        }
    }

    fn evict(&self, argument: UserPtr) -> Result {
        let mut request: Evict = read(argument)?;
        let (first, pages) = (request.first as usize, request.pages as usize);
        let end = first.checked_add(pages).ok_or(EINVAL)?;
        let is_bound = |at: usize| at % COMPOUND_PAGES == 0 || at == self.memory.pages();
        let whole = is_bound(first) && is_bound(end);
        if pages == 0 || end > self.memory.pages() || !whole || request.reserved != 0 {
            return Err(EINVAL);
        }
        request.truth = match request.how {
            evict::PFNS => eviction::evict_pages(&self.memory, first..end)?,
            evict::RANGE => eviction::evict_range(&self.memory, first..end)?,
            _ => return Err(EINVAL),
        };
        self.count(&request.truth);
        write(argument, &request)
    }

    fn migrate(&self, argument: UserPtr, select: Select) -> Result {
        let mut request: Migrate = read(argument)?;
        check(&request, select)?;
        let select = match request.flags & flags::DEVICE_TOO {
            0 => select,
            _ => Select::Anywhere,
        };
        request.truth = self.run(&request, select)?;
        self.count(&request.truth);
        write(argument, &request)
    }

    fn play(&self, argument: UserPtr) -> Result {
        let mut request: Play = read(argument)?;
        self.own_mm()?;
        play::perform(self, &mut request)?;
        write(argument, &request)
    }

    fn map_range(&self, argument: UserPtr) -> Result {
        let mut request: Map = read(argument)?;
        let mm = self.own_mm()?;
        if request.reserved != 0 || request.delay_ns > MAX_DELAY_NS {
            return Err(EINVAL);
        }
        check_range(request.address, request.pages)?;
        let reading = Reading {
            mm: &mm,
            memory: &self.memory,
            start: request.address as usize,
            pages: request.pages as usize,
            owner: self.memory.owner().as_ptr(),
            attempts: match request.attempts {
                0 => hmm::ATTEMPTS,
                attempts => attempts,
            },
            delay: request.delay_ns,
        };
        let (found, result) = reading.read();
        request.range_faults = found.range_faults;
        request.busy = found.busy;
        request.retries = found.retries;
        request.range_fault_ns = found.range_fault_ns;
        request.read_begin_ns = found.read_begin_ns;
        request.mapped = found.mapped;
        write(argument, &request)?;
        result
    }

    fn make_exclusive(&self, argument: UserPtr) -> Result {
        let mut request: Exclusive = read(argument)?;
        let mm = self.own_mm()?;
        check_range(request.address, request.pages)?;
        let result = exclusive::make(&self.memory, &mm, &mut request);
        write(argument, &request)?;
        result
    }

    fn take_waits(&self, argument: UserPtr) -> Result {
        let mut request: TakeWaits = read(argument)?;
        // Others go on waiting: not more than there were, so that this comes to an end.
        let room = (request.room as usize).min(waits::CAPACITY);
        let to = UserPtr::from_addr(request.to as usize);
        let mut to = UserSlice::new(to, room * size_of::<Wait>()).writer();
        let log = &self.memory.waits;
        request.taken = 0;
        while to.len() >= size_of::<Wait>() {
            let Some(wait) = log.take() else { break };
            to.write(&wait).inspect_err(|_| log.lose())?;
            request.taken += 1;
        }
        write(argument, &request)
    }

    pub(crate) fn memory(&self) -> &DeviceMemory {
        &self.memory
    }

    /// The address space that the file is for.
    pub(crate) fn mm(&self) -> &Mm {
        &self.mm
    }

    pub(crate) fn id(&self) -> FileId {
        self.account.id
    }

    /// The device page that is mapped somewhere, if this file brought it there.
    pub(crate) fn frame_at(&self, mapping: Mapping) -> Option<Pfn> {
        let pfn = self.page_table.get(mapping.address)?;
        self.memory.is_mapped(pfn, mapping).then_some(pfn)
    }

    fn count(&self, truth: &Truth) {
        self.memory.accounts.count(truth, &self.account);
    }

    /// The address space of the caller, if it is the one that this file is for.
    fn own_mm(&self) -> Result<ARef<MmWithUser>> {
        layout::current_mm()
            .filter(|mm| mm.as_raw() == self.mm.as_raw())
            .ok_or(EPERM)
    }

    /// Sees to it that the address space is mirrored, if the device is to do so.
    fn mirror(&self, mm: &MmWithUser) -> Result {
        if self.memory.invalidate_ns() == 0 {
            return Ok(());
        }
        let mut mirror = self.mirror.lock();
        if mirror.is_none() {
            *mirror = Some(Mirror::new(mm, self.memory.clone())?);
        }
        Ok(())
    }

    fn run(&self, request: &Migrate, select: Select) -> Result<Truth> {
        let mm = self.own_mm()?;
        self.mirror(&mm)?;
        let mmap = mm.mmap_read_lock();
        let range = Range::new(&mmap, request.address as usize, request.pages as usize)?;
        let compound = request.flags & flags::COMPOUND != 0;
        let setup = Setup::new(&range, select, self.memory.owner(), compound)?;
        let inject = Injection::new(request);
        let held = Holder {
            range: &range,
            select,
            memory: &self.memory,
            page_table: &self.page_table,
        }
        .hold(&inject)?;
        let kind = Kind {
            who: Who::of(range.vma().mm()),
            asked: match select {
                Select::Device => direction::TO_SYSTEM,
                Select::System => direction::TO_DEVICE,
                Select::Anywhere => direction::UNKNOWN,
            },
            cause: cause::DRIVER,
            address: range.address(0),
            mapping: range.mapping(),
            requested: range.pages(),
            pinned: held.pinned,
            locked: held.locked,
            device: self.memory.number(),
        };
        let plan = self.plan(request, kind, select, inject);
        let truth = plan.run(setup, |arrived| self.map(&range, plan.to, arrived));
        drop(held);
        Ok(truth)
    }

    fn plan(&self, request: &Migrate, kind: Kind, select: Select, inject: Injection) -> Plan<'_> {
        let is_set = |flag| request.flags & flag != 0;
        Plan {
            file: Some(self.account.id),
            large: if is_set(flags::SPLIT) {
                Large::Split
            } else {
                Large::WholeOrSplit
            },
            populate: is_set(flags::POPULATE),
            roll_back: is_set(flags::ROLL_BACK),
            abandon: is_set(flags::ABANDON),
            evict: is_set(flags::EVICT),
            delays: Delays {
                alloc_and_copy: request.alloc_and_copy_delay_ns,
                finalize_and_map: request.finalize_and_map_delay_ns,
                asleep: is_set(flags::SLEEP),
            },
            inject,
            ..Plan::new(&self.memory, kind, select)
        }
    }

    /// Brings the device's page table up to date with what arrived.
    pub(crate) fn map(&self, range: &Range<'_>, to: Target, arrived: &Arrived) {
        for n in 0..arrived.pages {
            let address = range.address(arrived.index + n);
            if to != Target::Device {
                self.page_table.clear(address);
                continue;
            }
            self.page_table.set(address, arrived.pfn + n);
            let arrival = Arrival {
                mapping: Mapping::new(range.vma(), address),
                file: self.account.id,
            };
            self.memory.arrive(arrived.pfn + n, arrival);
        }
    }
}

/// Refuses what makes no sense whatever is mapped there; [`Range`] and the kernel look at the rest.
fn check(request: &Migrate, select: Select) -> Result {
    let is_set = |flag| request.flags & flag != 0;
    let unknown = request.flags & !flags::ALL != 0 || request.reserved != 0;
    let contradicts = is_set(flags::SPLIT) && !is_set(flags::COMPOUND)
        || is_set(flags::DEVICE_TOO) && select == Select::Device;
    let long = request.alloc_and_copy_delay_ns > MAX_DELAY_NS
        || request.finalize_and_map_delay_ns > MAX_DELAY_NS;
    let fine = Injection::is_valid(request);
    if unknown || contradicts || long || !fine {
        return Err(EINVAL);
    }
    check_range(request.address, request.pages)
}

/// Refuses what is no range of whole pages, or too long.
fn check_range(address: u64, pages: u64) -> Result {
    let length = pages == 0 || pages > uapi::MAX_PAGES;
    let bytes = pages.saturating_mul(PAGE_SIZE as u64);
    let overflow = address.checked_add(bytes).is_none();
    let unaligned = address % PAGE_SIZE as u64 != 0;
    if length || overflow || unaligned {
        return Err(EINVAL);
    }
    Ok(())
}

fn read<T: FromBytes>(from: UserPtr) -> Result<T> {
    UserSlice::new(from, size_of::<T>()).reader().read()
}

fn write<T: AsBytes>(to: UserPtr, value: &T) -> Result {
    UserSlice::new(to, size_of::<T>()).writer().write(value)
}
