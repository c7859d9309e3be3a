//! Everything that the kernel counts. User space counts by the same structure what the kernel told
//! it by records.

use super::{
    CLASSES, Counts, Histograms, LOSSES, Outcome, WAIT_CLASSES, WaitCounts, WaitFigure,
    WaitHistogram,
};

/// In one piece: to find a map's value takes a dozen instructions each time. Many times those of a
/// counter. User space reads pieces of it, where they are.
#[repr(C)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Counted {
    /// By [`Loss`](super::Loss).
    pub losses: [u64; LOSSES],
    /// How many migrations ended, reported or lost.
    pub ended: u64,
    /// How often the kernel's memory changed.
    pub changes: u64,
    /// How many waits ended.
    pub waits_ended: u64,
    /// How many phases programs opened, known or lost.
    pub phases_opened: u64,
    /// By [`count_of`](super::count_of).
    pub counts: [Counts; CLASSES * Outcome::ALL.len()],
    /// By [`wait_class`](super::wait_class).
    pub wait_counts: [WaitCounts; WAIT_CLASSES],
    /// By [`WaitFigure`].
    pub wait_histograms: [WaitHistogram; WaitFigure::ALL.len()],
    /// By [`class`](super::class).
    pub histograms: [Histograms; CLASSES],
}
