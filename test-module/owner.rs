// SPDX-License-Identifier: GPL-2.0

//! To whom device pages belong, as far as the kernel is told.

use core::ptr;
use kernel::prelude::*;

use crate::bindings;

/// Which device pages a call is about: whose they are (`pgmap_owner`), and of what kind.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    /// Only its identity means something.
    pub(crate) identity: *mut c_void,
    /// What selects such pages.
    pub(crate) select: bindings::migrate_vma_direction,
}

impl Owner {
    /// No device's pages, and no owner to tell mirrors of.
    pub(crate) fn nobody() -> Self {
        Self {
            identity: ptr::null_mut(),
            select: 0,
        }
    }

    pub(crate) fn as_ptr(self) -> *mut c_void {
        self.identity
    }
}

/// Whom pages of a device belong to, as far as the kernel is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// To this device.
    Alone,
    /// To all devices that share theirs: each may take what is on the others.
    Peers,
}
