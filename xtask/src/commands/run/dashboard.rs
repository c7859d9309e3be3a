//! The dashboard: `migscope replay -` on the terminal, fed from here.

use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::process::{spawn, tie};

/// Leaves the alternate screen and shows the cursor.
const RESTORE: &[u8] = b"\x1b[?1049l\x1b[?25h";

/// The program while it has the terminal.
pub(crate) struct Dashboard {
    child: Child,
    terminal: Option<(File, Termios)>,
    ended: Option<ExitStatus>,
}

impl Dashboard {
    /// Shows what comes out of the pipe.
    pub(crate) fn show(migscope: &Path, records: PipeReader) -> Result<Self> {
        // Without a terminal of our own there is nothing to put back.
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
        let terminal = terminal.and_then(|terminal| {
            tcgetattr(&terminal)
                .ok()
                .map(|settings| (terminal, settings))
        });
        let mut command = Command::new(migscope);
        // The recording tells the rest: the machine's name and its kernel.
        let title = ["replay", "--title", "virtual machine", "-"];
        command.args(title).stdin(records);
        // In our own process group: another could not read the terminal's keys.
        tie(&mut command, Signal::TERM, vec![]);
        Ok(Dashboard {
            child: spawn(&mut command)?,
            terminal,
            ended: None,
        })
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().context("wait for the dashboard")?;
        }
        Ok(self.ended)
    }

    fn restore(&self) {
        let Some((mut terminal, settings)) = self
            .terminal
            .as_ref()
            .map(|(file, settings)| (file, settings))
        else {
            return;
        };
        // Best effort: the terminal may be gone, which may be why we are here.
        let _ = tcsetattr(terminal, OptionalActions::Now, settings);
        let _ = terminal.write_all(RESTORE);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            self.ended = self.child.wait().ok();
        }
        if !self.ended.is_some_and(|status| status.success()) {
            self.restore();
        }
    }
}

/// Where records go: to the dashboard as long as it is there, and into a file.
#[derive(Default)]
pub(crate) struct Records {
    /// The dashboard's end of the pipe, until it is closed.
    pub(crate) dashboard: Option<io::PipeWriter>,
    /// The file; what it held before is removed when the first bytes come.
    pub(crate) file: Option<File>,
    /// Set when the first bytes come.
    pub(crate) begun: Arc<AtomicBool>,
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.begun.swap(true, Ordering::AcqRel) {
            self.file.as_ref().map_or(Ok(()), |file| file.set_len(0))?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        if let Some(dashboard) = &mut self.dashboard
            && dashboard.write_all(bytes).is_err()
        {
            // It was quit; the file goes on to the end.
            self.dashboard = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
