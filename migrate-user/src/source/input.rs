//! Where recordings are read from: files, standard input, sockets; one, or several that are one.

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;

use rustix::fs::{FileType, fstat};

use super::Joined;
use crate::recording::Reader;
use crate::source::Error;

/// Where a recording is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input, `-`.
    Stdin,
    /// A unix socket that somebody listens on, `unix:PATH`.
    Socket(PathBuf),
    /// A file or a named pipe.
    File(PathBuf),
}

/// What tells a file from every other, by whatever name: its device, and its inode there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the file that an open descriptor leads to; `None` for what holds no data, such as a pipe
    /// or a terminal.
    pub fn of_open(file: impl AsFd) -> Option<Self> {
        let found = fstat(file).ok()?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        is_file.then_some(Self {
            device: found.st_dev,
            inode: found.st_ino,
        })
    }

    /// Of the file of this name, or that a link of this name leads to; `None` for what holds no
    /// data, and where nothing is.
    pub fn of_path(path: impl AsRef<std::path::Path>) -> Option<Self> {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

impl FromStr for Input {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("unix:") {
            Some(path) => Self::Socket(path.into()),
            None if text == "-" => Self::Stdin,
            None => Self::File(text.into()),
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Socket(path) | Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Input {
    /// Opens it and reads the facts. Waits for them if the stream has not begun.
    pub fn open(&self) -> Result<Reader<Box<dyn Read + Send>>, Error> {
        if *self == Self::Stdin && io::stdin().is_terminal() {
            return Err(Error::NoInput);
        }
        let stream = self.stream().map_err(|cause| Error::Io {
            action: "open",
            path: self.to_string(),
            cause,
            advice: "Name a recording, - for standard input, or unix:PATH for a socket that somebody listens on.",
        })?;
        Ok(Reader::new(&self.to_string(), stream)?)
    }

    fn stream(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::Socket(path) => Box::new(BufReader::new(UnixStream::connect(path)?)),
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
        })
    }

    /// Can another recording stand behind the end mark of the first? Whoever talks on a socket need
    /// not close it after that.
    pub(super) fn may_go_on(&self) -> bool {
        !matches!(self, Self::Socket(_))
    }

    /// The file that it is; `None` for what holds no data.
    pub fn identity(&self) -> Option<Identity> {
        match self {
            Self::Stdin => Identity::of_open(io::stdin()),
            Self::File(path) => Identity::of_path(path),
            Self::Socket(_) => None,
        }
    }
}

/// One recording, or several that are read as one: the files of a rotation, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs(pub Vec<Input>);

impl fmt::Display for Inputs {
    /// The first and the last name of many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            [] => Ok(()),
            [only] => only.fmt(f),
            [first, second] => write!(f, "{first} and {second}"),
            [first, .., last] => write!(f, "{first} ... {last} ({} recordings)", self.0.len()),
        }
    }
}

impl Inputs {
    /// Opens all of them. They are read in the order in which they were begun, whatever that of
    /// their names.
    pub fn open(&self) -> Result<Joined, Error> {
        Joined::open(&self.0)
    }

    /// Can all of them be read again from their beginning?
    pub fn are_files(&self) -> bool {
        let is_file = |input: &Input| matches!(input, Input::File(path) if path.is_file());
        self.0.iter().all(is_file)
    }

    /// The one of them that is this file.
    pub fn find(&self, identity: Identity) -> Option<&Input> {
        let is_it = |input: &&Input| input.identity() == Some(identity);
        self.0.iter().find(is_it)
    }
}
