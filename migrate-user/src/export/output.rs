//! A file that appears only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::place::behind_links;

/// Written beside its place, moved there at the end, and removed if that never comes.
pub struct AtomicFile {
    file: File,
    /// Where it is written; `None` once it has been moved, or for a device, which is written to
    /// directly.
    beside: Option<PathBuf>,
    path: PathBuf,
    /// May it take the place of another file?
    replaces: bool,
}

impl AtomicFile {
    /// Opens a file beside `path`, which its owner alone can read. If it may not replace another,
    /// it fails where there is one, now or at the end.
    pub fn create(path: &Path, replaces: bool) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|data| !data.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self {
                file,
                beside: None,
                path: path.to_owned(),
                replaces,
            });
        }
        if !replaces && path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let path = behind_links(path);
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let part = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let beside = path.with_file_name(part);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        Ok(Self {
            file,
            beside: Some(beside),
            path,
            replaces,
        })
    }

    /// Moves it to its place.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            if self.replaces {
                fs::rename(beside, &self.path)?;
            } else {
                move_where_nothing_is(beside, &self.path)?;
            }
        }
        self.beside = None;
        Ok(())
    }
}

/// Fails where a file has come to be there meanwhile.
fn move_where_nothing_is(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can do this at once.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_err() => fs::rename(from, to),
        moved => Ok(moved?),
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let list = || fs::read_dir(folder.path()).unwrap().count();

        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(list(), 0);

        let mut file = AtomicFile::create(&path, false).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!((list(), fs::read(&path).unwrap()), (1, b"whole".to_vec()));
    }

    #[test]
    fn replaces_only_what_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        let early = AtomicFile::create(&path, false).unwrap();
        fs::write(&path, "there").unwrap();
        let refused = |result: io::Result<()>| result.unwrap_err().kind();
        assert_eq!(refused(early.commit()), io::ErrorKind::AlreadyExists);
        let late = AtomicFile::create(&path, false).map(drop);
        assert_eq!(refused(late), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "there");

        std::os::unix::fs::symlink("out", &link).unwrap();
        let mut file = AtomicFile::create(&link, true).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
