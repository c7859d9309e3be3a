// SPDX-License-Identifier: GPL-2.0

//! Registers the misc device so that an open file keeps the module loaded.
//!
//! The kernel crate's own registration leaves `file_operations::owner` empty: such a module can be
//! unloaded while its files are open. This one fills it in.

use kernel::{
    bindings::{file_operations, misc_deregister, misc_register, miscdevice},
    container_of,
    miscdevice::{MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
    sync::Arc,
    types::Opaque,
};

use crate::{device_memory::DeviceMemory, file::OpenFile};

/// The registered device.
///
/// # Invariants
///
/// `misc` is registered from the end of initialization to the end of drop, and has the operations
/// of [`OpenFile`], through `operations`.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration {
    #[pin]
    misc: Opaque<miscdevice>,
    #[pin]
    operations: Opaque<file_operations>,
    memory: Arc<DeviceMemory>,
}

// SAFETY: A device may be deregistered by another thread than the one that registered it.
unsafe impl Send for Registration {}
// SAFETY: Nothing can be changed through a shared reference.
unsafe impl Sync for Registration {}

impl Registration {
    pub(crate) fn new(
        name: &'static CStr,
        module: &'static ThisModule,
        memory: Arc<DeviceMemory>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            memory,
            operations <- Opaque::ffi_init(|slot: *mut file_operations| {
                let misc = MiscDeviceOptions { name }.into_raw::<OpenFile>();
                // SAFETY: The operations of a misc device are static, and the slot is ours to
                // write.
                unsafe {
                    slot.copy_from_nonoverlapping(misc.fops, 1);
                    (*slot).owner = module.as_ptr();
                }
            }),
            misc <- Opaque::try_ffi_init(|slot: *mut miscdevice| {
                let misc = MiscDeviceOptions { name }.into_raw::<OpenFile>();
                // SAFETY: The slot is ours to write, and pinned: the device stays where it is until
                // it is deregistered, and so do its operations.
                // INVARIANT: Success means that the device is registered.
                kernel::error::to_result(unsafe {
                    slot.write(miscdevice { fops: operations.get(), ..misc });
                    misc_register(slot)
                })
            }),
        })
    }

    /// The registration that a file is being opened through.
    pub(crate) fn of(misc: &MiscDeviceRegistration<OpenFile>) -> &Self {
        // SAFETY: `OpenFile` is registered only here, as the field `misc` of a `Registration`,
        // which is there as long as the device is.
        unsafe { &*container_of!(Opaque::cast_from(misc.as_raw()).cast_mut(), Self, misc) }
    }

    pub(crate) fn memory(&self) -> Arc<DeviceMemory> {
        self.memory.clone()
    }
}

#[pinned_drop]
impl PinnedDrop for Registration {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants the device is registered.
        unsafe { misc_deregister(self.misc.get()) };
    }
}
