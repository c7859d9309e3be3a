//! How recordings end.

/// How a source came to its end. Whatever was whole has been delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should: nothing is missing.
    Complete,
    /// Without an end mark: the recorder was killed, or is still writing.
    Unfinished {
        /// Bytes of whole batches.
        whole_bytes: u64,
        /// Bytes of a batch that is not whole, and was left out.
        lost_bytes: u64,
    },
    /// With bytes that make no sense, or that could not be read.
    Damaged {
        /// Where, bytes from the start.
        at: u64,
        /// What was found there.
        found: String,
    },
    /// Not read at all: it cannot be one with the recordings before it.
    LeftOut {
        /// Where it begins, bytes from the start of its stream.
        at: u64,
        /// Why.
        why: String,
    },
}

impl Ending {
    /// The name used in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unfinished { .. } => "unfinished",
            Self::Damaged { .. } => "damaged",
            Self::LeftOut { .. } => "left_out",
        }
    }
}
