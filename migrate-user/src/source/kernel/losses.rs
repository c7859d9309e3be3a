//! Reads what was lost, where it was counted.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::Ebpf;
use aya::maps::{Array, MapData};
use aya::programs::Program;
use migrate_ebpf::wire::{COUNTERS as COUNT, LOSS_NAMES, Loss};

use super::TracerError;

/// The map of the probes' counters: one value, of all of them.
const COUNTERS: &str = ".bss.counters";

/// See [`COUNT`].
type Counters = [u64; COUNT];

/// The probes' counters.
pub(super) struct Losses {
    counters: Array<MapData, Counters>,
}

impl Losses {
    pub(super) fn open(tracer: &mut Ebpf) -> Result<Self, TracerError> {
        let counters = tracer
            .take_map(COUNTERS)
            .ok_or(TracerError::Object(COUNTERS))?;
        Ok(Self {
            counters: Array::try_from(counters).map_err(TracerError::Map)?,
        })
    }

    /// What the probes have counted since they were loaded.
    pub(super) fn read(&self, tracer: &Ebpf) -> Result<Counted, TracerError> {
        let counters = self.counters.get(&0, 0).map_err(TracerError::Map)?;
        let [mut losses @ .., ended, changes] = counters;
        losses[Loss::HookMissed as usize] = missed(tracer)?;
        Ok(Counted {
            ended,
            losses,
            changes,
        })
    }
}

/// What the probes have counted.
pub(super) struct Counted {
    /// Migrations that ended.
    pub(super) ended: u64,
    /// Every [`Loss`].
    pub(super) losses: [u64; LOSS_NAMES.len()],
    /// How often memory or code has come or gone.
    pub(super) changes: u64,
}

/// How often the kernel left out a probe because it was running on that CPU already.
fn missed(tracer: &Ebpf) -> Result<u64, TracerError> {
    let mut missed = 0;
    for (_, program) in tracer.programs() {
        missed += missed_by(program).map_err(TracerError::Missed)?;
    }
    Ok(missed)
}

fn missed_by(program: &Program) -> std::io::Result<u64> {
    // A program that is not loaded (any more) misses nothing.
    let Ok(fd) = program.fd() else { return Ok(0) };
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd()))?;
    Ok(recursion_misses(&info))
}

/// The line `recursion_misses:` of a program's fdinfo (Linux 5.12; before that the kernel did not count).
fn recursion_misses(fdinfo: &str) -> u64 {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::recursion_misses;

    #[test]
    fn reads_misses_from_fdinfo() {
        let fdinfo =
            "pos:\t0\nflags:\t02000002\nprog_type:\t26\nrun_cnt:\t7\nrecursion_misses:\t42\n";
        assert_eq!(recursion_misses(fdinfo), 42);
        assert_eq!(recursion_misses("prog_type:\t26\n"), 0);
    }
}
