//! Which mapping of its process a migration is in.

use std::sync::Arc;

pub use migrate_ebpf::wire::MappingKind;

/// A mapping of a process, as it was when a migration in it began: a line of `/proc/PID/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// What it is of; `None` where its name was lost.
    pub kind: Option<MappingKind>,
    /// What `/proc/PID/maps` calls it, of a file the last part of the path; [`ANONYMOUS`] where
    /// that has no name for it. `None` where it is not known.
    pub name: Option<Arc<str>>,
    /// The file; `None` if it is none, or not known.
    pub file: Option<MappedFile>,
}

/// What anonymous memory without a name is called.
pub const ANONYMOUS: &str = "[anon]";

/// A file, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// The device that it is on, as in `/proc/PID/mountinfo`: `major:minor`.
    pub device: Arc<str>,
    /// The number of its inode there.
    pub inode: u64,
}

/// A mapping where it stands. Fields mean what those of [`Mapping`] do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingRow<'a> {
    /// Its first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// What it is of.
    pub kind: Option<MappingKind>,
    /// What it is called.
    pub name: Option<&'a Arc<str>>,
}

impl<'a> From<&'a Mapping> for MappingRow<'a> {
    fn from(mapping: &'a Mapping) -> Self {
        Self {
            start: mapping.start,
            end: mapping.end,
            kind: mapping.kind,
            name: mapping.name.as_ref(),
        }
    }
}

impl Mapping {
    /// What a mapping of this kind is called. `text` is what the program named it, or the file's
    /// name; of other kinds it is empty.
    pub fn name_of(kind: MappingKind, text: &str) -> Option<String> {
        let given = Some(text).filter(|text| !text.is_empty());
        match kind {
            MappingKind::File => given.map(str::to_owned),
            MappingKind::NamedShared => given.map(|text| format!("[anon_shmem:{text}]")),
            MappingKind::Named => given.map(|text| format!("[anon:{text}]")),
            MappingKind::Special => Some("[special]".to_owned()),
            MappingKind::Heap => Some("[heap]".to_owned()),
            MappingKind::Stack => Some("[stack]".to_owned()),
            MappingKind::Anonymous => Some(ANONYMOUS.to_owned()),
        }
    }
}
