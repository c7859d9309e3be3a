//! What is measured in a migration only when it is asked for.

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
}

const _: () = assert!(size_of::<Details>() == 72);
