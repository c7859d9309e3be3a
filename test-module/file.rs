// SPDX-License-Identifier: GPL-2.0

//! `/dev/migrate_test`: what `uapi.rs` promises.

use kernel::{
    fs::{File, Kiocb},
    iov::IovIterDest,
    miscdevice::{MiscDevice, MiscDeviceRegistration},
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc,
    transmute::{AsBytes, FromBytes},
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    device_memory::DeviceMemory,
    eviction,
    folio::COMPOUND_PAGES,
    inject::{self, Injection},
    layout,
    migrate::{Select, Setup},
    page_table::PageTable,
    range::Range,
    registration::Registration,
    slots::Mapping,
    transfer::{Large, Plan},
    truth::Kind,
    uapi::{self, Info, Migrate, Totals, Truth, direction, flags, trigger},
};

// SAFETY: Only integers, without padding: `uapi.rs` asserts the size.
unsafe impl FromBytes for Migrate {}
// SAFETY: As above.
unsafe impl AsBytes for Migrate {}
// SAFETY: As above.
unsafe impl AsBytes for Truth {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for Totals {}
// SAFETY: Only 64-bit integers.
unsafe impl AsBytes for Info {}

/// One open file.
#[pin_data]
pub(crate) struct OpenFile {
    memory: Arc<DeviceMemory>,
    #[pin]
    page_table: PageTable,
}

#[vtable]
impl MiscDevice for OpenFile {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        let memory = Registration::of(misc).memory();
        KBox::pin_init(
            pin_init!(Self { memory, page_table <- PageTable::new() }),
            GFP_KERNEL,
        )
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let log = &kiocb.file().get_ref().memory.log;
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
            uapi::EVICT => write(argument, &eviction::evict(&file.memory)?)?,
            uapi::TOTALS => write(argument, &file.memory.log.totals())?,
            uapi::INFO => write(argument, &file.info())?,
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
            compound_pages: COMPOUND_PAGES as u64,
        }
    }

    fn migrate(&self, argument: UserPtr, select: Select) -> Result {
        let slice = UserSlice::new(argument, size_of::<Migrate>());
        let (mut reader, mut writer) = slice.reader_writer();
        let mut request: Migrate = reader.read()?;
        check(&request)?;
        request.truth = self.run(&request, select)?;
        self.memory.log.count(&request.truth);
        writer.write(&request)
    }

    fn run(&self, request: &Migrate, select: Select) -> Result<Truth> {
        let mm = layout::current_mm().ok_or(EINVAL)?;
        let mmap = mm.mmap_read_lock();
        let range = Range::new(&mmap, request.address as usize, request.pages as usize)?;
        let compound = request.flags & flags::COMPOUND != 0;
        let setup = Setup::new(&range, select, self.memory.owner(), compound)?;
        let held = inject::hold(
            request.pin_every,
            &range,
            select,
            &self.memory,
            &self.page_table,
        )?;
        let plan = self.plan(request, select, held.len());
        let truth = plan.run(setup, |arrived| {
            for n in 0..arrived.pages {
                let address = range.address(arrived.index + n);
                match select {
                    Select::System => {
                        self.page_table.set(address, arrived.pfn + n);
                        let mapping = Mapping::new(range.vma(), address);
                        self.memory.set_mapping(arrived.pfn + n, mapping);
                    }
                    Select::Device => self.page_table.clear(address),
                }
            }
        });
        drop(held);
        Ok(truth)
    }

    fn plan(&self, request: &Migrate, select: Select, pinned: usize) -> Plan<'_> {
        let split = request.flags & flags::SPLIT != 0;
        Plan {
            memory: &self.memory,
            kind: Kind {
                direction: match select {
                    Select::System => direction::TO_DEVICE,
                    Select::Device => direction::TO_SYSTEM,
                },
                trigger: trigger::DRIVER,
                address: request.address as usize,
                requested: request.pages as usize,
                pinned,
            },
            select,
            large: if split {
                Large::Split
            } else {
                Large::WholeOrSplit
            },
            populate: request.flags & flags::POPULATE != 0,
            roll_back: request.flags & flags::ROLL_BACK != 0,
            inject: Injection {
                decline_every: request.decline_every,
                reference_every: request.reference_every,
            },
        }
    }
}

/// Refuses what makes no sense whatever is mapped there; [`Range`] looks at the rest.
fn check(request: &Migrate) -> Result {
    let unknown = request.flags & !flags::ALL != 0;
    let lone_split = request.flags & (flags::SPLIT | flags::COMPOUND) == flags::SPLIT;
    let length = request.pages == 0 || request.pages > uapi::MAX_PAGES;
    let bytes = request.pages.saturating_mul(PAGE_SIZE as u64);
    let overflow = request.address.checked_add(bytes).is_none();
    if unknown || lone_split || length || overflow || request.address % PAGE_SIZE as u64 != 0 {
        return Err(EINVAL);
    }
    Ok(())
}

fn write<T: AsBytes>(to: UserPtr, value: &T) -> Result {
    UserSlice::new(to, size_of::<T>()).writer().write(value)
}
