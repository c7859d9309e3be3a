// SPDX-License-Identifier: GPL-2.0

//! `migrate_test`: a driver with device-private memory and no device.
//!
//! It migrates pages of its callers between system memory and the memory of a device that exists
//! only as page frames, does all that a real driver does in between, and says exactly what became
//! of each page: the truth against which a tracer can be checked. `migrate.rs` shows how a driver
//! can use the kernel's migration interface safely.
//!
//! # Locks
//!
//! From the outside in; none is taken while one further in is held:
//!
//! 1. `DeviceMemory::bottom_half`, a mutex that is held while the thread behind it works, and
//!    `OpenFile::mirror`, a mutex under which a mirror is registered: the kernel takes the mmap
//!    lock for that;
//! 2. the mmap lock of an address space: the caller's in `file.rs` (shared, from before setup to
//!    after finalize), the faulting task's in `fault.rs` (the kernel has it);
//! 3. `DeviceMemory::svms`, a mutex that plays of amdgpu hold around a migration, or
//!    `FileAccount::faults`. CPU faults take one of them with the lock of the faulting folio held:
//!    those of large folios only try, since setup waits for the locks of such;
//! 4. locks of folios: setup takes them and finalize gives them back; `hold.rs` and evictions only
//!    try, because they come in whatever order pages have; new destinations are locked before
//!    anybody else knows them;
//! 5. `DeviceMemory::queue`, a mutex that is taken between the kernel's calls, under which nothing
//!    is done; and `Interval::update`, a mutex that notifiers take when page tables change, under
//!    which nothing is allocated or taken;
//! 6. `Accounts::files`, a mutex under which memory is allocated;
//! 7. spinlocks, none of which is taken under another, except the file's totals under nothing but
//!    `files`: `Accounts::device`, `FileAccount::totals`, `DeviceMemory::configuration`,
//!    `Engine::state`, `mirror::TAKEN`, `Waits::state`, the page table's XArray, and
//!    `DeviceMemory::slots`, which `folio_free` takes wherever the kernel drops the last reference.

use kernel::{
    alloc::{self, flags::__GFP_NOWARN},
    debugfs,
    prelude::*,
    sync::Arc,
};

mod accounts;
mod amdgpu;
mod arrays;
mod bindings;
mod bottom_half;
mod clock;
mod destinations;
mod device_memory;
mod engine;
mod eviction;
mod exclusive;
mod fault;
mod file;
mod folio;
mod hmm;
mod hold;
mod inject;
mod layout;
mod migrate;
mod mirror;
mod mpfn;
mod nouveau;
mod obstacles;
mod owner;
mod page_table;
mod places;
mod plan;
mod play;
mod range;
mod region;
mod registration;
mod ring;
mod rogue;
mod sequence;
mod slots;
mod source;
mod summary;
mod task_mutex;
mod timeline;
mod transfer;
mod truth;
pub mod uapi;
mod uvm;
mod waits;
mod who;
mod worker;
mod xe;

use device_memory::{DeviceMemory, Spec};
use owner::Sharing;
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
        peers: u32 {
            default: 0,
            description: "How many more there are that share their pages' owner (0 to 2)",
        },
        coherent_mib: u32 {
            default: 0,
            description: "Size of the memory of one more, which CPUs reach, in MiB (0: there is none)",
        },
        coherent_at_mib: u32 {
            default: 0,
            description: "Where that memory was set aside (memmap=SIZE$ADDRESS), in MiB",
        },
    },
}

const MIB: usize = 1 << 20;
/// A large folio of x86-64. With larger pages, on 64-bit ARM, it may be too little still.
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
const PEERS: [&CStr; uapi::MAX_PEERS as usize] = [c"migrate_test_peer", c"migrate_test_peer1"];
const COHERENT: &CStr = c"migrate_test_coherent";

/// The loaded module. Its memory goes away (and what is on it, home) after the last file is closed
/// and the devices are gone.
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
            let devices = devices()?;
            // SAFETY: A module is initialized once, and nobody can have opened a device yet.
            let room = unsafe { mirror::Room::new()? };
            let mut memories = KVec::with_capacity(devices.len(), GFP_KERNEL)?;
            for (_, spec) in &devices {
                let memory = Arc::pin_init(DeviceMemory::new(*spec), GFP_KERNEL)?;
                memories.push(memory, GFP_KERNEL)?;
            }
            let summary = Summary::new(&memories)?;
            Ok(try_pin_init!(Self {
                _room: room,
                _summary <- folder.read_only_file(c"totals", Ok::<_, Error>(summary)),
                // Last: a device can be opened as soon as it is there, and a module whose
                // initialization fails after that goes away under the open file.
                _registrations: register(module, &devices, memories)?,
            }))
        })
    }
}

fn register(
    module: &'static ThisModule,
    devices: &[(&'static CStr, Spec)],
    memories: KVec<Arc<DeviceMemory>>,
) -> Result<KVec<Pin<KBox<Registration>>>> {
    let mut registrations = KVec::with_capacity(devices.len(), GFP_KERNEL)?;
    for ((name, _), memory) in devices.iter().zip(memories) {
        let registration = KBox::pin_init(Registration::new(name, module, memory), GFP_KERNEL)?;
        registrations.push(registration, GFP_KERNEL)?;
    }
    Ok(registrations)
}

/// How to allocate arrays whose length callers choose: that there is no room is for them to know,
/// not for the kernel's log.
pub(crate) fn quietly() -> alloc::Flags {
    GFP_KERNEL | __GFP_NOWARN
}

/// Every device, in the order of their numbers, and what its file is called.
fn devices() -> Result<KVec<(&'static CStr, Spec)>> {
    let memory_mib = *module_parameters::memory_mib.value();
    let alone = named("devices", *module_parameters::devices.value(), 1, &NAMES)?;
    let peers = named("peers", *module_parameters::peers.value(), 0, &PEERS)?;
    let mut devices = KVec::new();
    for (names, sharing) in [(alone, Sharing::Alone), (peers, Sharing::Peers)] {
        for name in names {
            let spec = Spec {
                bytes: size("memory_mib", memory_mib)?,
                number: devices.len() as u32,
                sharing,
                coherent_at: None,
            };
            devices.push((*name, spec), GFP_KERNEL)?;
        }
    }
    let coherent_mib = *module_parameters::coherent_mib.value();
    if coherent_mib > 0 {
        let at_mib = *module_parameters::coherent_at_mib.value();
        let spec = Spec {
            bytes: size("coherent_mib", coherent_mib)?,
            number: devices.len() as u32,
            sharing: Sharing::Alone,
            coherent_at: Some(u64::from(at_mib) * MIB as u64),
        };
        devices.push((COHERENT, spec), GFP_KERNEL)?;
    }
    Ok(devices)
}

/// As many names as a parameter asks for.
fn named(
    parameter: &str,
    count: u32,
    least: usize,
    names: &'static [&'static CStr],
) -> Result<&'static [&'static CStr]> {
    let count = count as usize;
    if count < least || count > names.len() {
        pr_err!(
            "{parameter} is {count}; {least} to {} can be had\n",
            names.len()
        );
        return Err(EINVAL);
    }
    Ok(&names[..count])
}

/// Bytes of a device's memory.
fn size(parameter: &str, mib: u32) -> Result<usize> {
    let mib = mib as usize;
    if !(LEAST_MIB..=MOST_MIB).contains(&mib) {
        pr_err!("{parameter} is {mib}; {LEAST_MIB} to {MOST_MIB} can be had\n");
        return Err(EINVAL);
    }
    Ok(mib * MIB)
}
