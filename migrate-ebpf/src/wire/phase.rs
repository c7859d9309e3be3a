//! What programs say they are doing: phases, which they open and close.

use super::numbered::wire_enum;

/// Words of a phase's name, with the zero byte that ends it.
pub const PHASE_NAME_WORDS: usize = 8;

/// Places for phases. What else is opened is unknown.
pub const PHASES: usize = 1 << 16;

/// How deep phases of a thread are followed, one more for what is outside of all: a power of two,
/// which the probes rely on.
pub const PHASE_LEVELS: usize = 32;

/// The place of no phase.
pub const NO_PHASE: u32 = 0;
/// The place of a phase that nobody can tell.
pub const UNKNOWN_PHASE: u32 = u32::MAX;

wire_enum! {
    /// How a phase came about.
    PhaseKind {
        /// It was opened, and lasts until it is closed; or the whole machine is in it.
        Opened = 1 "opened",
        /// The thread was there at a moment, and has been past it since.
        Marked = 2 "marked",
    }
}

/// A phase, in the one that it is nested in. Once it has a place it stays there.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The place of the phase around it; [`NO_PHASE`].
    pub outer: u32,
    /// A [`PhaseKind`]; 0 where there is no phase at this place.
    pub kind: u32,
    /// What it is called, cut off where it is too long, padded with zero bytes.
    pub name: [u64; PHASE_NAME_WORDS],
}

/// What is said of one moment: places of phases.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Phases {
    /// In which the whole machine is, as `migscope mark` told.
    pub machine: u32,
    /// In which the program is.
    pub program: u32,
}

const _: () = assert!(size_of::<Phase>() == 72);
