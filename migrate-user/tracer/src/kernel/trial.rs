//! What this kernel really offers: tried out with programs and maps of a few bytes, which are
//! removed at once.

use aya::maps::MapType;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported, is_map_supported, is_program_supported};

use super::Refusal;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A program is attached to a function of the kernel's that does nothing, by a trampoline.
    Trampolines,
    /// A ring buffer of one page is made.
    RingBuffer,
    /// A program that calls `bpf_loop` is shown to the verifier.
    Loops,
}

impl Feature {
    /// All there are, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Trampolines, Self::RingBuffer, Self::Loops];
}

/// Tries it out: whether there is such a thing. Takes the permission to load programs.
///
/// # Errors
///
/// What the kernel said, where it said something that is neither yes nor no.
pub fn try_out(feature: Feature) -> Result<bool, Refusal> {
    let tried = match feature {
        Feature::Trampolines => is_program_supported(ProgramType::Tracing),
        Feature::RingBuffer => {
            return is_map_supported(MapType::RingBuf).map_err(|e| Refusal::new(&e));
        }
        Feature::Loops => is_helper_supported(ProgramType::KProbe, BpfHelper::BPF_FUNC_loop),
    };
    tried.map_err(|error| Refusal::new(&error))
}
