//! Reads what was lost, where it was counted.

use std::mem::offset_of;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::{fs, io};

use aya::Ebpf;
use aya::programs::Program;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{Counted, LOSSES, Loss, names};

use super::TracerError;
use super::attach::Held;

const ENDED: usize = offset_of!(Counted, ended) / 8;
const PHASES_OPENED: usize = offset_of!(Counted, phases_opened) / 8;
const CHANGES: usize = offset_of!(Counted, changes) / 8;
/// Words up to the totals.
const WORDS: usize = offset_of!(Counted, counts) / 8;

const _: () = assert!(offset_of!(Counted, losses) == 0);

/// The probes' counters.
pub(super) struct Losses {
    counters: Mapped,
    /// Migrations whose beginning no hook saw, when they were last asked for; and whether there are
    /// no more, because new ones are not followed.
    hook_missed: u64,
    is_over: bool,
    /// Ends without a beginning that were counted then, and those of them that are a loss of their
    /// own.
    headless: u64,
    strange: u64,
}

/// The programs that see a migration begin, without what tells the method.
const BEGIN: [&str; 4] = ["setup_entry", "range_entry", "pfns_entry", "coherent_entry"];

impl Losses {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        Ok(Self {
            counters: super::mapped(tracer, names::COUNTED, WORDS)?,
            hook_missed: 0,
            is_over: false,
            headless: 0,
            strange: 0,
        })
    }

    /// How many migrations ended, reported or lost, since the probes were loaded.
    pub(super) fn ended(&self) -> u64 {
        self.counters.word(ENDED)
    }

    /// How many phases programs opened, known or lost.
    pub(super) fn phases_opened(&self) -> u64 {
        self.counters.word(PHASES_OPENED)
    }

    /// How often memory has come or gone.
    pub(super) fn changes(&self) -> u64 {
        self.counters.word(CHANGES)
    }

    /// Every [`Loss`], since the probes were loaded. Each migration that is lost is in one of them.
    pub(super) fn read(
        &mut self,
        tracer: &Ebpf,
        held: &Held,
    ) -> Result<[u64; LOSSES], TracerError> {
        let mut losses = [0; LOSSES];
        self.counters.copy_to(0, &mut losses);
        let headless = losses[Loss::Headless as usize];
        // Its beginning was left out before its end was seen, so that whoever asks now is told of
        // it.
        if headless > self.headless {
            self.headless = headless;
            self.ask(tracer, held)?;
        }
        losses[Loss::Headless as usize] = self.strange(losses[Loss::InFlightFull as usize]);
        losses[Loss::HookMissed as usize] = self.hook_missed;
        Ok(losses)
    }

    /// Ends without a beginning that neither a hook that was left out nor a full table explains:
    /// they began before the tracer did. Of those others not every one comes to such an end; what
    /// was told is not taken back.
    fn strange(&mut self, in_flight_full: u64) -> u64 {
        let explained = self.hook_missed.saturating_add(in_flight_full);
        self.strange = self.strange.max(self.headless.saturating_sub(explained));
        self.strange
    }

    /// Asks the kernel how many migrations no hook saw the beginning of, which takes a system call
    /// or more for each hook.
    pub(super) fn ask(&mut self, tracer: &Ebpf, held: &Held) -> Result<(), TracerError> {
        if !self.is_over {
            let missed = unseen(tracer, held).map_err(TracerError::Missed)?;
            // What was missed stays missed.
            self.hook_missed = self.hook_missed.max(missed);
        }
        Ok(())
    }

    /// Asks once more: what is missed from here on would not have been followed.
    pub(super) fn end(&mut self, tracer: &Ebpf, held: &Held) {
        // Were it to fail, it has failed before, and been told.
        let _ = self.ask(tracer, held);
        self.is_over = true;
    }
}

/// How often the kernel left out a hook at which migrations begin. Without it nothing is known of a
/// migration, whatever the others see; where one of those is left out, the migration is incomplete,
/// and counted as that.
fn unseen(tracer: &Ebpf, held: &Held) -> io::Result<u64> {
    let mut missed = 0;
    for hook in BEGIN {
        for name in [hook.to_owned(), format!("{hook}_kprobe")] {
            // A program that is not loaded (any more) misses nothing.
            if let Some(Ok(program)) = tracer.program(&name).map(Program::fd) {
                missed += missed_by(program.as_fd())?;
            }
        }
    }
    let begins = |name: &str| BEGIN.contains(&name);
    let fprobes = held.fprobes.iter().flat_map(|fprobes| fprobes.loaded());
    for (_, program) in fprobes.filter(|(name, _)| begins(name)) {
        missed += missed_by(program)?;
    }
    for (_, link) in held.links.iter().filter(|(name, _)| begins(name)) {
        missed += link.missed()?;
    }
    Ok(missed)
}

/// How often the kernel left a program out, because programs were not to run on that CPU just then.
fn missed_by(program: BorrowedFd<'_>) -> io::Result<u64> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd()))?;
    Ok(recursion_misses(&info))
}

/// The line `recursion_misses:` of a program's fdinfo (Linux 5.12; before that the kernel did not
/// count).
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
