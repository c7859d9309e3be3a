//! A file that appears only when it is whole.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::recording::{Place, Target};

/// Written beside its place, moved there at the end, and removed if that never comes.
pub struct AtomicFile {
    file: File,
    /// `None` once it has been moved, or for a device, which is written to directly.
    part: Option<Part>,
}

/// A file that is not whole yet.
struct Part {
    place: Place,
    /// The name that it is written under.
    name: OsString,
    /// May it take the place of another file?
    replaces: bool,
}

impl AtomicFile {
    /// Opens a file beside `path`, which its owner alone can read. If it may not replace another,
    /// it fails where there is one, now or at the end. `None`: it is a pipe that nobody reads yet.
    pub fn create(path: &Path, replaces: bool) -> io::Result<Option<Self>> {
        let place = match Target::find(path)? {
            Target::Place(place) => place,
            Target::Special(special) => {
                let whole = |file| Self { file, part: None };
                return Ok(special.open()?.map(whole));
            }
        };
        if !replaces && place.is_taken()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut name = OsString::from(".");
        name.push(place.name());
        name.push(format!(".{}.part", std::process::id()));
        let file = place.create(&name)?;
        let part = Part {
            place,
            name,
            replaces,
        };
        Ok(Some(Self {
            file,
            part: Some(part),
        }))
    }

    /// Moves it to its place.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(part) = &self.part {
            part.place.take(&part.name, part.replaces)?;
        }
        self.part = None;
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
        if let Some(part) = &self.part {
            // Nothing more can be done about a file that cannot be removed.
            let _ = part.place.remove(&part.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn create(path: &Path, replaces: bool) -> io::Result<AtomicFile> {
        AtomicFile::create(path, replaces).map(Option::unwrap)
    }

    #[test]
    fn appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let list = || fs::read_dir(folder.path()).unwrap().count();

        let mut file = create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(list(), 0);

        let mut file = create(&path, false).unwrap();
        file.write_all(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!((list(), fs::read(&path).unwrap()), (1, b"whole".to_vec()));
    }

    #[test]
    fn replaces_only_what_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out"), folder.path().join("link"));
        let early = create(&path, false).unwrap();
        fs::write(&path, "there").unwrap();
        let refused = |result: io::Result<()>| result.unwrap_err().kind();
        assert_eq!(refused(early.commit()), io::ErrorKind::AlreadyExists);
        let late = create(&path, false).map(drop);
        assert_eq!(refused(late), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "there");

        std::os::unix::fs::symlink("out", &link).unwrap();
        let mut file = create(&link, true).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
