//! What an output's name leads to, so that what is written goes there and nowhere else.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, ResolveFlags, open, openat, openat2,
    renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::links::{Behind, behind};
use super::special::Special;

/// What an output's name leads to.
#[derive(Debug)]
pub enum Target {
    /// A file, or where one can be made.
    Place(Place),
    /// A pipe, a terminal or `/dev/null`.
    Special(Special),
}

/// A name in a folder that is held open: whatever becomes of the path, it is that folder.
#[derive(Debug)]
pub struct Place {
    folder: OwnedFd,
    name: OsString,
}

impl Target {
    /// Follows the links of a path. What belongs to others is not followed where others may write.
    ///
    /// # Errors
    ///
    /// Where there is such a link, no such folder, or a folder or a device that cannot be an
    /// output, and what was said by the system.
    pub fn find(path: &Path) -> io::Result<Self> {
        let path = match behind(path)? {
            Behind::Path(path) => path,
            Behind::Open(path) => {
                let named = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
                return Special::new(named).map(Self::Special);
            }
        };
        let place = Place::new(&path)?;
        match place.kind()? {
            None | Some(FileType::RegularFile) => Ok(Self::Place(place)),
            Some(_) => Special::new(place.named()?).map(Self::Special),
        }
    }
}

impl Place {
    fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let folder = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
        Ok(Self {
            folder: open_folder(folder)?,
            name: name.to_owned(),
        })
    }

    /// Its name in its folder.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Is a file there?
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn is_taken(&self) -> io::Result<bool> {
        Ok(self.kind()?.is_some())
    }

    /// Makes a file of this name in the folder, which its owner alone can read.
    ///
    /// # Errors
    ///
    /// Where anything has this name, be it a link, and those of the system.
    pub fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let made = openat(self.folder.as_fd(), name, flags | OFlags::CLOEXEC, mode)?;
        Ok(made.into())
    }

    /// Moves a file of the folder to this place. If it may not replace another, it fails where
    /// there is one by now.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn take(&self, from: &OsStr, replaces: bool) -> io::Result<()> {
        let folder = self.folder.as_fd();
        if replaces {
            return Ok(renameat(folder, from, folder, &self.name)?);
        }
        match renameat_with(folder, from, folder, &self.name, RenameFlags::NOREPLACE) {
            // Not every file system can do this at once.
            Err(Errno::INVAL | Errno::NOSYS) if !self.is_taken()? => {
                Ok(renameat(folder, from, folder, &self.name)?)
            }
            moved => Ok(moved?),
        }
    }

    /// Removes a file of the folder.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(self.folder.as_fd(), name, AtFlags::empty())?)
    }

    /// What is there; of a link, itself.
    fn kind(&self) -> io::Result<Option<FileType>> {
        match statat(self.folder.as_fd(), &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What is there, opened by its name alone, which does nothing to it.
    fn named(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(
            self.folder.as_fd(),
            &self.name,
            flags,
            Mode::empty(),
        )?)
    }
}

/// A folder by a path without links. If there is one by now, somebody has just put it there.
fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let path: PathBuf = path.into();
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat2(CWD, &path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // A container's filter may not know this call.
        Err(Errno::NOSYS | Errno::PERM) => Ok(open(&path, flags, Mode::empty())?),
        opened => Ok(opened?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(path: &Path) -> Place {
        match Target::find(path).unwrap() {
            Target::Place(place) => place,
            Target::Special(special) => panic!("{special:?}"),
        }
    }

    #[test]
    fn a_link_that_comes_to_be_there_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("out"), folder.path().join("precious"));
        let found = place(&path);
        fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        let refused = found.create(found.name()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
    }

    #[test]
    fn a_folder_that_is_swapped_for_a_link_is_not_entered() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        symlink("real", root.join("link")).unwrap();
        assert!(open_folder(&root.join("real")).is_ok());
        assert!(open_folder(&root.join("link")).is_err());
    }

    #[test]
    fn what_would_do_harm_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| Target::find(path).unwrap_err().to_string();
        assert_eq!(refused(folder.path()), "is a directory");
        let path = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(refused(&path).contains("unix:PATH"));
        assert!(refused(Path::new("/dev/ptmx")).contains("redirect"));
        assert!(matches!(
            Target::find(Path::new("/dev/null")),
            Ok(Target::Special(_))
        ));
    }
}
