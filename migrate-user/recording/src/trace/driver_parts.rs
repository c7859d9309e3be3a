//! Where the time of the driver's steps goes: which steps, which parts, and their names.

pub use migrate_ebpf::wire::DriverParts;

use super::{Facts, Step};

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

/// What each part is seen by, in the order of [`DRIVER_PARTS`], as [`Facts::not_hooked`] names it.
const SEEN_BY: [&[&str]; DRIVER_PARTS.len()] = [
    &["dma_fence_wait_start", "dma_fence_wait_end"],
    &["contention_begin", "contention_end"],
    &["__alloc_frozen_pages_noprof"],
    &["dma_map_phys", "dma_map_sg_attrs"],
];

/// Which parts could be seen, in the order of [`DRIVER_PARTS`]. Of others a recording has 0, which
/// says nothing.
pub fn seen_parts(facts: &Facts) -> [bool; DRIVER_PARTS.len()] {
    let is_hooked = |name: &&str| !facts.not_hooked.iter().any(|not| not == name);
    SEEN_BY.map(|names| facts.details.sub_steps && names.iter().all(is_hooked))
}
