//! Which mapping of its process a migration is in: a `struct vm_area_struct`.

use super::numbered::wire_enum;

/// The mapping that a call of `migrate_vma_setup` is about, as it was then.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct Mapping {
    /// Its first address, and the first behind it: 0 where it is not known, as in evictions, which
    /// are about page frames, and where mappings were not asked for.
    pub start: u64,
    /// See `start`.
    pub end: u64,
    /// What it is called: a [`MappingKind`] without a name of its own, or the
    /// [`id`](MappingName::id) of a name that was told. 0 where it is not known.
    pub name: u64,
}

impl Mapping {
    /// Not known.
    pub const UNKNOWN: Self = Self {
        start: 0,
        end: 0,
        name: 0,
    };
}

wire_enum! {
    /// What a mapping is of. Linux: `get_vma_name` in `fs/proc/task_mmu.c`, in its order.
    MappingKind {
        /// A file, which may have no name any more, and lie in memory.
        File = 1 "file",
        /// Anonymous memory that is shared, and that the program named by `PR_SET_VMA_ANON_NAME`.
        NamedShared = 2 "named_shared",
        /// What the kernel made for itself: `[vdso]`, or a driver's.
        Special = 3 "special",
        /// From where `brk` began to where it is.
        Heap = 4 "heap",
        /// That of the first thread.
        Stack = 5 "stack",
        /// Anonymous memory that the program named.
        Named = 6 "named",
        /// Anonymous memory without a name.
        Anonymous = 7 "anonymous",
    }
}

/// What a name is of is in [`MappingName::id`] as this bit, which no kind has.
pub const MAPPING_NAME: u64 = 1 << 63;

/// Words of a name: one of 255 bytes, the most that a file can have, and a zero byte.
pub const MAPPING_NAME_WORDS: usize = 32;

/// How many names the probes know to have told. Of one that they know no longer it is told again.
pub const MAPPING_NAMES_TOLD: usize = 512;

/// Told once, before the first migration in a mapping that is called so; and again when it may have
/// been forgotten.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout)
)]
pub struct MappingName {
    /// Made of all that follows, so that what has another name has another id: a hash, with
    /// [`MAPPING_NAME`].
    pub id: u64,
    /// Of a file; else 0.
    pub inode: u64,
    /// The device that a file is on, as the kernel numbers it (`dev_t`: the minor in the low 20
    /// bits); else 0.
    pub device: u32,
    /// A [`MappingKind`] that has a name.
    pub kind: u32,
    /// Up to a zero byte: what the program calls it, or the last part of the file's path. Empty if
    /// it could not be read.
    pub text: [[u8; 8]; MAPPING_NAME_WORDS],
}

const _: () = assert!(size_of::<MappingName>() == 280);
