// SPDX-License-Identifier: GPL-2.0

//! debugfs's `migrate_test/totals`: what every device and open file did, as a table for people and
//! `awk`.
//!
//! The first line names the columns, which are separated by one space. A line is about one
//! direction and cause of one device, since the module was loaded (`file` is `-`), or of one file
//! that is open now, since it was opened (`file` is its number, `pid` who opened it). Units are
//! base pages, except for `migrations`.

use kernel::{debugfs::Writer, fmt, prelude::*, sync::Arc};

use crate::{
    device_memory::DeviceMemory,
    uapi::{Total, Totals, cause, direction},
};

const COLUMNS: &str = "device file pid direction cause migrations requested skipped declined moved populated \
     wasted_copy wasted_fill rolled_back rejected declined_holes free";

/// By their numbers.
const DIRECTIONS: [&str; direction::COUNT] = [
    "unknown",
    "to_device",
    "to_system",
    "device_to_device",
    "system_to_system",
];
const CAUSES: [&str; cause::COUNT] = [
    "unknown",
    "cpu_fault",
    "kernel_access",
    "device_fault",
    "prefetch",
    "eviction",
    "driver",
];

/// Every device of the module.
pub(crate) struct Summary {
    devices: KVec<Arc<DeviceMemory>>,
}

impl Summary {
    pub(crate) fn new(memories: &[Arc<DeviceMemory>]) -> Result<Self> {
        let mut devices = KVec::with_capacity(memories.len(), GFP_KERNEL)?;
        for memory in memories {
            devices.push(memory.clone(), GFP_KERNEL)?;
        }
        Ok(Self { devices })
    }
}

impl Writer for Summary {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{COLUMNS}")?;
        for device in &self.devices {
            let number = device.number();
            lines(to, fmt!("{number} - -"), &device.accounts.totals())?;
            device.accounts.each_file(|file| {
                let (id, pid) = (file.id.0, file.pid);
                lines(to, fmt!("{number} {id} {pid}"), &file.totals())
            })?;
        }
        Ok(())
    }
}

fn lines(to: &mut fmt::Formatter<'_>, who: fmt::Arguments<'_>, totals: &Totals) -> fmt::Result {
    for (index, Total { migrations, ledger }) in totals.by_kind.iter().enumerate() {
        if *migrations == 0 {
            continue;
        }
        let (direction, cause) = Totals::kind(index);
        let (direction, cause) = (DIRECTIONS[direction as usize], CAUSES[cause as usize]);
        write!(to, "{who} {direction} {cause} {migrations}")?;
        for pages in [
            ledger.requested,
            ledger.skipped,
            ledger.declined,
            ledger.moved,
            ledger.populated,
            ledger.wasted_copy,
            ledger.wasted_fill,
            ledger.rolled_back,
            ledger.rejected,
            ledger.declined_holes,
            ledger.free,
        ] {
            write!(to, " {pages}")?;
        }
        writeln!(to)?;
    }
    Ok(())
}
