//! What the guest's file system holds at boot, and the archive that carries it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cpio::newc::{Builder, trailer};

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Files by their path in the guest, which begins without a slash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Initramfs {
    entries: BTreeMap<String, Content>,
}

#[derive(Clone, Debug)]
enum Content {
    /// A file of the host, with its permissions.
    Host(PathBuf),
    Bytes(Vec<u8>),
    Link(String),
}

impl Initramfs {
    /// Adds a file of the host.
    pub(crate) fn file(&mut self, path: impl Into<String>, host: impl Into<PathBuf>) -> &mut Self {
        self.add(path, Content::Host(host.into()))
    }

    /// Adds a file with this content.
    pub(crate) fn bytes(
        &mut self,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> &mut Self {
        self.add(path, Content::Bytes(bytes.into()))
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: impl Into<String>, target: impl Into<String>) -> &mut Self {
        self.add(path, Content::Link(target.into()))
    }

    /// Adds what is below a folder of `root`, which is the guest's root: files of the host, and
    /// links as they are.
    pub(crate) fn tree(&mut self, root: &Path, folder: &str) -> Result<&mut Self> {
        let list = root.join(folder);
        let read = || fs::read_dir(&list)?.collect::<std::io::Result<Vec<_>>>();
        for entry in read().with_context(|| format!("read {}", list.display()))? {
            let (kind, host) = (entry.file_type()?, entry.path());
            let path = format!("{folder}/{}", entry.file_name().display());
            if kind.is_dir() {
                self.tree(root, &path)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&host)?;
                self.link(path, target.to_string_lossy());
            } else {
                self.file(path, host);
            }
        }
        Ok(self)
    }

    fn add(&mut self, path: impl Into<String>, content: Content) -> &mut Self {
        self.entries.insert(path.into(), content);
        self
    }

    /// Writes a `newc` archive. It is not compressed: unpacking costs an emulated processor more
    /// than it saves.
    pub(crate) fn write(&self, out: impl Write) -> Result<()> {
        let mut archive = Archive { out, number: 0 };
        for folder in self.folders() {
            archive.entry(folder, FOLDER | 0o755, b"")?;
        }
        for (path, content) in &self.entries {
            match content {
                Content::Bytes(bytes) => archive.entry(path, FILE | 0o644, bytes)?,
                Content::Link(target) => archive.entry(path, LINK | 0o777, target.as_bytes())?,
                Content::Host(host) => archive.host_file(path, host)?,
            }
        }
        trailer(archive.out)
            .context("write the initramfs")?
            .flush()
            .context("write the initramfs")
    }

    fn folders(&self) -> BTreeSet<&str> {
        let parents = |path| Path::new(path).ancestors().skip(1).filter_map(Path::to_str);
        self.entries
            .keys()
            .flat_map(parents)
            .chain(["root"])
            .filter(|path| !path.is_empty())
            .collect()
    }
}

struct Archive<W> {
    out: W,
    number: u32,
}

impl<W: Write> Archive<W> {
    fn host_file(&mut self, path: &str, host: &Path) -> Result<()> {
        let read = || -> std::io::Result<_> {
            Ok((fs::metadata(host)?.permissions().mode(), fs::read(host)?))
        };
        let (mode, bytes) = read().with_context(|| format!("read {}", host.display()))?;
        self.entry(path, FILE | (mode & 0o777) | 0o400, &bytes)
    }

    fn entry(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        self.number += 1;
        let size = u32::try_from(bytes.len())
            .with_context(|| format!("{path} is too big for an initramfs"))?;
        let links = if mode & FOLDER == FOLDER { 2 } else { 1 };
        let mut entry = Builder::new(path)
            .ino(self.number)
            .mode(mode)
            .nlink(links)
            .write(&mut self.out, size);
        entry
            .write_all(bytes)
            .and_then(|()| entry.finish().map(drop))
            .with_context(|| format!("archive {path}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use cpio::newc::Reader;

    use super::*;

    #[test]
    fn the_archive_lists_folders_before_what_is_in_them() {
        let host = tempfile::NamedTempFile::new().unwrap();
        fs::write(host.path(), b"program").unwrap();
        fs::set_permissions(host.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut initramfs = Initramfs::default();
        initramfs
            .file("bin/x", host.path())
            .link("bin/y", "x")
            .bytes("job.json", "{}");
        let mut archive = Vec::new();
        initramfs.write(&mut archive).unwrap();

        let mut listed = Vec::new();
        let mut rest = Cursor::new(archive);
        loop {
            let mut reader = Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            let mut content = String::new();
            reader.read_to_string(&mut content).unwrap();
            listed.push((
                reader.entry().name().to_owned(),
                reader.entry().mode(),
                content,
            ));
            rest = reader.finish().unwrap();
        }
        let listed: Vec<_> = listed
            .iter()
            .map(|(name, mode, content)| (&**name, *mode, &**content))
            .collect();
        assert_eq!(
            listed,
            [
                ("bin", 0o040_755, ""),
                ("root", 0o040_755, ""),
                ("bin/x", 0o100_755, "program"),
                ("bin/y", 0o120_777, "x"),
                ("job.json", 0o100_644, "{}"),
            ]
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let mut initramfs = Initramfs::default();
        initramfs.file("bin/x", "/no/such/file");
        let error = initramfs.write(Vec::new()).unwrap_err().to_string();
        assert!(error.contains("/no/such/file"), "{error}");
    }
}
