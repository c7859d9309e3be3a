//! A server that runs, and its answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use migscope_testkit::recording;

/// How many migrations are in what is served.
pub(crate) const MIGRATIONS: usize = 300;

/// A server of a recording.
pub(crate) struct Server {
    pub(crate) child: Child,
    said: BufReader<ChildStderr>,
    pub(crate) address: SocketAddr,
    _folder: Option<TempDir>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migscope"));
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments);
    command
}

impl Server {
    /// Of a recording that has ended.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(&recording(1, 3, MIGRATIONS / 3).0, arguments)
    }

    /// Of a file with these bytes.
    pub(crate) fn of(bytes: &[u8], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        std::fs::write(&path, bytes).unwrap();
        let mut command = command(arguments);
        command.arg(path).stdin(Stdio::null());
        let mut server = Self::spawn(command, Some(folder));
        server.find_address();
        server.hear("the recording has ended");
        server
    }

    /// Of a recording that has ended, at a socket.
    pub(crate) fn at(socket: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        std::fs::write(&path, recording(1, 3, MIGRATIONS / 3).0).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_migscope"));
        command
            .args(["serve", "--listen", &format!("unix:{}", socket.display())])
            .arg(path)
            .stdin(Stdio::null());
        let mut server = Self::spawn(command, Some(folder));
        server.hear("the recording has ended");
        server
    }

    /// Of what comes through the pipe, which it waits for.
    pub(crate) fn of_pipe() -> (Self, ChildStdin) {
        let mut command = command(&["-"]);
        command.stdin(Stdio::piped());
        let mut server = Self::spawn(command, None);
        let pipe = server.child.stdin.take().unwrap();
        (server, pipe)
    }

    fn spawn(mut command: Command, folder: Option<TempDir>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            said,
            address: ([127, 0, 0, 1], 0).into(),
            _folder: folder,
        }
    }

    /// Hears where it listens.
    pub(crate) fn find_address(&mut self) {
        let line = self.hear("serving http://");
        let (_, rest) = line.split_once("http://").unwrap();
        self.address = rest.split('/').next().unwrap().parse().unwrap();
    }

    /// The next line that it says with this in it.
    pub(crate) fn hear(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                self.said.read_line(&mut line).unwrap(),
                0,
                "never said: {text}"
            );
        }
        line
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    pub(crate) fn ask(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may answer, and close, before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
