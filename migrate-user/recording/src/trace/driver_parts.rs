//! Where the time of the driver's steps goes: which steps, which parts, and their names.

pub use migrate_ebpf::wire::DriverParts;

use super::Step;

/// The steps in which the driver works, in the order of
/// [`Migration::driver_parts`](super::Migration::driver_parts).
pub const OF_DRIVER: [Step; 2] = [Step::AllocAndCopy, Step::FinalizeAndMap];

/// The names of the parts of such a step, as in columns and JSON.
pub const DRIVER_PARTS: [&str; 4] = ["fence", "lock", "alloc", "dma_map"];

/// Nanoseconds of each part, in the order of [`DRIVER_PARTS`].
pub fn each_part(parts: &DriverParts) -> [u64; DRIVER_PARTS.len()] {
    let DriverParts {
        fence_ns,
        lock_ns,
        alloc_ns,
        dma_map_ns,
    } = *parts;
    [fence_ns, lock_ns, alloc_ns, dma_map_ns]
}
