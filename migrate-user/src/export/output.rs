//! A file that appears only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Written beside its place, moved there at the end, and removed if that never comes.
pub struct AtomicFile {
    file: File,
    /// Where it is written; `None` once it has been moved, or for a device, which is written to directly.
    beside: Option<PathBuf>,
    path: PathBuf,
}

impl AtomicFile {
    /// Opens a file beside `path`, which its owner alone can read.
    pub fn create(path: &Path) -> io::Result<Self> {
        if fs::metadata(path).is_ok_and(|data| !data.is_file()) {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self {
                file,
                beside: None,
                path: path.to_owned(),
            });
        }
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
            path: path.to_owned(),
        })
    }

    /// Moves it to its place.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.path)?;
        }
        self.beside = None;
        Ok(())
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

        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(list(), 0);

        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!((list(), fs::read(&path).unwrap()), (1, b"whole".to_vec()));
    }
}
