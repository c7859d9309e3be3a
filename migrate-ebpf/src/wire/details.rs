//! What is measured in a migration only when it is asked for.

use super::{ASKED_DRIVERS, Asked, Contended, Phases};

/// Parts of setup (and of the other steps, where the kernel does the same there), nanoseconds.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Parts {
    /// In `lru_add_drain_all`: every CPU gives back the pages that it holds.
    pub lru_drain_ns: u64,
    /// In the MMU notifiers of whoever mirrors the address space.
    pub invalidate_ns: u64,
    /// In `try_to_migrate`: one page is taken out of every page table that maps it.
    pub rmap_ns: u64,
    /// In splitting large folios.
    pub split_ns: u64,
}

/// Where the time of one of the driver's steps goes, nanoseconds. Time that belongs to two of these
/// is in the inner one only, so that they add up to no more than the step.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct DriverParts {
    /// Waiting for a `dma_fence`: mostly until the device has copied.
    pub fence_ns: u64,
    /// Waiting for a lock that somebody else had.
    pub lock_ns: u64,
    /// Allocating pages.
    pub alloc_ns: u64,
    /// Mapping pages for DMA.
    pub dma_map_ns: u64,
}

/// How long the thread did not run in each step, nanoseconds: it slept, or waited for a lock or a
/// CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct OffCpu {
    /// By step: `setup`, `alloc_and_copy`, `pages`, `finalize_and_map`, `finalize`.
    pub steps: [u64; 5],
}

/// Follows a [`Record`](super::Record) in the ring, in the same entry, when any of it was asked
/// for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Details {
    /// Zero unless sub-steps were asked for.
    pub parts: Parts,
    /// Zero unless off-CPU time was asked for.
    pub off_cpu: OffCpu,
    /// Of `alloc_and_copy`, and of `finalize_and_map`; zero unless sub-steps were asked for.
    pub driver: [DriverParts; 2],
    /// Where the thread waited for locks in those steps; zero unless sub-steps were asked for.
    pub contended: Contended,
    /// What the program was doing; zero unless phases were asked for.
    pub phases: Phases,
    /// Where none of the owner's own threads makes the call: who of them asked drivers last. Zero
    /// unless the user's stacks were asked for.
    pub asked: [Asked; ASKED_DRIVERS],
}

const _: () = assert!(size_of::<Details>() == 256);
