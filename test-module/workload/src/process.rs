//! Processes that the workload forks.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use anyhow::{Context as _, Result, bail};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// A process of ours. It does not outlive the thread that forked it, nor this value.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    end: Option<End>,
}

/// Forks a process that does this and ends. An error in it is told on standard error, and makes its
/// status 1.
pub fn fork(body: impl FnOnce() -> Result<()>) -> Result<Child> {
    let parent = std::process::id();
    // SAFETY: The child goes on alone with a copy of our memory. What other threads held locked
    // stays locked in it; the C library sees to its own locks, and we have none that `body` takes.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()).context("cannot fork"),
        0 => {
            let status = run(parent, body);
            // SAFETY: Ends the process without running what was meant for the parent's end.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Child { pid, end: None }),
    }
}

/// The number of the calling thread, as the kernel has it.
pub fn thread() -> u32 {
    // SAFETY: Asks for a number; touches no memory.
    unsafe { libc::gettid() }.unsigned_abs()
}

fn run(parent: u32, body: impl FnOnce() -> Result<()>) -> i32 {
    // SAFETY: Asks for a signal when the parent is gone; touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if std::os::unix::process::parent_id() != parent {
        return 1;
    }
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("workload: {error:#}");
            1
        }
        // Rust has told what the panic was.
        Err(_) => 1,
    }
}

impl Child {
    /// Its number.
    pub fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// How it ended, if it has.
    pub fn poll(&mut self) -> Result<Option<End>> {
        self.wait_with(libc::WNOHANG)
    }

    /// Waits until it ends.
    pub fn wait_for_end(&mut self) -> Result<End> {
        let end = self.wait_with(0)?;
        end.context("a process neither ended nor lives")
    }

    /// Waits until it ends. Any other end than with status 0 is an error.
    pub fn wait(mut self) -> Result<()> {
        match self.wait_for_end()? {
            End::Exited(0) => Ok(()),
            end => bail!("process {} ended with {end:?}", self.pid),
        }
    }

    /// SIGKILL.
    pub fn kill(&self) {
        if self.end.is_none() {
            // SAFETY: The process is ours and has not been waited for, so that its number is not
            // another's.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
    }

    fn wait_with(&mut self, options: libc::c_int) -> Result<Option<End>> {
        while self.end.is_none() {
            let mut status = 0;
            // SAFETY: `status` may be written.
            match unsafe { libc::waitpid(self.pid, &raw mut status, options) } {
                0 => return Ok(None),
                -1 => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error).context("cannot wait for a process");
                    }
                }
                _ if libc::WIFSIGNALED(status) => {
                    self.end = Some(End::Killed(libc::WTERMSIG(status)));
                }
                _ => self.end = Some(End::Exited(libc::WEXITSTATUS(status))),
            }
        }
        Ok(self.end)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // Whoever did not wait does not want to know.
        let _ = self.wait_with(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::shared::Shared;

    #[test]
    fn a_child_shares_what_is_meant_to_be_shared_and_nothing_else() {
        let shared = Shared::new(AtomicU32::new(1)).unwrap();
        let mut own = 1;
        let child = fork(|| {
            own += 1;
            shared.fetch_add(own, Ordering::Relaxed);
            Ok(())
        });
        child.unwrap().wait().unwrap();
        assert_eq!(shared.load(Ordering::Relaxed), 3);
        assert_eq!(own, 1);
    }

    #[test]
    fn failure_and_death_are_told_apart() {
        let failed = fork(|| bail!("expected by a test")).unwrap().wait();
        assert!(failed.unwrap_err().to_string().contains("Exited(1)"));
        let asleep = fork(|| {
            std::thread::sleep(std::time::Duration::from_secs(1000));
            Ok(())
        });
        let mut asleep = asleep.unwrap();
        assert_eq!(asleep.poll().unwrap(), None);
        asleep.kill();
        let killed = asleep.wait().unwrap_err().to_string();
        assert!(killed.contains("Killed(9)"), "{killed}");
    }
}
