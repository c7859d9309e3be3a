// SPDX-License-Identifier: GPL-2.0

//! `migrate_test`: a driver with device-private memory and no device.
//!
//! It migrates pages of its callers between system memory and the memory of a device that exists only as page
//! frames, does all that a real driver does in between, and says exactly what became of each page: the truth
//! against which a tracer can be checked. `migrate.rs` shows how a driver can use the kernel's migration
//! interface safely.

use kernel::{prelude::*, sync::Arc};

mod bindings;
mod device_memory;
mod eviction;
mod fault;
mod file;
mod folio;
mod inject;
mod layout;
mod log;
mod migrate;
mod page_table;
mod range;
mod registration;
mod sequence;
mod slots;
mod transfer;
mod truth;
pub mod uapi;

use device_memory::DeviceMemory;
use registration::Registration;

module! {
    type: Driver,
    name: "migrate_test",
    authors: ["The migscope developers"],
    description: "Device-private memory without a device, which knows what became of each page",
    license: "GPL",
    params: {
        memory_mib: u32 {
            default: 256,
            description: "Size of the device's memory in MiB (at least 2)",
        },
    },
}

const MIB: usize = 1 << 20;

/// The loaded module. Its memory goes away (and what is on it, home) after the last file is closed and the device
/// is gone.
#[pin_data]
struct Driver {
    #[pin]
    _registration: Registration,
}

impl kernel::InPlaceModule for Driver {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _registration <- Registration::new(c"migrate_test", module, memory()?),
        })
    }
}

fn memory() -> Result<Arc<DeviceMemory>> {
    let mib = *module_parameters::memory_mib.value() as usize;
    if mib < 2 {
        pr_err!("memory_mib is {mib}; at least 2 are needed\n");
        return Err(EINVAL);
    }
    let bytes = mib.checked_mul(MIB).ok_or(EINVAL)?;
    Arc::pin_init(DeviceMemory::new(bytes), GFP_KERNEL)
}
