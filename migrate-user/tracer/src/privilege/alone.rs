//! Is there one thread only? Users, capabilities and Landlock are a thread's own.

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Threads that have been waited for may take this long to be gone.
const PATIENCE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(1);

/// Waits until this thread is the only one.
pub(super) fn wait() -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let others = others()?;
        if others == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(io::Error::other(format!(
                "{others} of its other threads would keep them"
            )));
        }
        sleep(POLL);
    }
}

fn others() -> io::Result<usize> {
    let tasks = fs::read_dir("/proc/self/task")?;
    Ok(tasks.count().saturating_sub(1))
}
