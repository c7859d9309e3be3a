//! What user space tells the probes while they run: where memory is, and which code means what.

/// What is known of memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Regions {
    /// Counts changes of what follows.
    pub changes: u64,
    /// The [`Region::place`] of the next region that comes.
    pub next_place: u64,
    /// Memory of devices. Comes first: that of a node may have holes, and a device's may be in one.
    /// An entry with `end == 0` is behind the last.
    pub device: [Region; DEVICE_REGIONS],
    /// The machine's own memory, in the same way.
    pub node: [Region; NODE_REGIONS],
}

/// Regions of devices that are known at once.
pub const DEVICE_REGIONS: usize = 48;
/// Regions of nodes that are known at once.
pub const NODE_REGIONS: usize = 32;

/// Memory with one meaning: part of a NUMA node, or of a device.
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
pub struct Region {
    /// The first frame number.
    pub start: u64,
    /// The frame number behind the last.
    pub end: u64,
    /// A [`Memory`](super::Memory).
    pub memory: u32,
    /// Tells nodes and devices apart: from 1, the same as long as the tracer runs.
    pub place: u32,
}

/// What was read of the kernel's memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Peek {
    /// 0 if it could not be read.
    pub ok: u64,
    /// As it stands there.
    pub words: [u64; PEEK_WORDS],
}

/// Words that are read at once: the slots of a node of the kernel's XArray.
pub const PEEK_WORDS: usize = 64;

/// Code of the kernel, or of a module, that tells why it migrates.
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
pub struct Code {
    /// The first address.
    pub start: u64,
    /// The address behind the last; 0 in a free entry.
    pub end: u64,
    /// Bits of [`code`].
    pub meaning: u64,
}

/// Pieces of code that are known at once.
pub const CODE_RANGES: usize = 512;

/// What code means.
pub mod code {
    /// The bits of a [`Cause`](crate::wire::Cause): a function on whose behalf memory migrates for
    /// that reason. 0: tells nothing.
    pub const CAUSE: u64 = 0xff;
    /// It is a module's.
    pub const MODULE: u64 = 1 << 8;
    /// The filter asks for migrations of this driver.
    pub const WANTED: u64 = 1 << 9;
    /// It only ever migrates for the module that calls it.
    pub const HELPER: u64 = 1 << 10;
    /// It is the kernel's own, and no module's.
    pub const KERNEL: u64 = 1 << 11;
}

const _: () = assert!(size_of::<Region>() == 24);
const _: () = assert!(size_of::<Code>() == 24);
