//! The test VM, from the host's side: QEMU, its console, its byte streams, its one verdict.

pub(crate) mod accelerator;
pub(crate) mod builder;
mod console;
mod initramfs;
pub(crate) mod kernel_log;
mod qemu;
mod streams;

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow};
use rustix::process::Signal;
use vm_init::control;
use vm_init::job::{Device, Job, Port};
use vm_init::verdict::{End, Verdict};

use crate::errors::Interrupted;
use crate::interrupt;
use crate::process::{POLL, spawn, tail, tie_group};

use console::Watcher;
pub(crate) use initramfs::Initramfs;
pub(crate) use qemu::{Accelerator, Machine, SetAside};
use qemu::{Channel, Invocation};
use streams::Streams;
pub(crate) use streams::{Captured, Sink};

/// How long a kernel in trouble may go on talking.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a job may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How much of the console a failure shows.
const CONSOLE_TAIL: usize = 30;
/// QEMU's `pc` has four serial lines, and the console takes one.
const SERIAL_STREAMS: usize = 3;

/// Everything that a boot is made from.
pub(crate) struct Boot {
    pub(crate) kernel: PathBuf,
    pub(crate) machine: Machine,
    pub(crate) initramfs: Initramfs,
    pub(crate) job: Job,
    /// What the guest sends on each port goes here.
    pub(crate) sinks: Vec<(String, Sink)>,
    /// Use serial lines instead of virtio ports: see [`Invocation`].
    pub(crate) serial: bool,
    /// How long it may take, by the clock on the wall.
    pub(crate) limit: Duration,
    /// Where what is only of use while it runs, or when it fails, is put.
    pub(crate) folder: PathBuf,
    /// Where the console's log is put, if it is to stay.
    pub(crate) console: Option<PathBuf>,
}

/// A machine that runs. Dropped, it is ended at once.
pub(crate) struct Vm {
    qemu: Child,
    console: Receiver<String>,
    watcher: Watcher,
    streams: Option<Streams>,
    begun: Instant,
    limit: Duration,
    deadline: Instant,
    stopping: bool,
    folder: PathBuf,
    console_log: PathBuf,
    machine: Machine,
}

impl Boot {
    /// Starts QEMU.
    pub(crate) fn start(mut self) -> Result<Vm> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("create {}", self.folder.display()))?;
        let (kept, given) = self.sockets()?;
        self.write_initramfs()?;
        let channels: Vec<_> = given
            .iter()
            .map(|(name, socket)| Channel {
                name,
                socket: socket.as_raw_fd(),
            })
            .collect();
        let invocation = Invocation {
            machine: self.machine,
            kernel: &self.kernel,
            initramfs: &self.folder.join(INITRAMFS),
            channels: &channels,
            serial: self.serial,
        };
        let mut command = invocation.command();
        let messages = File::create(self.folder.join(MESSAGES)).context("create QEMU's log")?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(messages);
        tie_group(
            &mut command,
            Signal::KILL,
            channels.iter().map(|channel| channel.socket).collect(),
        );
        let mut qemu = spawn(&mut command)?;
        let stdout = qemu.stdout.take().context("QEMU's standard output")?;
        let console_log = self
            .console
            .unwrap_or_else(|| self.folder.join("console.log"));
        let console = read_console(stdout, &console_log)?;
        let begun = Instant::now();
        // One thread does what were two threads' instructions.
        let limit = self.limit * if self.machine.one_thread { 2 } else { 1 };
        let (watcher, folder) = (Watcher::default(), self.folder);
        let mut vm = Vm {
            machine: self.machine,
            qemu,
            console,
            watcher,
            streams: None,
            begun,
            limit,
            deadline: begun + limit,
            stopping: false,
            folder,
            console_log,
        };
        let (sinks, control) = kept;
        vm.streams = Some(Streams::start(sinks, control)?);
        Ok(vm)
    }

    /// Makes a pair of sockets for each stream: ours, and QEMU's. The job is told which device
    /// carries it.
    #[expect(
        clippy::type_complexity,
        reason = "both halves are taken apart at once by the only caller"
    )]
    fn sockets(
        &mut self,
    ) -> Result<(
        (Vec<(String, UnixStream, Sink)>, Option<UnixStream>),
        Vec<(String, UnixStream)>,
    )> {
        let mut given = Vec::new();
        let mut pair = |name: &str| -> Result<UnixStream> {
            let (ours, theirs) = UnixStream::pair().context("a pair of sockets")?;
            given.push((name.to_owned(), theirs));
            Ok(ours)
        };
        let mut kept = Vec::new();
        for (name, sink) in self.sinks.drain(..) {
            kept.push((name.clone(), pair(&name)?, sink));
        }
        let control = if self.serial {
            None
        } else {
            Some(pair(control::PORT)?)
        };
        anyhow::ensure!(
            !self.serial || given.len() <= SERIAL_STREAMS,
            "a foreign kernel has only {SERIAL_STREAMS} streams, and {} are asked for",
            given.len()
        );
        self.job.ports = (self.machine.first_line()..)
            .zip(&given)
            .map(|(line, (name, _))| Port {
                name: name.clone(),
                device: if self.serial {
                    Device::Serial(line)
                } else {
                    Device::Virtio
                },
            })
            .collect();
        Ok(((kept, control), given))
    }

    fn write_initramfs(&mut self) -> Result<()> {
        let job = serde_json::to_vec(&self.job).context("the job")?;
        self.initramfs
            .bytes(vm_init::job::PATH.trim_start_matches('/'), job);
        let path = self.folder.join(INITRAMFS);
        let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        self.initramfs.write(BufWriter::new(file))
    }
}

