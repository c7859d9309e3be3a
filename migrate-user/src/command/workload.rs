//! A command that is started to be traced.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Gid, Pid, PidfdFlags, Signal, Uid, pidfd_open, pidfd_send_signal};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::process::{Child, Command as Starting};
use tokio::runtime::Handle;

use crate::Error;
use crate::command::stop::Stop;

/// What shells add to the number of the signal that ended a command.
const SIGNALED: u8 = 128;

/// A command that runs, or none.
pub(super) struct Workload {
    running: Option<Running>,
    ended: Option<io::Result<Ended>>,
}

struct Running {
    child: Child,
    /// The process, whose number may be another's once it has been waited for.
    process: OwnedFd,
    began: Instant,
}

impl Running {
    /// Nobody has waited for it, so that its number is still its own.
    fn new((child, began): (Child, Instant)) -> io::Result<Self> {
        let pid = child.id().and_then(|pid| Pid::from_raw(pid as i32));
        let process = pidfd_open(pid.ok_or(io::ErrorKind::NotFound)?, PidfdFlags::empty())?;
        Ok(Self {
            child,
            process,
            began,
        })
    }
}

/// How a command ended.
struct Ended {
    status: ExitStatus,
    elapsed: Duration,
}

/// What is known of a command that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    /// Its exit status, as a shell tells it.
    pub(super) status: u8,
    /// From when it was started until it had ended.
    pub(super) elapsed: Duration,
}

impl Workload {
    /// Starts it, as the user who called sudo if there is one. Nothing is started if it is empty.
    pub(super) fn start(command: &[OsString]) -> Result<Self, Error> {
        let Some((program, arguments)) = command.split_first() else {
            return Ok(Self {
                running: None,
                ended: None,
            });
        };
        let failed = |cause| Error::Io {
            action: "run",
            path: program.to_string_lossy().into_owned(),
            cause,
            advice: "Name a program that the user who called sudo may run, behind --.",
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let child = spawn(command, Caller::of_sudo());
        let running = child.and_then(Running::new).map_err(failed)?;
        Ok(Self {
            running: Some(running),
            ended: None,
        })
    }

    /// Is there a command?
    pub(super) fn is_there(&self) -> bool {
        self.running.is_some() || self.ended.is_some()
    }

    /// Returns when it has ended, and never if there is none or that is known. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        let ended = running.child.wait().await;
        let elapsed = running.began.elapsed();
        self.ended = Some(ended.map(|status| Ended { status, elapsed }));
        self.running = None;
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        if let Some(running) = &self.running {
            // It may just have ended.
            let _ = pidfd_send_signal(&running.process, Signal::TERM);
        }
    }

    /// Waits for its end, and passes the wish for it on; `None` if there is none.
    pub(super) async fn wait(mut self, stop: &mut Stop) -> Result<Option<Finished>, Error> {
        while self.running.is_some() {
            tokio::select! {
                () = self.ended() => {}
                () = stop.wait() => self.terminate(),
            }
        }
        let ended = self.ended.transpose().map_err(|cause| Error::Io {
            action: "wait for",
            path: "the command".to_owned(),
            cause,
            advice: "What was traced until then is whole.",
        })?;
        Ok(ended.map(|ended| Finished {
            status: exit_status(ended.status),
            elapsed: ended.elapsed,
        }))
    }
}

fn exit_status(status: ExitStatus) -> u8 {
    let of_signal = |signal: i32| SIGNALED.wrapping_add(signal as u8);
    let code = status.code().map(|code| code as u8);
    let signal = status.signal().map(of_signal);
    code.or(signal).unwrap_or(SIGNALED)
}

/// A user whose program it is.
struct Caller {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    name: OsString,
}

impl Caller {
    /// The user who called sudo.
    fn of_sudo() -> Option<Self> {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let name = std::env::var_os("SUDO_USER")?;
        let gid = Gid::from_raw(number("SUDO_GID")?);
        Some(Self {
            uid: Uid::from_raw(number("SUDO_UID")?),
            gid,
            groups: groups(&name).unwrap_or_else(|| vec![gid]),
            name,
        })
    }

