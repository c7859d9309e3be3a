//! Ctrl-C and its kin, taken when there is time for them.

use std::{io, time::Duration};

use anyhow::{Context as _, Result};

/// SIGINT and SIGTERM are held back from every thread started from here on, and wait to be asked
/// for.
#[derive(Debug)]
pub struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Holds the signals back. To be called before any thread is started.
    pub fn block() -> Result<Self> {
        // SAFETY: `sigemptyset` initializes the set before anything else reads it; all-zero bytes
        // are a valid value of it.
        let set = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            set
        };
        // SAFETY: The set is initialized; the old one is not asked for.
        match unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut())
        } {
            0 => Ok(Self { set }),
            error => Err(io::Error::from_raw_os_error(error)).context("cannot block signals"),
        }
    }

    /// Waits for a signal. False if none came in time.
    pub fn wait(&self, limit: Duration) -> bool {
        let limit = libc::timespec {
            tv_sec: limit.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(limit.subsec_nanos()),
        };
        // SAFETY: Set and limit are initialized; what else is known about the signal is not asked
        // for.
        unsafe {
            libc::sigtimedwait(&raw const self.set, std::ptr::null_mut(), &raw const limit) > 0
        }
    }
}
