//! Where a recording goes: a file, a device, a socket or standard output.

use std::convert::Infallible;
use std::fmt;
use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::recording::Error;

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
        let opened = match self {
            Self::Stdout if io::stdout().is_terminal() => return Err(Error::BinaryToTerminal),
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned().map(File::from),
            Self::Socket(path) => connect(path).map(|stream| OwnedFd::from(stream).into()),
            Self::File(path) => create(path, replaces),
        };
        opened.map_err(|cause| self.not_opened(cause))
    }

    /// Is it read later, and not while it is written?
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(path) if !is_special(path))
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

/// The stream to whoever listens, or to the first who comes to where nobody does. That place is
/// left as it was.
fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.exists() {
        return UnixStream::connect(path);
    }
    let listener = UnixListener::bind(path)?;
    let accepted = listener.accept();
    remove_file(path)?;
    accepted.map(|(stream, _)| stream)
}

fn create(path: &Path, replaces: bool) -> io::Result<File> {
    if replaces && path.is_file() {
        remove_file(path)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    // A device, a named pipe or /dev/stdout is written to as it is.
    options.create_new(!is_special(path)).open(path)
}

fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| !data.is_file())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
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
}
