//! Random calls of the driver on the kernel that looks for bugs.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::driver;
use crate::lab::Lab;
use crate::vm::Captured;
use crate::vm::builder::{Outcome, Output, Task};

const FUZZ: &str = "fuzz";
/// On top of the time asked for: boot, start, end, unloading, all on a slow kernel.
const OVERHEAD: Duration = Duration::from_secs(300);

/// Memory that may be missing at the end: KASAN keeps a 32nd of all memory from being used again,
/// and each processor some.
const UNAVAILABLE_KIB: u64 = 256 * 1024;
/// Of that, pages that are in no list of the kernel's: those of the swap space's RAM disk, and
/// KASAN's own.
const UNLISTED_KIB: u64 = 16 * 1024;

/// One run. The same seed makes the same choices, though not the same races.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuzz {
    /// How long it goes on.
    pub(crate) seconds: u32,
    /// It ends sooner after so many calls.
    pub(crate) calls: Option<u64>,
    /// What makes its choices.
    pub(crate) seed: u64,
}

/// What glibc does differently for a program.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// When a thread was preempted, the kernel writes into its `rseq` area. Where a fork has made that
/// page a shared one, it takes memory to do so; where just this allocation is made to fail, the
/// kernel kills the thread with SIGSEGV. That is how Linux is, and nothing that the driver does.
const WITHOUT_RSEQ: &str = "glibc.pthread.rseq=0";

impl Fuzz {
    /// Runs it; `on_line` is shown what the fuzzer says meanwhile. What it says of itself at the
    /// end; an error names the file that the kernel's log is in.
    pub(crate) fn run(self, lab: &Lab, mut on_line: impl FnMut(String)) -> Result<String> {
        let said = Captured::default();
        let console = self.log(lab, "console")?;
        let mut vm = driver::load(lab.vm(FUZZ))
            .console(console.clone())
            .limit(OVERHEAD + 4 * Duration::from_secs(self.seconds.into()))
            .task(
                Task::new(FUZZ, self.argv())
                    .env(TUNABLES, WITHOUT_RSEQ)
                    .stderr(Output::Host(Box::new(said.clone()))),
            )
            .task(driver::unload())
            .start()?;
        while !vm.is_over()? {
            if let Some(line) = last_line(&said) {
                on_line(line);
            }
        }
        let outcome = vm.wait()?;
        judge(&outcome, &said).or_else(|error| {
            let log = self.log(lab, "log")?;
            fs::write(&log, driver::log(&outcome))
                .with_context(|| format!("write {}", log.display()))?;
            Err(error.context(format!("the kernel's log is in {}", log.display())))
        })?;
        // Only failures leave something to look at.
        let _ = fs::remove_file(console);
        let summary = last_line(&said).filter(|line| line.contains(" calls, "));
        let summary = summary.context("the fuzzer does not say how many calls it made")?;
        Ok(summary.trim_start_matches("workload: fuzz: ").to_owned())
    }

    fn argv(self) -> Vec<String> {
        let mut argv = ["workload", "fuzz"].map(str::to_owned).to_vec();
        let numbers = [
            ("--seconds", Some(self.seconds.into())),
            ("--seed", Some(self.seed)),
            ("--calls", self.calls),
        ];
        for (option, number) in numbers {
            if let Some(number) = number {
                argv.extend([option.to_owned(), number.to_string()]);
            }
        }
        argv
    }

    /// A file that stays until the same seed fails again.
    fn log(self, lab: &Lab, kind: &str) -> Result<PathBuf> {
        let folder = lab.setup.workspace.target("xtask/fuzz");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(folder.join(format!("seed-{}.{kind}", self.seed)))
    }
}

fn judge(outcome: &Outcome, said: &Captured) -> Result<()> {
    let said = said.bytes();
    let said = String::from_utf8_lossy(&said);
    // A broken kernel is the reason of much that the fuzzer complains about.
    driver::left_nothing_behind(outcome)?;
    outcome
        .expect_success(FUZZ)
        .map_err(|error| anyhow!("{error:#}{}", said.trim_end()))?;
    memory_is_back(&said)
}

fn memory_is_back(said: &str) -> Result<()> {
    let (before, after) = kib(said, "memory available: ")?;
    ensure!(
        after + UNAVAILABLE_KIB >= before,
        "memory has leaked: {before} KiB were available before, {after} KiB after"
    );
    let (before, after) = kib(said, "in no list: ")?;
    ensure!(
        after <= before + UNLISTED_KIB,
        "pages have leaked: {before} KiB were in none of the kernel's lists before, {after} KiB after"
    );
    Ok(())
}

/// Reads `memory available: 100 KiB before, 90 KiB after`.
fn kib(said: &str, what: &str) -> Result<(u64, u64)> {
    let numbers = said.rsplit_once(what).and_then(|(_, text)| {
        let (before, text) = text.split_once(" KiB before, ")?;
        let (after, _) = text.split_once(" KiB after")?;
        Some((before.parse().ok()?, after.parse().ok()?))
    });
    numbers.with_context(|| format!("the fuzzer does not say how much is in `{what}`"))
}

fn last_line(said: &Captured) -> Option<String> {
    let said = said.bytes();
    let said = String::from_utf8_lossy(&said);
    said.lines().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_be_missing_within_noise() {
        let said = |available: u64, unlisted: u64| {
            format!(
                "x\ny: memory available: 1000000 KiB before, {available} KiB after; \
                 in no list: 50000 KiB before, {unlisted} KiB after\nsummary"
            )
        };
        memory_is_back(&said(990_000, 51_000)).unwrap();
        memory_is_back(&said(1_100_000, 40_000)).unwrap();
        assert!(memory_is_back(&said(500_000, 50_000)).is_err());
        assert!(memory_is_back(&said(1_000_000, 70_000)).is_err());
        assert!(memory_is_back("nothing").is_err());
    }

    #[test]
    fn options_are_passed_on() {
        let fuzz = Fuzz {
            seconds: 9,
            calls: Some(7),
            seed: 3,
        };
        let line = fuzz.argv().join(" ");
        assert_eq!(line, "workload fuzz --seconds 9 --seed 3 --calls 7");
    }
}
