// SPDX-License-Identifier: GPL-2.0

//! `migrate_test`: a driver with device-private memory and no device.
//!
//! It migrates pages of its callers between system memory and the memory of a device that exists only as page
//! frames, does all that a real driver does in between, and says exactly what became of each page: the truth
//! against which a tracer can be checked. `migrate.rs` shows how a driver can use the kernel's migration
//! interface safely.
//!
//! # Locks
//!
//! From the outside in; none is taken while one further in is held:
//!
//! 1. `OpenFile::mirror`, a mutex under which a mirror is registered: the kernel takes the mmap lock for that;
//! 2. the mmap lock of an address space: the caller's in `file.rs` (shared, from before setup to after finalize), the
//!    faulting task's in `fault.rs` (the kernel has it);
//! 3. locks of folios: setup takes them and finalize gives them back; `hold.rs` and evictions only try, because they
//!    come in whatever order pages have; new destinations are locked before anybody else knows them;
//! 4. `Accounts::files`, a mutex under which memory is allocated;
//! 5. spinlocks, none of which is taken under another, except the file's totals under nothing but `files`:
//!    `Accounts::device`, `FileAccount::totals`, `DeviceMemory::configuration`, `Engine::state`, `mirror::TAKEN`, the page table's
//!    XArray, and `DeviceMemory::slots`, which `folio_free` takes wherever the kernel drops the last reference.

use kernel::{
    alloc::{self, flags::__GFP_NOWARN},
    debugfs,
    prelude::*,
    sync::Arc,
};

mod accounts;
mod bindings;
mod clock;
mod destinations;
mod device_memory;
mod engine;
mod eviction;
mod fault;
mod file;
mod folio;
mod hold;
mod inject;
mod layout;
mod migrate;
mod mirror;
mod page_table;
mod places;
mod range;
mod registration;
mod sequence;
mod slots;
mod summary;
mod transfer;
mod truth;
pub mod uapi;
mod who;

use device_memory::DeviceMemory;
use registration::Registration;
use summary::Summary;

module! {
    type: Driver,
    name: "migrate_test",
    authors: ["The migscope developers"],
    description: "Device-private memory without a device, which knows what became of each page",
    license: "GPL",
    params: {
        memory_mib: u32 {
            default: 256,
            description: "Size of each device's memory in MiB (2 to 65536)",
        },
        devices: u32 {
            default: 2,
            description: "How many devices there are (1 to 4)",
        },
    },
}

const MIB: usize = 1 << 20;
/// A large folio.
const LEAST_MIB: usize = 2;
/// What the driver itself remembers of more does not fit into one of the kernel's allocations.
const MOST_MIB: usize = 65_536;

/// Where the devices are in `/dev`.
const NAMES: [&CStr; uapi::MAX_DEVICES as usize] = [
    c"migrate_test",
    c"migrate_test1",
    c"migrate_test2",
    c"migrate_test3",
];

/// The loaded module. Its memory goes away (and what is on it, home) after the last file is closed and the devices
/// are gone.
#[pin_data]
struct Driver {
    _registrations: KVec<Pin<KBox<Registration>>>,
    #[pin]
    _summary: debugfs::File<Summary>,
    /// Last: files that were open have their mirrors in it.
    _room: mirror::Room,
}

impl kernel::InPlaceModule for Driver {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let folder = debugfs::Dir::new(c"migrate_test");
        pin_init::pin_init_scope(move || {
            let names = names()?;
            // SAFETY: A module is initialized once, and nobody can have opened a device yet.
            let room = unsafe { mirror::Room::new()? };
            let mut memories = KVec::with_capacity(names.len(), GFP_KERNEL)?;
            for number in 0..names.len() {
                memories.push(memory(number as u32)?, GFP_KERNEL)?;
            }
            let summary = Summary::new(&memories)?;
            Ok(try_pin_init!(Self {
                _room: room,
                _summary <- folder.read_only_file(c"totals", Ok::<_, Error>(summary)),
                // Last: a device can be opened as soon as it is there, and a module whose initialization fails after
                // that goes away under the open file.
                _registrations: register(module, names, memories)?,
            }))
        })
    }
}

fn register(
    module: &'static ThisModule,
    names: &[&'static CStr],
    memories: KVec<Arc<DeviceMemory>>,
) -> Result<KVec<Pin<KBox<Registration>>>> {
    let mut registrations = KVec::with_capacity(names.len(), GFP_KERNEL)?;
    for (name, memory) in names.iter().zip(memories) {
        let registration = KBox::pin_init(Registration::new(name, module, memory), GFP_KERNEL)?;
        registrations.push(registration, GFP_KERNEL)?;
    }
    Ok(registrations)
}

/// How to allocate arrays whose length callers choose: that there is no room is for them to know, not for the kernel's
/// log.
pub(crate) fn quietly() -> alloc::Flags {
    GFP_KERNEL | __GFP_NOWARN
}

fn names() -> Result<&'static [&'static CStr]> {
    let devices = *module_parameters::devices.value() as usize;
    if devices == 0 || devices > NAMES.len() {
        pr_err!("devices is {devices}; 1 to {} can be had\n", NAMES.len());
        return Err(EINVAL);
    }
    Ok(&NAMES[..devices])
}

fn memory(number: u32) -> Result<Arc<DeviceMemory>> {
    let mib = *module_parameters::memory_mib.value() as usize;
    if !(LEAST_MIB..=MOST_MIB).contains(&mib) {
        pr_err!("memory_mib is {mib}; {LEAST_MIB} to {MOST_MIB} can be had\n");
        return Err(EINVAL);
    }
    Arc::pin_init(DeviceMemory::new(mib * MIB, number), GFP_KERNEL)
}
