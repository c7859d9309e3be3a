//! Opening an output, which may have to wait for whoever reads it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::links::{Behind, behind};
use super::{Output, Place, Target};
use crate::recording::Error;

/// An output that is being opened. Nothing here waits, so that whoever does can be asked to stop.
pub struct Opening<'a> {
    output: &'a Output,
    replaces: bool,
    listening: Option<Listening>,
}

impl<'a> Opening<'a> {
    pub(super) fn new(output: &'a Output, replaces: bool) -> Self {
        Self {
            output,
            replaces,
            listening: None,
        }
    }

    /// Opens it; `None` as long as nobody reads there.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, if a file is there that may not be replaced, or if it is a terminal.
    pub fn try_open(&mut self) -> Result<Option<File>, Error> {
        let opened = match self.output {
            Output::Stdout => io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .map(|stdout| Some(stdout.into())),
            Output::Socket(path) => self.connect(path),
            Output::File(path) => self.file(path),
        };
        let opened = opened.map_err(|cause| self.output.not_opened(cause))?;
        if opened.as_ref().is_some_and(IsTerminal::is_terminal) {
            return Err(Error::BinaryToTerminal);
        }
        Ok(opened)
    }

    fn file(&self, path: &Path) -> io::Result<Option<File>> {
        match Target::find(path)? {
            Target::Special(special) => special.open(),
            Target::Place(place) => create(&place, self.replaces).map(Some),
        }
    }

    /// The stream to whoever listens, or to the first who comes to where nobody does.
    fn connect(&mut self, path: &Path) -> io::Result<Option<File>> {
        let listening = match &self.listening {
            Some(listening) => listening,
            None => {
                let (Behind::Path(path) | Behind::Open(path)) = behind(path)?;
                if path.exists() {
                    return UnixStream::connect(&path).map(|stream| Some(as_file(stream)));
                }
                self.listening.insert(Listening::at(path)?)
            }
        };
        match listening.socket.accept() {
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(None),
            accepted => accepted.map(|(stream, _)| Some(as_file(stream))),
        }
    }
}

fn as_file(stream: UnixStream) -> File {
    OwnedFd::from(stream).into()
}

fn create(place: &Place, replaces: bool) -> io::Result<File> {
    if replaces && place.is_taken()? {
        // Whoever reads it goes on reading what was there.
        place.remove(place.name())?;
    }
    place.create(place.name())
}

/// A socket to which nobody has come yet. Its place is left as it was.
struct Listening {
    socket: UnixListener,
    path: PathBuf,
}

impl Listening {
    fn at(path: PathBuf) -> io::Result<Self> {
        let socket = UnixListener::bind(&path)?;
        let listening = Self { socket, path };
        listening.socket.set_nonblocking(true)?;
        Ok(listening)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Whoever comes later finds a socket that nobody listens at.
        let _ = std::fs::remove_file(&self.path);
    }
}
