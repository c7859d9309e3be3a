//! Symbol tables of files that others can change, copied before they are looked at.
//!
//! The library that looks functions up maps files into memory. Whoever can write to a file can
//! shrink it meanwhile, and reading what is gone ends the reader with SIGBUS. So of a file that not
//! root alone can write to, a copy is mapped: a file in memory of the same length, which is empty
//! where neither headers nor symbols stand.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use object::LittleEndian;
use object::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, FileHeader64, ProgramHeader64, SHT_DYNSYM, SHT_STRTAB,
    SHT_SYMTAB, SectionHeader64,
};
use object::pod::{Pod, from_bytes, slice_from_bytes};
use rustix::fs::{MemfdFlags, memfd_create};

use super::maps::{FileId, MappedFile};

/// As much is copied of one file, bytes; of a larger one nothing has a name. The largest libraries
/// for GPUs have symbols of some 100 MB.
const MOST_BYTES: u64 = 256 << 20;
/// And of all together that are kept.
const MOST_BYTES_OF_ALL: u64 = 1 << 30;
/// As much at a time.
const PIECE: usize = 1 << 20;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;
type Section = SectionHeader64<LittleEndian>;

/// The copies, by what they were made of.
#[derive(Default)]
pub(super) struct Copies {
    known: HashMap<FileId, Option<Copy>>,
    bytes: u64,
}

struct Copy {
    file: File,
    /// That take memory.
    bytes: u64,
}

impl Copies {
    /// Where a file can be mapped from: itself, if root alone can change it. `None` where it is
    /// nothing that can be copied.
    pub(super) fn path(&mut self, file: &MappedFile) -> Option<PathBuf> {
        if file.is_roots() {
            return Some(file.path());
        }
        if !self.known.contains_key(&file.id) {
            let copy = self.copy(file);
            self.bytes += copy.as_ref().map_or(0, |copy| copy.bytes);
            self.known.insert(file.id, copy);
        }
        let copy = self.known.get(&file.id)?.as_ref()?;
        Some(format!("/proc/self/fd/{}", copy.file.as_raw_fd()).into())
    }

    fn copy(&self, file: &MappedFile) -> Option<Copy> {
        let room = MOST_BYTES.min(MOST_BYTES_OF_ALL.saturating_sub(self.bytes));
        symbols_of(&File::open(file.path()).ok()?, room)
    }
}

/// A file with the headers and symbols of an ELF file, where they are in that.
fn symbols_of(from: &File, room: u64) -> Option<Copy> {
    let to = File::from(memfd_create("migscope-symbols", MemfdFlags::CLOEXEC).ok()?);
    to.set_len(from.metadata().ok()?.len()).ok()?;
    let mut copying = Copying {
        from,
        to: &to,
        room,
    };
    let header = copying.bytes(0, size_of::<Header>() as u64)?;
    let header = from_bytes::<Header>(&header).ok()?.0;
    let ident = &header.e_ident;
    if (ident.magic, ident.class, ident.data) != (ELFMAG, ELFCLASS64, ELFDATA2LSB) {
        return None;
    }
    let little = LittleEndian;
    let segments = header.e_phnum.get(little);
    copying.table::<Segment>(header.e_phoff.get(little), segments)?;
    let sections = header.e_shnum.get(little);
    let sections = copying.table::<Section>(header.e_shoff.get(little), sections)?;
    let sections = slice_from_bytes::<Section>(&sections, usize::from(header.e_shnum.get(little)));
    for section in sections.ok()?.0 {
        let kind = section.sh_type.get(little);
        if matches!(kind, SHT_SYMTAB | SHT_DYNSYM | SHT_STRTAB) {
            copying.piecewise(section.sh_offset.get(little), section.sh_size.get(little))?;
        }
    }
    let bytes = room - copying.room;
    Some(Copy { file: to, bytes })
}

/// Copies parts of a file to the same places of another, as long as there is room.
struct Copying<'a> {
    from: &'a File,
    to: &'a File,
    room: u64,
}

impl Copying<'_> {
    /// So many entries of a kind.
    fn table<T: Pod>(&mut self, at: u64, entries: u16) -> Option<Vec<u8>> {
        self.bytes(at, u64::from(entries) * size_of::<T>() as u64)
    }

    /// A part, and what is in it.
    fn bytes(&mut self, at: u64, length: u64) -> Option<Vec<u8>> {
        self.room = self.room.checked_sub(length)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.from.read_exact_at(&mut bytes, at).ok()?;
        self.to.write_all_at(&bytes, at).ok()?;
        Some(bytes)
    }

    fn piecewise(&mut self, at: u64, length: u64) -> Option<()> {
        let end = at.checked_add(length)?;
        let places = (at..end).step_by(PIECE);
        for place in places {
            self.bytes(place, (end - place).min(PIECE as u64))?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_symbols_and_little_else() {
        let own = File::open(std::env::current_exe().unwrap()).unwrap();
        let copy = symbols_of(&own, MOST_BYTES).unwrap();
        let length = own.metadata().unwrap().len();
        assert_eq!(copy.file.metadata().unwrap().len(), length);
        assert!(copy.bytes > 10_000 && copy.bytes < length, "{}", copy.bytes);
        assert!(symbols_of(&own, copy.bytes - 1).is_none(), "no room");
    }

    #[test]
    fn what_is_no_program_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut header = vec![0xff_u8; 200];
        header[..4].copy_from_slice(&ELFMAG);
        header[4..6].copy_from_slice(&[ELFCLASS64, ELFDATA2LSB]);
        for bytes in [&b""[..], b"text", &header] {
            std::fs::write(&path, bytes).unwrap();
            assert!(symbols_of(&File::open(&path).unwrap(), MOST_BYTES).is_none());
        }
    }
}
