//! When modules came and went: an address is another function's from then on. User space reads
//! words of it, where they are.

/// How many are kept. A power of two, which the probes rely on.
pub const MODULE_CHANGES_KEPT: usize = 64;

/// A module came or went.
#[repr(C)]
pub struct ModuleChange {
    /// Which change it is, counted from 1; 0 while it is written.
    pub number: u64,
    /// Nanoseconds of CLOCK_BOOTTIME. None of its code has run before it came, and none does after
    /// it went.
    pub time_ns: u64,
    /// Not 0 if it went.
    pub went: u64,
}

/// The last of the modules that came and went.
#[repr(C)]
pub struct ModuleChanges {
    /// How many there have been. Raised before a change is written.
    pub count: u64,
    /// The change with number `n` is at `n %` [`MODULE_CHANGES_KEPT`].
    pub last: [ModuleChange; MODULE_CHANGES_KEPT],
}
