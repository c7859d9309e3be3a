//! Runs the job's commands: starts them in order, reaps, stops, and knows how each ended.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use vm_init::job::{Command, HOME, Ready, SEARCH_PATH, Stop, Stream};
use vm_init::verdict::End;

use crate::events::{Event, Events, reaped};
use crate::ports;

/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(30);
/// How long a background command may take to give its sign.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How often that sign is looked for.
const READY_STEP: Duration = Duration::from_millis(10);

/// The commands of a job, as they run.
pub(crate) struct Commands<'a> {
    commands: &'a [Command],
    states: Vec<State>,
    events: Events,
    stopping: bool,
}

#[derive(Clone, Copy)]
enum State {
    Waiting,
    Running(Pid),
    Ended(End),
}

impl<'a> Commands<'a> {
    pub(crate) fn new(commands: &'a [Command], events: Events) -> Self {
        Commands {
            commands,
            states: vec![State::Waiting; commands.len()],
            events,
            stopping: false,
        }
    }

    /// Runs everything. Whatever goes wrong, nothing is left running.
    pub(crate) fn run(&mut self) -> Result<Vec<End>> {
        let result = self.run_in_order();
        self.stop_all();
        result?;
        Ok(self
            .states
            .iter()
            .map(|state| {
                if let State::Ended(end) = state {
                    *end
                } else {
                    End::NotStarted
                }
            })
            .collect())
    }

    fn run_in_order(&mut self) -> Result<()> {
        for index in 0..self.commands.len() {
            if self.stopping {
                break;
            }
            self.start(index)?;
            if let Some(ready) = &self.commands[index].ready {
                self.wait_until_ready(index, ready)?;
            }
            if !self.commands[index].background {
                self.wait_for(index);
            }
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> Result<()> {
        let command = &self.commands[index];
        let Some((program, arguments)) = command.argv.split_first() else {
            bail!("the command {} is empty", command.name);
        };
        let spawned = process::Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("HOME", HOME)
            .env("TERM", "dumb")
            .envs(command.env.iter().cloned())
            .current_dir(HOME)
            .stdin(Stdio::null())
            .stdout(open(&command.stdout)?)
            .stderr(open(&command.stderr)?)
            // So that a stop reaches a script's children too.
            .process_group(0)
            .spawn();
        self.states[index] = match spawned {
            Ok(child) => {
                let pid = Pid::from_child(&child);
                self.events.watch(pid);
                State::Running(pid)
            }
            Err(error) => State::Ended(not_started(command, program, &error)),
        };
        Ok(())
    }

    fn wait_until_ready(&mut self, index: usize, ready: &Ready) -> Result<()> {
        let name = &self.commands[index].name;
        let deadline = Instant::now() + READY_LIMIT;
        while !self.stopping {
            if fs::read_to_string(&ready.path).is_ok_and(|content| ready.is_met_by(&content)) {
                return Ok(());
            }
            if let State::Ended(end) = self.states[index] {
                bail!("{name} ended ({end}) before it was ready");
            }
            if Instant::now() > deadline {
                bail!(
                    "{name} was not ready in {} s: no {:?} in {}",
                    READY_LIMIT.as_secs(),
                    ready.texts,
                    ready.path
                );
            }
            self.handle_one(Some(READY_STEP));
        }
        Ok(())
    }

    /// Waits for a foreground command; a stop that comes meanwhile is passed on to it.
    fn wait_for(&mut self, index: usize) {
        while let State::Running(_) = self.states[index] {
            if self.stopping {
                return self.stop(index);
            }
            self.handle_one(None);
        }
    }

    fn stop_all(&mut self) {
        for index in (0..self.commands.len()).rev() {
            self.stop(index);
        }
    }

    fn stop(&mut self, index: usize) {
        let State::Running(pid) = self.states[index] else {
            return;
        };
        let asked = match self.commands[index].stop {
            Stop::Interrupt => Signal::INT,
            Stop::Terminate => Signal::TERM,
        };
        for signal in [asked, Signal::KILL] {
            // It may have ended already; the reaper will tell.
            let _ = kill_process_group(pid, signal);
            let deadline = Instant::now() + GRACE;
            while matches!(self.states[index], State::Running(_)) && Instant::now() < deadline {
                self.handle_one(Some(deadline.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn handle_one(&mut self, limit: Option<Duration>) {
        match self.events.next(limit) {
            Some(Event::Stop) => self.stopping = true,
            Some(Event::Ended(pid, status)) => self.ended(pid, status),
            None => {}
        }
        while let Some((pid, status)) = reaped() {
            self.ended(pid, status);
        }
    }

    fn ended(&mut self, pid: Pid, status: ExitStatus) {
        let mut states = self.states.iter_mut();
        // Any other is an orphan of a command.
        if let Some(state) =
            states.find(|state| matches!(state, State::Running(running) if *running == pid))
        {
            *state = State::Ended(end_of(status));
        }
    }
}

/// As a shell does it: 127 where there is no such program, 126 where it cannot be run, and a
/// sentence.
fn not_started(command: &Command, program: &str, error: &std::io::Error) -> End {
    let sentence = match error.kind() {
        ErrorKind::NotFound => format!("{program}: no such program in the VM ({SEARCH_PATH})\n"),
        _ => format!("{program}: {error}\n"),
    };
    if let Ok(Some(mut file)) = open_file(&command.stderr) {
        // Its own standard error is all there is to write to.
        let _ = file.write_all(sentence.as_bytes());
    }
    End::Exited(if error.kind() == ErrorKind::NotFound {
        127
    } else {
        126
    })
}

fn open(stream: &Stream) -> Result<Stdio> {
    Ok(match open_file(stream)? {
        Some(file) => file.into(),
        None if matches!(stream, Stream::Console) => Stdio::inherit(),
        None => Stdio::null(),
    })
}

fn open_file(stream: &Stream) -> Result<Option<File>> {
    let path = match stream {
        Stream::Null | Stream::Console => return Ok(None),
        Stream::Port(name) => ports::path(name),
        Stream::File(path) => path.into(),
    };
    let mut options = OpenOptions::new();
    options
        .append(true)
        .create(matches!(stream, Stream::File(_)));
    options
        .open(&path)
        .map(Some)
        .with_context(|| format!("open {}", path.display()))
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signaled(signal.unwrap_or_default()),
    }
}
