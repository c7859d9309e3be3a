//! Where it listens: at an address of a network, or at a socket in the file system, to which a
//! proxy with passwords and encryption, or an agent on the same machine, can connect.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::Error;

/// What is said before the path of a socket.
const SOCKET: &str = "unix:";

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `ADDRESS:PORT`; port 0 stands for any that is free.
    Network(SocketAddr),
    /// `unix:PATH`.
    Socket(PathBuf),
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(SOCKET) {
            Some(path) if !path.is_empty() => Ok(Self::Socket(path.into())),
            _ => text.parse().map(Self::Network).map_err(
                |_| "expected ADDRESS:PORT, such as 127.0.0.1:10469 or [::]:10469, or unix:PATH",
            ),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "{SOCKET}{}", path.display()),
        }
    }
}

/// A socket that listens.
pub enum Listener {
    /// At an address of a network.
    Network(TcpListener, SocketAddr),
    /// In the file system.
    Socket(UnixListener, SocketFile),
}

/// What bytes come and go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl Listener {
    /// Opens it.
    pub async fn open(address: &Address) -> Result<Self, Error> {
        let opened = match address {
            Address::Network(at) => network(*at).await,
            Address::Socket(path) => socket(path).await,
        };
        opened.map_err(|cause| Error::Io {
            action: "listen on",
            path: address.to_string(),
            cause,
            advice: "Name another address and port, or unix:PATH, with --listen.",
        })
    }

    /// May others than this machine's users be able to connect?
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Network(_, address) if !address.ip().is_loopback())
    }

    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Network(listener, _) => Box::new(listener.accept().await?.0),
            Self::Socket(listener, _) => Box::new(listener.accept().await?.0),
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(_, address) => write!(f, "http://{address}/metrics"),
            Self::Socket(_, SocketFile(path)) => {
                write!(f, "/metrics at {SOCKET}{}", path.display())
            }
        }
    }
}

async fn network(at: SocketAddr) -> io::Result<Listener> {
    let listener = TcpListener::bind(at).await?;
    let address = listener.local_addr()?;
    Ok(Listener::Network(listener, address))
}

/// Takes the place of a socket that nobody listens at any more.
async fn socket(path: &Path) -> io::Result<Listener> {
    let bound = match UnixListener::bind(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse && is_abandoned(path).await => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    };
    Ok(Listener::Socket(bound?, SocketFile(path.to_owned())))
}

async fn is_abandoned(path: &Path) -> bool {
    // Files of other kinds refuse a connection just as well.
    if !fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket()) {
        return false;
    }
    let connected = UnixStream::connect(path).await;
    connected.is_err_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
}

/// A socket's place in the file system, which goes when it is not needed any more.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever listens here next takes its place if it cannot be removed.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:10469", "[::1]:0", "unix:/run/migscope.sock"] {
            let address = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(address.as_deref(), Ok(text));
        }
        for wrong in ["localhost", "10469", "unix:", ""] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_socket_is_taken_over_only_from_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = Address::Socket(path.clone());
        let first = Listener::open(&address).await.unwrap();
        let refused = Listener::open(&address).await.err().unwrap().to_string();
        assert!(refused.contains("cannot listen on unix:/"), "{refused}");

        let Listener::Socket(listener, file) = first else {
            panic!("it is a socket")
        };
        // As if it had been killed.
        std::mem::forget(file);
        drop(listener);
        assert!(path.exists());
        let second = Listener::open(&address).await.unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        fs::write(&path, "dear").unwrap();
        assert!(
            Listener::open(&Address::Socket(path.clone()))
                .await
                .is_err()
        );
        assert_eq!(fs::read(&path).unwrap(), b"dear");
    }
}
