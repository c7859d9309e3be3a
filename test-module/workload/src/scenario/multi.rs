//! `multi`: many processes with many threads.

use anyhow::Result;

use super::{Scenario, mixed};
use crate::worker::Process;

const PROCESSES: u16 = 8;
const THREADS: u16 = 4;

/// Many processes with many threads.
pub(super) struct Multi;

impl Scenario for Multi {
    fn name(&self) -> &'static str {
        "multi"
    }

    fn about(&self) -> &'static str {
        "Eight processes with four threads each (or as many as --threads says), all of which do what `mixed` does, \
         on less memory: processes and threads must be told apart, and each must get what it did itself."
    }

    fn processes(&self) -> u16 {
        PROCESSES
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.threads(THREADS, |worker| mixed::run(worker, mixed::SMALL))
    }
}
