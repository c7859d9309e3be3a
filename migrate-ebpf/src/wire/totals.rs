//! What the kernel counts by itself: exact, whatever becomes of the records.

use super::histogram::BUCKETS;
use super::numbered::wire_figures;
use super::{Cause, Direction, Ledger, Outcome};

/// Combinations of direction and cause.
pub const CLASSES: usize = Direction::ALL.len() * Cause::ALL.len();

/// The place of a combination of direction and cause, by their numbers on the wire.
#[inline(always)]
pub const fn class(direction: u8, cause: u8) -> usize {
    (direction as usize - 1) * Cause::ALL.len() + cause as usize - 1
}

/// The place of a [`Counts`]: one for each class and outcome.
#[inline(always)]
pub const fn count_of(class: usize, outcome: u8) -> usize {
    class * Outcome::ALL.len() + outcome as usize - 1
}

/// Sums over the migrations of one direction, cause and outcome.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Counts {
    /// How many there were.
    pub migrations: u64,
    /// Where their pages went. Unit: base pages.
    pub ledger: Ledger,
    /// Of the skipped pages: never collected. Unit: base pages.
    pub not_collected: u64,
    /// Of the skipped pages: collected, and not unmapped. Unit: base pages.
    pub unmap_failed: u64,
    /// Of the skipped pages: nobody could see why. Unit: base pages.
    pub unknown: u64,
    /// Of the skipped pages: nobody used them, so that there was nothing to move. Unit: base pages.
    pub free: u64,
    /// Of the declined pages: nothing was mapped there. Unit: base pages.
    pub declined_holes: u64,
    /// The tracer's own time, nanoseconds.
    pub probe_ns: u64,
    /// Ledgers that do not balance.
    pub unbalanced: u64,
}

wire_figures! {
    /// What there is a histogram of, for each class.
    Figure {
        /// Nanoseconds of `setup`.
        Setup = 0 "setup_ns",
        /// Nanoseconds of `alloc_and_copy`.
        AllocAndCopy = 1 "alloc_and_copy_ns",
        /// Nanoseconds of `pages`.
        Pages = 2 "pages_ns",
        /// Nanoseconds of `finalize_and_map`.
        FinalizeAndMap = 3 "finalize_and_map_ns",
        /// Nanoseconds of `finalize`.
        Finalize = 4 "finalize_ns",
        /// Nanoseconds of the steps of one migration that happened, together.
        Total = 5 "total_ns",
        /// Base pages requested by one call.
        Batch = 6 "pages_per_call",
        /// [`Figure::Total`] by the pages that arrived (moved or populated), rounded down; only
        /// where some did.
        PerPage = 7 "ns_per_page",
    }
}

/// The histograms of one class. 272 KiB; all classes together 9.3 MiB, however long the tracer
/// runs.
#[repr(C)]
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Histograms {
    /// The sum of all values, by [`Figure`]. Exact.
    pub sums: [u64; Figure::ALL.len()],
    /// How many values there were in each place of [`super::histogram`], by [`Figure`]: side by
    /// side, so that the distances between them fit into an instruction.
    pub buckets: [[u64; Figure::ALL.len()]; BUCKETS],
}

const _: () = assert!(size_of::<Counts>() == 17 * 8);
const _: () = assert!(size_of::<Histograms>() * CLASSES < 10 << 20);
