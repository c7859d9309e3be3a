// SPDX-License-Identifier: GPL-2.0

//! In what memory pages are: of the system, and on which node, or of a device, and of which.

use crate::{
    bindings,
    device_memory::DeviceMemory,
    folio::Pfn,
    uapi::{Memory, NO_PLACE, direction},
};

impl Memory {
    /// Counts pages of one folio.
    ///
    /// # Safety
    ///
    /// `pfn` is a page of system memory or of a device of this driver's, and is in use.
    pub(crate) unsafe fn count(&mut self, pfn: Pfn, pages: u64) {
        // SAFETY: By this function's requirements the page exists, and stays.
        let (page, is_private, is_coherent) = unsafe {
            let page = bindings::migrate_test_pfn_to_page(pfn);
            (
                page,
                bindings::migrate_test_is_device_page(page),
                bindings::migrate_test_is_coherent_page(page),
            )
        };
        if !is_private && !is_coherent {
            // SAFETY: As above.
            let node = unsafe { bindings::migrate_test_page_node(page) }.unsigned_abs();
            self.node = merged(self.system, self.node, node);
            self.system += pages;
            return;
        }
        // SAFETY: It is a page of a device, which is this driver's by this function's requirements.
        let device = unsafe { DeviceMemory::of_page(page) }.number();
        self.device = merged(self.on_devices(), self.device, device);
        let kind = if is_private {
            &mut self.device_private
        } else {
            &mut self.device_coherent
        };
        *kind += pages;
    }
}

/// The place of so many pages and those that are added.
fn merged(pages: u64, place: u32, added: u32) -> u32 {
    if pages == 0 || place == added {
        added
    } else {
        NO_PLACE
    }
}

/// Where pages went. `asked` is for when none arrived.
pub(crate) fn direction(from: &Memory, to: &Memory, asked: u32) -> u32 {
    match (to.on_devices() > 0, to.system > 0) {
        (false, false) => asked,
        (true, _) if from.system == 0 && from.on_devices() > 0 => direction::DEVICE_TO_DEVICE,
        (true, _) => direction::TO_DEVICE,
        (false, true) if from.on_devices() == 0 && from.system > 0 => direction::SYSTEM_TO_SYSTEM,
        (false, true) => direction::TO_SYSTEM,
    }
}
