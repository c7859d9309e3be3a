// SPDX-License-Identifier: GPL-2.0

//! Physical addresses for a device's memory.

use kernel::prelude::*;

const NAME: &CStr = c"migrate_test";

/// Physical addresses that nothing else uses.
///
/// # Invariants
///
/// `start` and `bytes` are a region requested by us.
pub(crate) struct Region {
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

impl Region {
    /// Addresses behind which there is nothing.
    pub(crate) fn unreachable(bytes: usize) -> Result<Self> {
        // SAFETY: `iomem_resource` is the kernel's root of memory resources; the name is static.
        let resource = kernel::error::from_err_ptr(unsafe {
            kernel::bindings::request_free_mem_region(
                &raw mut kernel::bindings::iomem_resource,
                bytes,
                NAME.as_char_ptr(),
            )
        })?;
        // INVARIANT: The request succeeded.
        // SAFETY: A resource that was not an error is valid, and ours until we release it.
        unsafe {
            Ok(Self {
                start: (*resource).start,
                bytes: (*resource).end - (*resource).start + 1,
            })
        }
    }

    /// Addresses of memory which the kernel was told to leave alone. `EBUSY` where it uses it, or
    /// somebody else does.
    pub(crate) fn set_aside(start: u64, bytes: usize) -> Result<Self> {
        // SAFETY: The root and the name are static.
        let resource = unsafe {
            kernel::bindings::__request_region(
                &raw mut kernel::bindings::iomem_resource,
                start,
                bytes as u64,
                NAME.as_char_ptr(),
                0,
            )
        };
        if resource.is_null() {
            return Err(EBUSY);
        }
        // INVARIANT: The request succeeded.
        Ok(Self {
            start,
            bytes: bytes as u64,
        })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: By the type invariants we requested this region.
        unsafe { kernel::bindings::release_mem_region(self.start, self.bytes) };
    }
}
