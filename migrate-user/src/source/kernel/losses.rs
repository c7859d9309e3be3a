//! Reads what was lost, where it was counted.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::Ebpf;
use aya::maps::{Array, MapData};
use aya::programs::Program;
use migrate_ebpf::wire::{LOSS_NAMES, Loss};

use super::TracerError;

/// The map of the probes' counters: one value, of all of them.
const COUNTERS: &str = ".bss.counters";

/// Every [`Loss`], and behind them the number of migrations that ended.
type Counters = [u64; LOSS_NAMES.len() + 1];

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

    /// How many migrations ended, and every [`Loss`]; totals since the probes were loaded.
    pub(super) fn read(
        &self,
        tracer: &Ebpf,
    ) -> Result<(u64, [u64; LOSS_NAMES.len()]), TracerError> {
        let [mut losses @ .., ended] = self.counters.get(&0, 0).map_err(TracerError::Map)?;
        losses[Loss::HookMissed as usize] = missed(tracer)?;
        Ok((ended, losses))
    }
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
