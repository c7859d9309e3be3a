//! What the tracer could not see, counted by name where it was lost.

/// Index into the kernel's array of loss counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// Migrations whose record did not fit into the ring buffer.
    RingFull = 0,
    /// Calls that found no free slot in the table of calls in flight: not in any count.
    InFlightFull = 1,
    /// Records whose ledger does not balance.
    Unbalanced = 2,
    /// Records with an array that could not be read.
    Unreadable = 3,
    /// Calls of pages or finalize without a setup that was seen (it began before the tracer did).
    Headless = 4,
}

/// Names of the counters, by index.
pub const LOSS_NAMES: [&str; 5] =
    ["ring_full", "in_flight_full", "unbalanced", "unreadable", "headless"];
