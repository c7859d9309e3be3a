//! Memory that is short on demand: one of the kernel's allocations fails, as if there were none
//! left.
//!
//! A kernel with `CONFIG_FAULT_INJECTION_DEBUG_FS`, `CONFIG_FAILSLAB` and `CONFIG_FAIL_PAGE_ALLOC`
//! has a countdown for each thread: the allocation at which it comes to its end fails. A number
//! that is chosen by chance reaches every allocation of a call sooner or later, and the same seed
//! the same ones.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
};

use anyhow::{Context as _, Result};

use super::tally::Tally;
use crate::rng::Rng;

/// The calling thread's countdown. 0: nothing fails.
const COUNTDOWN: &str = "/proc/thread-self/fail-nth";
const SETTINGS: &str = "/sys/kernel/debug";
/// By default only those fail that may not sleep, and no single pages; and each leaves a stack in
/// the log.
const EVERY_ALLOCATION: &[(&str, &str)] = &[
    ("failslab/ignore-gfp-wait", "N"),
    ("failslab/verbose", "0"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-highmem", "N"),
    ("fail_page_alloc/min-order", "0"),
    ("fail_page_alloc/verbose", "0"),
];
/// One action in so many is short of memory.
const ONE_IN: usize = 8;
/// As many as the largest migrations make: one for each page of a large one.
const ALLOCATIONS: usize = 512;

/// Lets any allocation fail for which there is a countdown. An error where the kernel cannot do
/// that.
pub(super) fn allow() -> Result<()> {
    EVERY_ALLOCATION.iter().try_for_each(|(name, value)| {
        let path = format!("{SETTINGS}/{name}");
        fs::write(&path, value).with_context(|| format!("cannot write to {path}"))
    })
}

/// One thread's.
#[derive(Debug)]
pub(super) struct Shortage {
    countdown: Option<File>,
}

impl Shortage {
    /// The calling thread's; nothing ever fails if it is not allowed.
    pub(super) fn new(allowed: bool) -> Result<Self> {
        let open = || File::options().read(true).write(true).open(COUNTDOWN);
        let countdown = allowed.then(open).transpose().context(COUNTDOWN)?;
        Ok(Self { countdown })
    }

    /// Does something in which, now and then, an allocation fails. It must be ready for that: it
    /// makes system calls and asks the C library for no memory.
    pub(super) fn strike<T>(
        &self,
        tally: &Tally,
        rng: &mut Rng,
        action: impl FnOnce(&mut Rng) -> T,
    ) -> T {
        let chosen = rng.one_in(ONE_IN);
        let Some(countdown) = self.countdown.as_ref().filter(|_| chosen) else {
            return action(rng);
        };
        let most = rng.power_of_two(ALLOCATIONS);
        set(countdown, 1 + rng.below(most));
        let result = action(rng);
        if is_over(countdown) {
            tally.count_starved();
        }
        set(countdown, 0);
        result
    }
}

fn set(mut countdown: &File, allocations: usize) {
    // A thread that cannot set it plays on as it is.
    let _ = write!(countdown, "{allocations}");
}

fn is_over(countdown: &File) -> bool {
    let mut text = [0u8; 16];
    let read = countdown.read_at(&mut text, 0);
    read.is_ok_and(|count| text[..count] == *b"0\n")
}
