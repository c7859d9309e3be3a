//! The signals that ask for the end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, Ctrl-\, `kill`, and a terminal that has gone. As long as this is there, none of them
/// ends the program by itself: files are completed, and the terminal and the kernel are left as
/// they were.
pub(crate) struct EndSignals([Signal; 4]);

impl EndSignals {
    /// Fails where the system is out of file descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    /// Waits for one of them. Cancel-safe.
    pub(crate) async fn recv(&mut self) {
        let [interrupt, quit, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
