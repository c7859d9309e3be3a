//! Calls that are under way when user space asks.

use super::Record;

/// How many are told at once. A power of two, which the probes rely on.
pub const MOST_UNDER_WAY: usize = 32;

/// A call that is under way.
#[repr(C)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct UnderWay {
    /// The number of the step that is running: 0 is setup, 4 is finalize.
    pub step: u64,
    /// When that step began: nanoseconds of CLOCK_BOOTTIME. Of the first step, when the call did.
    pub since_ns: u64,
    /// What is known of the call so far. Its outcome is that of one of which nothing more comes,
    /// and steps that are not over are [`UNKNOWN`](super::UNKNOWN).
    pub record: Record,
}

/// The answer.
#[repr(C)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct CallsUnderWay {
    /// How many calls began before the time that was asked for and are under way. Those that are
    /// more than [`MOST_UNDER_WAY`] are not told.
    pub found: u64,
    /// When the first of all of them began.
    pub oldest_ns: u64,
    /// The calls, in no order.
    pub calls: [UnderWay; MOST_UNDER_WAY],
}