    /// Makes the calling thread, and what it starts, this user's.
    fn become_it(&self) -> io::Result<()> {
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(self.gid, self.gid, self.gid)?;
        set_thread_res_uid(self.uid, self.uid, self.uid)?;
        Ok(())
    }

    /// The environment that tells the user's name and home.
    fn tell(&self, command: &mut Command) {
        command.env("USER", &self.name).env("LOGNAME", &self.name);
        let entry = answer(Command::new("getent").arg("passwd").arg(&self.name));
        if let Some(home) = entry.as_deref().and_then(|entry| entry.split(':').nth(5)) {
            command.env("HOME", home);
        }
    }
}

/// All groups of a user, wherever this machine keeps them.
fn groups(user: &OsString) -> Option<Vec<Gid>> {
    let numbers = answer(Command::new("id").arg("-G").arg("--").arg(user))?;
    let group = |number: &str| number.parse().ok().map(Gid::from_raw);
    numbers.split_whitespace().map(group).collect()
}

fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|out| out.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Starts a command from a thread of its own, because a user is a thread's: all others stay who
/// they are. That thread has ended when this returns.
fn spawn(mut command: Command, caller: Option<Caller>) -> io::Result<(Child, Instant)> {
    let runtime = Handle::current();
    let starting = thread::spawn(move || {
        if let Some(caller) = &caller {
            caller.tell(&mut command);
            caller.become_it()?;
        }
        let _entered = runtime.enter();
        let began = Instant::now();
        Ok((Starting::from(command).spawn()?, began))
    });
    starting.join().expect("starting a command does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end_of(script: &str) -> Finished {
        let command = ["sh", "-c", script].map(OsString::from);
        let workload = Workload::start(&command).unwrap();
        assert!(workload.is_there());
        let ended = workload.wait(&mut Stop::new().unwrap()).await.unwrap();
        ended.unwrap()
    }

    #[tokio::test]
    async fn the_exit_status_is_the_commands() {
        for (script, status) in [("true", 0), ("exit 3", 3), ("kill -TERM $$", 143)] {
            assert_eq!(end_of(script).await.status, status, "{script}");
        }
    }

    #[tokio::test]
    async fn its_time_is_from_its_start_to_its_end() {
        let elapsed = end_of("sleep 0.05").await.elapsed;
        assert!(elapsed >= Duration::from_millis(50), "{elapsed:?}");
    }

    #[tokio::test]
    async fn the_wish_to_end_is_passed_on() {
        let command = ["sleep", "1000"].map(OsString::from);
        let workload = Workload::start(&command).unwrap();
        let mut stop = Stop::new().unwrap();
        stop.after(Duration::from_millis(20));
        let ended = workload.wait(&mut stop).await.unwrap();
        assert_eq!(ended.map(|ended| ended.status), Some(143));
    }

    /// Whoever has its number after it has ended gets no signal that was meant for it.
    #[tokio::test]
    async fn what_has_ended_is_signalled_no_more() {
        let child = spawn(Command::new("true"), None).unwrap();
        let mut running = Running::new(child).unwrap();
        running.child.wait().await.unwrap();
        let signalled = pidfd_send_signal(&running.process, Signal::TERM);
        assert_eq!(signalled, Err(rustix::io::Errno::SRCH));
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_said() {
        let error = Workload::start(&["/nowhere/x".into()]).err().unwrap();
        assert!(error.to_string().starts_with("cannot run /nowhere/x"));
    }

    #[tokio::test]
    async fn without_a_command_nothing_ends() {
        let mut workload = Workload::start(&[]).unwrap();
        assert!(!workload.is_there());
        let waiting = tokio::time::timeout(Duration::from_millis(5), workload.ended());
        assert!(waiting.await.is_err());
        assert_eq!(
            workload.wait(&mut Stop::new().unwrap()).await.unwrap(),
            None
        );
    }
}
