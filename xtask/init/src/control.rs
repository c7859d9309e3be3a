//! What goes through the control port: one line of text each way at a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The name of the control port.
pub const PORT: &str = "vm-init.control";

/// From the host to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End the job: stop the commands, then report.
    Stop,
    /// Everything that [`Sent`] told has arrived; the machine may go.
    Received,
}

impl Request {
    /// The line that says it.
    pub fn line(self) -> &'static str {
        match self {
            Request::Stop => "stop",
            Request::Received => "received",
        }
    }

    /// The request that a line says.
    pub fn parse(line: &str) -> Option<Self> {
        [Request::Stop, Request::Received]
            .into_iter()
            .find(|request| request.line() == line.trim_end())
    }
}

/// From the guest to the host, once, when all commands have ended: the bytes that went into each
/// port. A port gives no other sign that the host has read everything, and powering off would lose
/// what it has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Bytes by port name.
    pub sent: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        assert_eq!(Request::parse("stop\n"), Some(Request::Stop));
        assert_eq!(Request::parse("received\n"), Some(Request::Received));
        assert_eq!(Request::parse("halt\n"), None);
    }
}
