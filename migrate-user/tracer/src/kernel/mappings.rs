//! What mappings are called. The probes tell a name once, before the first migration that refers to
//! it.

use std::collections::HashMap;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use migrate_ebpf::wire::{self, MAPPING_NAMES_TOLD, MappingKind, MappingName, names};
use zerocopy::FromBytes as _;

use super::TracerError;
use migscope_recording::trace::{MappedFile, Mapping};

/// Do these bytes of the ring tell a name? Nothing else is so long.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    bytes.len() == size_of::<MappingName>()
}

/// Names kept before starting afresh: a machine that makes new ones for ever must not fill memory.
const KEPT: usize = 1 << 16;

/// The names that were told, and those that need not be.
pub(super) struct Mappings {
    names: HashMap<u64, Name>,
    /// What the probes have told: those they do not tell again.
    told: Option<Array<MapData, [u64; MAPPING_NAMES_TOLD]>>,
}

impl Default for Mappings {
    fn default() -> Self {
        Self {
            names: untold().collect(),
            told: None,
        }
    }
}

/// What kinds without a name of their own are called.
fn untold() -> impl Iterator<Item = (u64, Name)> {
    MappingKind::ALL.iter().filter_map(|kind| {
        let text = Mapping::name_of(*kind, "")?.into();
        let name = Name {
            kind: *kind,
            text: Some(text),
            file: None,
        };
        Some((*kind as u64, name))
    })
}

/// What a name stands for.
struct Name {
    kind: MappingKind,
    text: Option<Arc<str>>,
    file: Option<MappedFile>,
}

impl Mappings {
    /// Of this tracer.
    pub(super) fn open(tracer: &mut Ebpf) -> Result<Self, TracerError> {
        let told = tracer
            .take_map(names::NAMES_TOLD)
            .ok_or(TracerError::Object(names::NAMES_TOLD))?;
        Ok(Self {
            told: Some(Array::try_from(told).map_err(TracerError::Map)?),
            ..Self::default()
        })
    }

    /// Takes in the name that these bytes of the ring tell.
    pub(super) fn name(&mut self, bytes: &[u8]) -> Result<(), TracerError> {
        let bad = |what| TracerError::Record {
            length: bytes.len(),
            what,
        };
        let told = MappingName::read_from_bytes(bytes).map_err(|_| bad("length"))?;
        let kind = u8::try_from(told.kind)
            .ok()
            .and_then(MappingKind::from_wire);
        let kind = kind.ok_or_else(|| bad("kind of mapping"))?;
        if self.names.len() >= KEPT {
            self.forget()?;
        }
        let text = told.text.as_flattened().split(|byte| *byte == 0).next();
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        let name = Name {
            kind,
            text: Mapping::name_of(kind, &text).map(Into::into),
            file: (kind == MappingKind::File).then(|| file(&told)),
        };
        self.names.insert(told.id, name);
        Ok(())
    }

    /// Forgets all, and has the probes tell them again.
    fn forget(&mut self) -> Result<(), TracerError> {
        self.names = untold().collect();
        match &mut self.told {
            Some(told) => told
                .set(0, [0; MAPPING_NAMES_TOLD], 0)
                .map_err(TracerError::Map),
            None => Ok(()),
        }
    }

    /// The mapping that a record is about; `None` where it does not tell.
    pub(super) fn mapping(&self, told: wire::Mapping) -> Option<Mapping> {
        if told.end <= told.start {
            return None;
        }
        // One that was lost is none of them.
        let name = self.names.get(&told.name);
        Some(Mapping {
            start: told.start,
            end: told.end,
            kind: name.map(|name| name.kind),
            name: name.and_then(|name| name.text.clone()),
            file: name.and_then(|name| name.file.clone()),
        })
    }
}

/// Linux: `MAJOR` and `MINOR` of `include/linux/kdev_t.h`.
fn file(told: &MappingName) -> MappedFile {
    let (major, minor) = (told.device >> 20, told.device & ((1 << 20) - 1));
    MappedFile {
        device: format!("{major}:{minor}").into(),
        inode: told.inode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name as the probes tell it.
    fn told(id: u64, kind: MappingKind, text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; size_of::<MappingName>()];
        bytes[..8].copy_from_slice(&id.to_ne_bytes());
        bytes[8..16].copy_from_slice(&4711_u64.to_ne_bytes());
        bytes[16..20].copy_from_slice(&(8_u32 << 20 | 17).to_ne_bytes());
        bytes[20..24].copy_from_slice(&u32::from(kind as u8).to_ne_bytes());
        bytes[24..24 + text.len()].copy_from_slice(text);
        bytes
    }

    fn at(name: u64) -> wire::Mapping {
        wire::Mapping {
            start: 0x1000,
            end: 0x3000,
            name,
        }
    }

    #[test]
    fn a_name_is_that_of_every_migration_that_refers_to_it() {
        let (weights, model) = (wire::MAPPING_NAME | 5, wire::MAPPING_NAME | 6);
        let mut mappings = Mappings::default();
        // Whatever lay in the ring before is behind the zero byte.
        let bytes = told(weights, MappingKind::Named, b"weights\0");
        assert!(is_name(&bytes));
        mappings.name(&bytes).unwrap();
        let bytes = told(model, MappingKind::File, b"model.bin\0");
        mappings.name(&bytes).unwrap();

        let mapping = mappings.mapping(at(weights)).unwrap();
        assert_eq!((mapping.start, mapping.end), (0x1000, 0x3000));
        assert_eq!(mapping.name.as_deref(), Some("[anon:weights]"));
        assert_eq!(
            (mapping.kind, mapping.file),
            (Some(MappingKind::Named), None)
        );
        let mapping = mappings.mapping(at(model)).unwrap();
        assert_eq!(mapping.name.as_deref(), Some("model.bin"));
        let file = mapping.file.unwrap();
        assert_eq!((&*file.device, file.inode), ("8:17", 4711));
    }

    #[test]
    fn what_has_no_name_is_known_by_its_kind_and_what_was_lost_by_nothing() {
        let mappings = Mappings::default();
        let heap = mappings.mapping(at(MappingKind::Heap as u64)).unwrap();
        assert_eq!(heap.name.as_deref(), Some("[heap]"));
        let lost = mappings.mapping(at(wire::MAPPING_NAME | 7)).unwrap();
        assert_eq!((lost.kind, lost.name, lost.file), (None, None, None));
        assert_eq!(mappings.mapping(wire::Mapping::UNKNOWN), None);
    }

    #[test]
    fn a_name_of_no_kind_is_refused() {
        let mut bytes = told(1, MappingKind::File, b"x\0");
        bytes[20] = 99;
        assert!(matches!(
            Mappings::default().name(&bytes),
            Err(TracerError::Record { .. })
        ));
    }

    #[test]
    fn memory_is_bounded() {
        let mut mappings = Mappings::default();
        for id in 0..2 * KEPT as u64 {
            mappings
                .name(&told(wire::MAPPING_NAME | id, MappingKind::Named, b"a\0"))
                .unwrap();
        }
        assert!(mappings.names.len() <= KEPT);
        assert!(
            mappings
                .names
                .contains_key(&(wire::MAPPING_NAME | (2 * KEPT as u64 - 1)))
        );
    }
}
