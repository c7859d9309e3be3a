//! What happens to process 1: children end, signals come, the host asks.
//!
//! Each source is a thread that sleeps in the kernel: the init takes no time from what is measured.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitOptions, wait, waitpid};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use vm_init::control::{PORT, Request, Sent};

use crate::ports;

/// Something that happened.
pub(crate) enum Event {
    /// A child has ended.
    Ended(Pid, ExitStatus),
    /// The job shall end.
    Stop,
}

/// Where events come from.
pub(crate) struct Events {
    events: Receiver<Event>,
    sender: Sender<Event>,
}

impl Events {
    /// Starts to listen to signals; children are added as they come.
    pub(crate) fn listen() -> Result<Self> {
        let (sender, events) = channel();
        let mut signals = Signals::new([SIGTERM, SIGINT]).context("signal handlers")?;
        let on_signal = sender.clone();
        thread::spawn(move || {
            signals
                .forever()
                .try_for_each(|_| on_signal.send(Event::Stop))
        });
        Ok(Events { events, sender })
    }

    /// Where else events are sent from.
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Waits for this child on a thread of its own. Never for any child: `Command::spawn` waits for
    /// a child that could not be started, and must find it.
    pub(crate) fn watch(&self, child: Pid) {
        let events = self.sender.clone();
        thread::spawn(move || {
            // An error: `reaped` was faster.
            if let Ok(Some((pid, status))) = waitpid(Some(child), WaitOptions::empty()) {
                // Nobody listens any more only when the machine ends.
                let _ = events.send(Event::Ended(pid, ExitStatus::from_raw(status.as_raw())));
            }
        });
    }

    /// The next event; `None` when nothing came within the limit.
    pub(crate) fn next(&self, limit: Option<Duration>) -> Option<Event> {
        match limit {
            Some(limit) => self.events.recv_timeout(limit).ok(),
            None => self.events.recv().ok(),
        }
    }
}

/// A process that has ended and that nobody has waited for: orphans are left to process 1.
pub(crate) fn reaped() -> Option<(Pid, ExitStatus)> {
    let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
    Some((pid, ExitStatus::from_raw(status.as_raw())))
}

/// The guest's end of the control port.
pub(crate) struct Control {
    port: File,
    received: Receiver<()>,
}

impl Control {
    /// Opens the port and passes the host's stop on as an event.
    pub(crate) fn open(events: Sender<Event>) -> Result<Self> {
        let path = ports::path(PORT);
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        let reader = BufReader::new(port.try_clone().context("the control port")?);
        let (sender, received) = channel();
        thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let sent = match Request::parse(&line) {
                    Some(Request::Stop) => events.send(Event::Stop).is_ok(),
                    Some(Request::Received) => sender.send(()).is_ok(),
                    None => true,
                };
                if !sent {
                    return;
                }
            }
        });
        Ok(Control { port, received })
    }

    /// Tells the host what was sent and waits until it has it all. How long that may take is the
    /// host's to limit.
    pub(crate) fn wait_until_received(&mut self, sent: Sent) -> Result<()> {
        let mut line = serde_json::to_string(&sent).context("the control line")?;
        line.push('\n');
        self.port
            .write_all(line.as_bytes())
            .context("write to the control port")?;
        self.received.recv().context("the host left")
    }
}
