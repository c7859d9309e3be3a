//! Runs other programs: tied to our own life, with a log, with progress.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fd::BorrowedFd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};

use crate::errors::unsupported;
use crate::interrupt;

/// How often a wait looks at whether we were interrupted.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// How long an interrupted program may tidy up.
const GRACE: Duration = Duration::from_secs(5);
/// How much of a log a failure shows.
const LOG_TAIL: usize = 25;

/// Puts a program into a process group of its own, so that Ctrl-C reaches only us, and [`tie`]s it.
pub(crate) fn tie_group(command: &mut Command, signal: Signal, keep: Vec<RawFd>) {
    tie(command.process_group(0), signal, keep);
}

/// Has the kernel send a program `signal` when the thread that starts it ends, however it ends (so
/// start it from one that lives on). The program inherits the file descriptors in `keep`.
pub(crate) fn tie(command: &mut Command, signal: Signal, keep: Vec<RawFd>) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(signal))?;
        // The parent may have gone before the line above.
        if getppid() != Some(parent) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        for &fd in &keep {
            // SAFETY: the caller keeps these descriptors open until the program has been started.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock is
    // taken.
    unsafe { command.pre_exec(prepare) };
}

/// Starts a program; that it is not there is the user's to mend.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unsupported(format!("the program {program} was not found")),
        _ => anyhow::Error::from(error).context(format!("start {program}")),
    })
}

/// Asks a program that was started with [`tie_group`], and its children, to end, and ends them if
/// they do not.
pub(crate) fn end(child: &mut Child) {
    for signal in [Signal::TERM, Signal::KILL] {
        // Gone already is as good.
        let _ = kill_process_group(Pid::from_child(child), signal);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
    }
}

/// What a small program prints on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of {program}"))
}

/// A program that runs with all its output in a log.
pub(crate) struct Logged<'a> {
    /// Where the output is kept.
    pub(crate) log: &'a Path,
    /// How long it may take.
    pub(crate) limit: Option<Duration>,
}

impl Logged<'_> {
    /// Runs it to its end; `on_line` sees every line. A failure shows the log's end.
    pub(crate) fn run(&self, command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
        if let Some(folder) = self.log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        let mut log =
            File::create(self.log).with_context(|| format!("create {}", self.log.display()))?;
        let (reader, writer) = pipe().context("pipe")?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("pipe")?)
            .stderr(writer);
        tie_group(command, Signal::TERM, vec![]);
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = spawn(command)?;
        // The writing ends in `command` would keep the pipe open.
        *command = Command::new(&program);
        let status = self.follow(&mut child, &lines(reader), &mut |line| {
            on_line(line);
            // A full disk shows in the program itself, with a better message.
            let _ = writeln!(log, "{line}");
        });
        if status.is_err() {
            end(&mut child);
        }
        match status? {
            status if status.success() => Ok(()),
            status => bail!("{program} failed ({status}). {}", self.tail()),
        }
    }

    fn follow(
        &self,
        child: &mut Child,
        lines: &Receiver<String>,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<ExitStatus> {
        let begun = Instant::now();
        loop {
            match lines.recv_timeout(POLL) {
                Ok(line) => on_line(&line),
                // A grandchild may hold the pipe open for longer than the program lives.
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(status) = child.try_wait().context("wait")? {
                        return Ok(status);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return child.wait().context("wait"),
            }
            interrupt::check()?;
            if self.limit.is_some_and(|limit| begun.elapsed() > limit) {
                bail!(
                    "it took longer than {} s. {}",
                    begun.elapsed().as_secs(),
                    self.tail()
                );
            }
        }
    }

    fn tail(&self) -> String {
        format!(
            "The end of its log {}:\n{}",
            self.log.display(),
            tail(self.log, LOG_TAIL)
        )
    }
}

fn lines(reader: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|bytes| bytes > 0)
        {
            if sender
                .send(String::from_utf8_lossy(&line).trim_end().to_owned())
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// The last lines of a file, indented.
pub(crate) fn tail(path: &Path, count: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut last = VecDeque::with_capacity(count);
    for line in text.lines() {
        if last.len() == count {
            last.pop_front();
        }
        last.push_back(format!("    {line}"));
    }
    Vec::from(last).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_logged_and_a_failure_shows_them() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/x.log");
        let logged = Logged {
            log: &log,
            limit: None,
        };
        let mut seen = Vec::new();
        logged
            .run(&mut sh("echo one; echo two >&2"), |line| {
                seen.push(line.to_owned())
            })
            .unwrap();
        assert_eq!(seen, ["one", "two"]);
        let error = logged
            .run(&mut sh("echo reason; exit 3"), |_| {})
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("    reason") && error.contains("x.log") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_limit_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("x.log");
        let limit = Some(Duration::from_millis(200));
        let begun = Instant::now();
        let error = Logged { log: &log, limit }
            .run(&mut sh("sleep 60"), |_| {})
            .unwrap_err()
            .to_string();
        assert!(error.contains("took longer"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_is_not_there_is_unsupported() {
        let error = spawn(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.is::<crate::errors::Unsupported>());
    }
}
