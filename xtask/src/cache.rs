//! The cache: what takes long to make and outlives a checkout.
//!
//! An entry is a folder named after what it was made from. Its marker is written last, so that an
//! entry without one is unfinished work that the next run carries on.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;

use anyhow::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::errors::unsupported;
use crate::interrupt;
use crate::process::POLL;
use crate::progress::Step;

/// The cache's folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$MIGSCOPE_CACHE`, or `migscope` in the user's cache folder.
    pub(crate) fn open() -> Result<Self> {
        let folder = |name: &str| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = folder("MIGSCOPE_CACHE")
            .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("migscope")))
            .or_else(|| Some(folder("HOME")?.join(".cache/migscope")))
            .ok_or_else(|| unsupported("no place for the cache: set MIGSCOPE_CACHE to a folder"))?;
        Self::at(
            &std::path::absolute(&root).with_context(|| format!("the cache {}", root.display()))?,
        )
    }

    /// The cache in this folder.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(|error| {
            unsupported(format!(
                "the cache {} cannot be made: {error}",
                root.display()
            ))
        })?;
        Ok(Cache {
            root: root.to_owned(),
        })
    }

    /// A place in the cache that is no entry.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the log of a step is kept.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// The entry of this kind made from what the key holds.
    pub(crate) fn entry(&self, kind: &str, key: &Key) -> Entry {
        Entry {
            folder: self.root.join(format!("{kind}-{}", key.text())),
        }
    }

    /// All entries of this kind with this key, finished or not: their kinds go on after `kind`.
    pub(crate) fn entries(&self, kind: &str, key: &Key) -> Vec<Entry> {
        let end = format!("-{}", key.text());
        let Ok(folders) = fs::read_dir(&self.root) else {
            return vec![];
        };
        folders
            .flatten()
            .filter(|folder| {
                let name = folder.file_name();
                let name = name.to_string_lossy();
                name.starts_with(kind) && name.ends_with(&end)
            })
            .map(|folder| Entry {
                folder: folder.path(),
            })
            .collect()
    }

    /// Takes the lock of this name, waiting while another xtask holds it. Programs that we start
    /// inherit it: if we are killed, nobody else begins before what we had started has ended.
    pub(crate) fn lock(&self, name: &str, step: &Step) -> Result<Lock> {
        let folder = self.root.join("locks");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let path = folder.join(name);
        let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        fcntl_setfd(&file, FdFlags::empty())
            .with_context(|| format!("share {}", path.display()))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    step.detail("waits for another xtask that is at it")
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("lock {}", path.display()));
                }
            }
            interrupt::check()?;
            sleep(POLL);
        }
    }
}

/// A lock, held until it is dropped.
pub(crate) struct Lock {
    _file: File,
}

/// A folder in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    folder: PathBuf,
}

impl Entry {
    /// The folder. It may not be there yet.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A place in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder's name, which names it among all entries.
    pub(crate) fn name(&self) -> String {
        self.folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Whether a stage of the work is done.
    pub(crate) fn has(&self, stage: &str) -> bool {
        self.marker(stage).is_file()
    }

    /// Marks a stage of the work as done.
    pub(crate) fn mark(&self, stage: &str) -> Result<()> {
        write_whole(&self.marker(stage), b"")
    }

    /// Whether everything is done.
    pub(crate) fn is_finished(&self) -> bool {
        self.has("finished")
    }

    /// Marks everything as done.
    pub(crate) fn finish(&self) -> Result<()> {
        self.mark("finished")
    }

    fn marker(&self, stage: &str) -> PathBuf {
        self.folder.join(format!(".{stage}"))
    }
}

/// Writes a file so that it is there whole or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let mut name = path
        .file_name()
        .context("a file without a name")?
        .to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = folder.join(name);
    fs::write(&beside, content).with_context(|| format!("write {}", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("rename to {}", path.display()))
}

/// What something was made from, as a short text. Not for security: it only tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// The key of nothing.
    pub(crate) fn new() -> Self {
        // 64-bit FNV-1a, which stays the same from one compiler to the next.
        Key(0xcbf2_9ce4_8422_2325)
    }

    /// The same and one more input.
    pub(crate) fn with(self, input: impl AsRef<[u8]>) -> Self {
        let input = input.as_ref();
        let length = (input.len() as u64).to_le_bytes();
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Key(length.iter().chain(input).fold(self.0, fold))
    }

    /// As it stands in names.
    pub(crate) fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_inputs_apart_and_stay_the_same() {
        let key = Key::new().with("a").with("bc");
        assert_eq!(key, Key::new().with("a").with("bc"));
        assert_ne!(key, Key::new().with("ab").with("c"));
        assert_ne!(key, Key::new().with("bc").with("a"));
        assert_eq!(Key::new().with("kernel").text(), "983f5e05700194ea");
    }

    #[test]
    fn an_entry_is_finished_only_when_marked() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let entry = cache.entry("kernel-7.2.13-1", &Key::new());
        assert!(!entry.is_finished());
        fs::create_dir_all(entry.path("tree")).unwrap();
        assert!(!entry.is_finished());
        entry.mark("unpacked").unwrap();
        assert!(entry.has("unpacked") && !entry.is_finished());
        entry.finish().unwrap();
        assert!(entry.is_finished());
        assert_eq!(cache.entries("kernel-", &Key::new()), [entry]);
        assert_eq!(cache.entries("kernel-", &Key::new().with("other")), []);
    }

    #[test]
    fn a_file_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
