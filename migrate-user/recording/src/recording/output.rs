//! Where a recording goes: a file, a device, a socket or standard output.

mod links;
mod opening;
mod special;
mod target;

use std::convert::Infallible;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

pub use opening::Opening;
pub use special::Special;
pub use target::{Place, Target};

use crate::recording::Error;

/// How long an output that waits for its reader is left alone before it is tried again.
const POLL: Duration = Duration::from_millis(20);

/// What standard output is called. To open it by one of the longer names would begin at the start
/// of a file that it leads to, over what is there.
const STDOUT: [&str; 5] = [
    "-",
    "/dev/stdout",
    "/dev/fd/1",
    "/proc/self/fd/1",
    "/proc/thread-self/fd/1",
];

/// A file, `unix:PATH` for a socket, or `-` for standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A unix socket. If nobody listens there, the recorder does, and waits for a reader.
    Socket(PathBuf),
    /// A file, or a device or pipe by its name.
    File(PathBuf),
}

impl FromStr for Output {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("unix:") {
            Some(path) => Self::Socket(path.into()),
            None if STDOUT.contains(&text) => Self::Stdout,
            None => Self::File(text.into()),
        })
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Socket(path) | Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Output {
    /// Opens it. A socket waits until somebody reads there; a file must not be there.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, if a file is there already, or if it is a terminal.
    pub fn open(&self) -> Result<File, Error> {
        self.open_or_replace(false)
    }

    /// Opens it. A file that is there is replaced if it may be: whoever reads it goes on reading
    /// what was there.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, if a file is there that may not be replaced, or if it is a terminal.
    pub fn open_or_replace(&self, replaces: bool) -> Result<File, Error> {
        let mut opening = self.opening(replaces);
        loop {
            match opening.try_open()? {
                Some(file) => return Ok(file),
                None => sleep(POLL),
            }
        }
    }

    /// Looks whether it can be an output, before anything is done for it.
    ///
    /// # Errors
    ///
    /// Where there is no such folder, where writing would do harm, as on a disk's own device, or
    /// where a link leads there that others have made.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Stdout | Self::Socket(_) => Ok(()),
            Self::File(path) => match Target::find(path) {
                Ok(_) => Ok(()),
                Err(cause) => Err(self.not_opened(cause)),
            },
        }
    }

    /// As [`Output::open_or_replace`], without waiting.
    pub fn opening(&self, replaces: bool) -> Opening<'_> {
        Opening::new(self, replaces)
    }

    /// Is it read later, and not while it is written?
    pub fn is_file(&self) -> bool {
        let is_special = |data: Metadata| !data.is_file();
        matches!(self, Self::File(path) if !fs::metadata(path).is_ok_and(is_special))
    }

    /// Can it be opened only once somebody reads there?
    pub fn waits_for_reader(&self) -> bool {
        let is_pipe = |data: Metadata| data.file_type().is_fifo();
        match self {
            Self::Stdout => false,
            Self::Socket(_) => true,
            Self::File(path) => fs::metadata(path).is_ok_and(is_pipe),
        }
    }

    /// Does a terminal show what is written there?
    pub fn is_terminal(&self) -> bool {
        let shows =
            |data: Metadata| data.file_type().is_char_device() && special::is_terminal(data.rdev());
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Socket(_) => false,
            Self::File(path) => fs::metadata(path).is_ok_and(shows),
        }
    }

    fn not_opened(&self, cause: io::Error) -> Error {
        let path = self.to_string();
        if cause.kind() == io::ErrorKind::AlreadyExists {
            return Error::Exists { path };
        }
        Error::Io {
            action: "create",
            path,
            cause,
            advice: "Name a file in a folder that you may write to with -o, or - for standard output.",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::thread;

    use super::*;

    fn exchange(output: &Output, reader: impl FnOnce() -> UnixStream + Send + 'static) -> String {
        let reading = thread::spawn(move || {
            let mut text = String::new();
            reader().read_to_string(&mut text).unwrap();
            text
        });
        output.open().unwrap().write_all(b"recording").unwrap();
        reading.join().unwrap()
    }

    #[test]
    fn a_socket_is_where_somebody_listens_or_will_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let output: Output = format!("unix:{}", path.display()).parse().unwrap();

        let to = path.clone();
        let comes_later = move || {
            loop {
                if let Ok(stream) = UnixStream::connect(&to) {
                    return stream;
                }
                thread::yield_now();
            }
        };
        assert_eq!(exchange(&output, comes_later), "recording");
        assert!(!path.exists());

        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(
            exchange(&output, move || listener.accept().unwrap().0),
            "recording"
        );
    }

    #[test]
    fn a_socket_that_nobody_came_to_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let output = Output::Socket(path.clone());
        let mut opening = output.opening(false);
        assert!(opening.try_open().unwrap().is_none() && path.exists());
        drop(opening);
        assert!(!path.exists());
    }

    #[test]
    fn a_pipe_waits_for_its_reader_without_blocking() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let output = Output::File(path.clone());
        assert!(output.waits_for_reader() && !output.is_file());
        let mut opening = output.opening(false);
        assert!(opening.try_open().unwrap().is_none());
        let reading = thread::spawn(move || fs::read_to_string(path).unwrap());
        let mut writer = loop {
            match opening.try_open().unwrap() {
                Some(file) => break file,
                None => thread::yield_now(),
            }
        };
        // More than a pipe holds: it waits for room.
        let text = "migration ".repeat(100_000);
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        assert!(reading.join().unwrap() == text);
    }
}
