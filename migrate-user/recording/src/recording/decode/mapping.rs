//! The columns of mappings.

use migrate_ebpf::wire::MappingKind;

use super::Wrong;
use super::columns::{Columns, Names, Numbers};
use super::interned::{TextColumn, Texts};
use crate::trace::{MappedFile, Mapping, MappingRow};

/// Which mapping each migration is in.
pub(super) struct MappingColumns {
    start: Numbers<u64>,
    end: Numbers<u64>,
    kind: Names<MappingKind>,
    name: TextColumn,
    device: TextColumn,
    inode: Numbers<u64>,
}

impl MappingColumns {
    pub(super) fn new(columns: &Columns<'_>, texts: &mut Texts) -> Result<Self, Wrong> {
        Ok(Self {
            start: columns.numbers("mapping_start")?,
            end: columns.numbers("mapping_end")?,
            kind: columns.names("mapping_kind", MappingKind::from_name)?,
            name: texts.names(columns, "mapping")?,
            device: texts.names(columns, "mapping_device")?,
            inode: columns.numbers("mapping_inode")?,
        })
    }

    #[inline]
    pub(super) fn row(&self, at: usize) -> Option<MappingRow<'_>> {
        Some(MappingRow {
            start: self.start.get(at)?,
            end: self.end.get(at)?,
            kind: self.kind.get(at),
            name: self.name.get(at),
        })
    }

    pub(super) fn get(&self, at: usize) -> Option<Mapping> {
        let row = self.row(at)?;
        let file = || {
            Some(MappedFile {
                device: self.device.get(at)?.clone(),
                inode: self.inode.get(at)?,
            })
        };
        Some(Mapping {
            start: row.start,
            end: row.end,
            kind: row.kind,
            name: row.name.cloned(),
            file: file(),
        })
    }
}
