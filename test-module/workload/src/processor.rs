//! Which processor a thread runs on.

use std::io;
use std::mem::size_of;

use anyhow::{Context as _, Result};

/// The processors that this thread may run on, in rising order.
pub fn allowed() -> Result<Vec<usize>> {
    let mut set = empty();
    // SAFETY: The set is ours to write, and as large as is said.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("ask for processors");
    }
    // SAFETY: Every number is within the set.
    let is_set = |processor: &usize| unsafe { libc::CPU_ISSET(*processor, &set) };
    Ok((0..libc::CPU_SETSIZE as usize).filter(is_set).collect())
}

/// Has this thread run on one processor only.
pub fn run_on(processor: usize) -> Result<()> {
    let mut set = empty();
    // SAFETY: `allowed` gives numbers within the set; others are refused by the bounds check of the
    // function.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: The set is valid, and as large as is said.
    let result =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if result != 0 {
        return Err(io::Error::last_os_error())
            .with_context(|| format!("run on processor {processor}"));
    }
    Ok(())
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: It is an array of integers, for which zeroes are valid: no processor.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_runs_where_it_is_told_to() {
        let processors = allowed().unwrap();
        let last = *processors.last().unwrap();
        run_on(last).unwrap();
        assert_eq!(allowed().unwrap(), [last]);
    }
}
