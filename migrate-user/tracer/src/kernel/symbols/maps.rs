//! What code a process has mapped, from `/proc/PID/maps`.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};

/// What `statfs` calls a file system in user space (`linux/magic.h`).
const FUSE_SUPER_MAGIC: i64 = 0x6573_5546;

/// The code of a process, in the order of the addresses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Maps(Vec<Mapping>);

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Mapping {
    start: u64,
    end: u64,
    /// Where in the file it begins.
    offset: u64,
    device: u64,
    inode: u64,
    /// A path, or `[vdso]` and the like; empty for memory without a file.
    path: String,
}

impl Maps {
    /// `None` if there is no such process, or it may not be looked at.
    pub(in crate::kernel) fn of(process: &Path) -> Option<Self> {
        let text = fs::read(process.join("maps")).ok()?;
        Some(Self::parse(&String::from_utf8_lossy(&text)))
    }

    /// All of it that is in files.
    pub(in crate::kernel) fn files(&self) -> impl Iterator<Item = &Mapping> {
        self.0.iter().filter(|one| one.path.starts_with('/'))
    }

    fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(code).collect())
    }

    /// The code that an address is in.
    pub(super) fn at(&self, address: u64) -> Option<&Mapping> {
        let behind = self.0.partition_point(|one| one.start <= address);
        self.0[..behind].last().filter(|last| address < last.end)
    }
}

/// A line that tells of code: `start-end r-xp offset major:minor inode path`.
fn code(line: &str) -> Option<Mapping> {
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let (range, rest) = line.split_once(' ')?;
    let (flags, rest) = rest.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    let (device, rest) = rest.split_once(' ')?;
    // Memory without a file can end here.
    let (inode, path) = rest.split_once(' ').unwrap_or((rest, ""));
    let (start, end) = range.split_once('-')?;
    let (major, minor) = device.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    flags.contains('x').then_some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        offset: hex(offset)?,
        device: rustix::fs::makedev(number(major)?, number(minor)?),
        inode: inode.parse().ok()?,
        path: path.trim_start().to_owned(),
    })
}

impl Mapping {
    /// Where an address is in the file.
    pub(super) fn offset_of(&self, address: u64) -> u64 {
        (address - self.start).saturating_add(self.offset)
    }

    /// The file's name, or what the kernel calls the memory: `libc.so.6`, `[vdso]`.
    pub(in crate::kernel) fn name(&self) -> Option<&str> {
        if self.path.starts_with('[') {
            return Some(self.path.trim_matches(['[', ']']));
        }
        let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
        path.strip_prefix('/')?.rsplit('/').next()
    }

    /// Is it of this file, as far as its numbers tell?
    pub(in crate::kernel) fn is_of(&self, file: &FileId) -> bool {
        (self.device, self.inode) == (file.device, file.inode)
    }

    /// The very file that is mapped, opened for being named only: a process could have put anything
    /// in its place, and opening a pipe or a device for reading does things.
    pub(in crate::kernel) fn open(&self, process: &Path) -> Option<MappedFile> {
        if !self.path.starts_with('/') {
            return None;
        }
        let link = format!("map_files/{:x}-{:x}", self.start, self.end);
        let mapped = MappedFile::at(&process.join(link));
        // Without the permission to follow that link the path may do, if it still leads to the same
        // file.
        mapped.or_else(|| {
            let path = process.join("root").join(&self.path[1..]);
            MappedFile::open(&path, |file| {
                (file.st_dev, file.st_ino) == (self.device, self.inode)
            })
        })
    }
}

/// Tells a file from every other, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kernel) struct FileId {
    device: u64,
    inode: u64,
    length: i64,
    changed: (i64, i64),
}

/// A regular file. Its path is good for as long as this lives.
pub(in crate::kernel) struct MappedFile {
    file: OwnedFd,
    pub(in crate::kernel) id: FileId,
    found: Stat,
}

impl MappedFile {
    /// The file of this path.
    pub(in crate::kernel) fn at(path: &Path) -> Option<Self> {
        Self::open(path, |_| true)
    }

    fn open(path: &Path, is_it: impl Fn(&Stat) -> bool) -> Option<Self> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        let found = rustix::fs::fstat(&file).ok()?;
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let id = FileId {
            device: found.st_dev,
            inode: found.st_ino,
            length: found.st_size,
            changed: (found.st_mtime, found.st_mtime_nsec as i64),
        };
        (regular && is_it(&found)).then_some(Self { file, id, found })
    }

    /// Can root alone change it? A file system in user space says of owners what its own owner
    /// likes.
    pub(super) fn is_roots(&self) -> bool {
        let others_write = Mode::WGRP | Mode::WOTH;
        let mode = Mode::from_raw_mode(self.found.st_mode);
        let in_user_space = rustix::fs::fstatfs(&self.file)
            .map_or(true, |system| system.f_type == FUSE_SUPER_MAGIC);
        self.found.st_uid == 0 && !mode.intersects(others_write) && !in_user_space
    }

    pub(in crate::kernel) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0c0000000-55d0c0001000 r--p 00000000 fe:00 42                         /usr/bin/train
55d0c0001000-55d0c0005000 r-xp 00001000 fe:00 42                         /usr/bin/train
7f0000000000-7f0000002000 r-xp 00026000 fe:00 43                         /opt/my lib/libhip.so.6 (deleted)
7f0000010000-7f0000011000 rwxp 00000000 00:00 0 
7f0000020000-7f0000021000 r-xp 00000000 00:00 0
7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]
rubbish
";

    fn name(address: u64) -> Option<String> {
        Maps::parse(MAPS).at(address)?.name().map(str::to_owned)
    }

    #[test]
    fn code_is_found_by_address() {
        let maps = Maps::parse(MAPS);
        assert_eq!(maps.at(0x55d0_c000_0800), None, "no code");
        let train = maps.at(0x55d0_c000_1800).unwrap();
        assert_eq!(train.offset_of(0x55d0_c000_1800), 0x1800);
        assert_eq!(train.name(), Some("train"));
        assert_eq!((train.device, train.inode), (0xfe00, 42));
        assert_eq!(maps.at(0x55d0_c000_5000), None, "the end is outside");
        assert_eq!(name(0x7f00_0000_1fff).as_deref(), Some("libhip.so.6"));
        assert_eq!(name(0x7ffc_0000_0010).as_deref(), Some("vdso"));
    }

    #[test]
    fn memory_without_a_file_has_no_name() {
        let maps = Maps::parse(MAPS);
        for address in [0x7f00_0001_0000, 0x7f00_0002_0000] {
            assert_eq!(maps.at(address).unwrap().name(), None, "{address:x}");
        }
    }

    #[test]
    fn another_file_in_its_place_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path();
        fs::create_dir_all(process.join("root/lib")).unwrap();
        let path = process.join("root/lib/a.so");
        fs::write(&path, "first").unwrap();
        let found = rustix::fs::stat(&path).unwrap();
        let mapping = Mapping {
            start: 0x1000,
            end: 0x2000,
            offset: 0,
            device: found.st_dev,
            inode: found.st_ino,
            path: "/lib/a.so".to_owned(),
        };
        let opened = mapping.open(process).unwrap();
        assert_eq!(fs::read_to_string(opened.path()).unwrap(), "first");
        // As an update of the package does it.
        fs::write(process.join("root/lib/new"), "second").unwrap();
        fs::rename(process.join("root/lib/new"), &path).unwrap();
        assert!(mapping.open(process).is_none());
    }
}
