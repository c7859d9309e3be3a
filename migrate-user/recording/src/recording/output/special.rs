//! Outputs that are no files: pipes, terminals and `/dev/null`, which are written to as they are.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, major, minor, open};
use rustix::io::Errno;

/// The device of `/dev/null` and the like, and which of that kind swallow what is written.
const MEMORY: u32 = 1;
const SWALLOW: [u32; 3] = [3, 5, 7];
/// Devices that are terminals, but for the one that makes new ones.
const TERMINALS: [u32; 2] = [4, 5];
const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
const MULTIPLEXER: (u32, u32) = (5, 2);

/// What no output can be, and why not.
const BLOCKS: &str = "it is a block device, and what is on it would be lost";
const DEVICE: &str = "it is a device that is neither a terminal nor /dev/null, and would do something with it; to have that, \
     let the shell redirect standard output there";
const SOCKET: &str = "it is a socket, which is named as unix:PATH";

/// A pipe, a terminal or the like, which has not been opened for writing.
#[derive(Debug)]
pub struct Special(OwnedFd);

impl Special {
    /// Of what was opened by its name alone. Fails where writing there would do harm.
    pub(super) fn new(named: OwnedFd) -> io::Result<Self> {
        let found = fstat(&named)?;
        let why = match FileType::from_raw_mode(found.st_mode) {
            FileType::Fifo => return Ok(Self(named)),
            FileType::CharacterDevice if takes(found.st_rdev) => return Ok(Self(named)),
            FileType::Directory => return Err(io::ErrorKind::IsADirectory.into()),
            FileType::RegularFile => return Err(io::ErrorKind::AlreadyExists.into()),
            FileType::BlockDevice => BLOCKS,
            FileType::Socket => SOCKET,
            _ => DEVICE,
        };
        Err(io::Error::other(why))
    }

    /// Opens it; `None` as long as nobody reads a pipe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn open(&self) -> io::Result<Option<File>> {
        // By the descriptor: something else may have its name by now.
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match open(&path, flags, Mode::empty()) {
            Err(Errno::NXIO) => Ok(None),
            opened => waiting(opened?).map(Some),
        }
    }
}

/// From here on, whoever writes waits until there is room.
fn waiting(opened: OwnedFd) -> io::Result<File> {
    let flags = fcntl_getfl(&opened)?;
    fcntl_setfl(&opened, flags - OFlags::NONBLOCK)?;
    Ok(opened.into())
}

/// Does a character device only take what is written?
fn takes(device: u64) -> bool {
    is_terminal(device) || (major(device) == MEMORY && SWALLOW.contains(&minor(device)))
}

/// Is a character device a terminal?
pub(super) fn is_terminal(device: u64) -> bool {
    let (major, minor) = (major(device), minor(device));
    (TERMINALS.contains(&major) || PSEUDO_TERMINALS.contains(&major))
        && (major, minor) != MULTIPLEXER
}

#[cfg(test)]
mod tests {
    use rustix::fs::makedev;

    use super::*;

    #[test]
    fn devices_that_only_take_what_is_written() {
        for (device, taken) in [
            ((1, 3), true),
            ((1, 7), true),
            ((1, 1), false),
            ((1, 11), false),
            ((5, 0), true),
            ((5, 2), false),
            ((4, 64), true),
            ((136, 9), true),
            ((10, 130), false),
            ((21, 0), false),
        ] {
            assert_eq!(takes(makedev(device.0, device.1)), taken, "{device:?}");
        }
    }
}
