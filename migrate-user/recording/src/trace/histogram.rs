//! Histograms with the places of the kernel's.

use hdrhistogram::Histogram;
use migrate_ebpf::wire;

/// Significant decimal digits of every histogram: a relative error of at most 1%, as in the kernel.
pub const DIGITS: u8 = 2;

/// The smallest value that histograms tell from 0.
pub const LOWEST: u64 = 1;

/// What is larger than this is counted as this, as in the kernel: 18 minutes, in nanoseconds.
pub const HIGHEST: u64 = wire::histogram::LIMIT - 1;

/// An empty histogram with the places of the kernel's: 35 KB.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS)
        .expect("these bounds are within the crate's limits")
}