const INITRAMFS: &str = "initramfs.cpio";
const MESSAGES: &str = "qemu.log";

impl Vm {
    /// Lets some time pass; `true`: the machine has ended.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        match self.console.recv_timeout(POLL) {
            Ok(line) => {
                self.watcher.line(&line);
                self.console
                    .try_iter()
                    .for_each(|line| self.watcher.line(&line));
                if self.watcher.fatal().is_some() {
                    self.deadline = self.deadline.min(Instant::now() + LAST_WORDS);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(true),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupt::is_set() {
            return Err(Interrupted.into());
        }
        let unwanted = self.streams.as_ref().is_some_and(Streams::is_unwanted);
        if unwanted && !self.stopping {
            self.ask_to_stop()?;
        }
        if Instant::now() < self.deadline {
            return Ok(false);
        }
        match self.watcher.fatal() {
            Some(_) => Ok(true),
            None => Err(self.failure(anyhow!(
                "no end after {} s, so it was ended",
                self.begun.elapsed().as_secs()
            ))),
        }
    }

    /// Waits for the end: how each command of the job ended.
    pub(crate) fn wait(mut self) -> Result<Ended> {
        while !self.is_over()? {}
        self.end()
    }

    /// Asks the guest to end its job.
    pub(crate) fn ask_to_stop(&mut self) -> Result<()> {
        self.stopping = true;
        self.deadline = Instant::now() + STOP_LIMIT.min(self.limit);
        self.streams
            .as_ref()
            .context("the streams are closed")?
            .ask_to_stop()
    }

    /// Judges a machine that is over.
    pub(crate) fn end(mut self) -> Result<Ended> {
        let fatal = self.watcher.fatal().is_some();
        if fatal {
            // A kernel that hangs in a panic does not end by itself.
            let _ = self.qemu.kill();
        }
        let status = self.qemu.wait().context("wait for QEMU")?;
        let verdict = self.watcher.verdict().cloned();
        let streams = self
            .streams
            .take()
            .map_or(Ok(()), |streams| streams.finish(verdict.is_ok()));
        let ends = match verdict {
            _ if !status.success() && !fatal => {
                let messages = tail(&self.folder.join(MESSAGES), CONSOLE_TAIL);
                return Err(self.failure(anyhow!("QEMU failed ({status}):\n{messages}")));
            }
            Err(reason) => return Err(self.failure(Error::msg(reason))),
            Ok(Verdict::Failed(reason)) => {
                return Err(self.failure(anyhow!("in the guest: {reason}")));
            }
            Ok(Verdict::Ran(ends)) => ends,
        };
        streams.map_err(|error| self.failure(error))?;
        let ended = Ended {
            ends,
            warnings: self.watcher.warnings().to_vec(),
        };
        // Only failures leave something to look at. What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(ended)
    }

    fn failure(&self, error: Error) -> Error {
        let _ = fs::remove_file(self.folder.join(INITRAMFS));
        let console = tail(&self.console_log, CONSOLE_TAIL);
        let failure = format!(
            "the VM failed: {error:#}\nThe end of its console {}:\n{console}",
            self.console_log.display()
        );
        let fatal = self.watcher.fatal().unwrap_or_default();
        if self.machine.can_be_stale() && fatal.contains(STALE) {
            StaleInstruction(failure).into()
        } else {
            Error::msg(failure)
        }
    }
}

/// How the kernel fails that runs into an instruction of [`StaleInstruction`].
const STALE: &str = "Oops: int3";

/// The emulator's own fault, not the kernel's: where a function's first instruction is replaced, as
/// it is whenever something is traced, the kernel puts a breakpoint there for a moment. QEMU before
/// 8.1, on several threads, can keep its translation of the breakpoint when it has long been
/// replaced: it reads the code before it watches the page.
#[derive(Debug)]
pub(crate) struct StaleInstruction(String);

impl fmt::Display for StaleInstruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StaleInstruction {}

impl Drop for Vm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// A machine that has ended as it should.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How each command ended, in the job's order.
    pub(crate) ends: Vec<End>,
    /// Warnings in the kernel's log.
    pub(crate) warnings: Vec<String>,
}

fn read_console(stdout: ChildStdout, log: &Path) -> Result<Receiver<String>> {
    let mut log = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|bytes| bytes > 0)
        {
            // The log is for people; what counts goes through the channel.
            let _ = log.write_all(&line);
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                return;
            }
            line.clear();
        }
    });
    Ok(receiver)
}
