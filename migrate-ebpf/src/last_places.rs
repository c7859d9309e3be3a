//! Between which places a call moved memory, kept for the next call in its slot: it often moves
//! some between the same, one way or the other.

/// Frames that are known to be of one region: all whose entries have the same first bits.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// One of the entries, whatever its flags.
    pub(crate) one: u64,
    /// The bits that all have in common.
    pub(crate) fixed: u64,
    /// The region, as `probes/memory.rs` tells it.
    pub(crate) told: u64,
}

/// Two of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct LastPlaces {
    /// How often regions had changed then. 0: nothing is known.
    pub(crate) changes: u64,
    pub(crate) one: Block,
    pub(crate) other: Block,
}
